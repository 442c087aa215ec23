"""Crops: where they are drawn, what they hold, which labels they carry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tests.pretraining.conftest import PICTURE

import tymbal
from tymbal.corpus.indexing import index
from tymbal.encoders import create_encoder
from tymbal.errors import DataError
from tymbal.features import embed
from tymbal.pretraining.crops import LAYER, Crops, Source, SourceConfig, labels_of, open_source


def opened(root: Path, **config: object) -> Source:
    return open_source(SourceConfig(store="store", **config), root)  # type: ignore[arg-type]


def test_crops_are_rows_of_the_store_and_repeat_with_the_generator(pictures: Path) -> None:
    source = opened(pictures)
    assert source.hours == pytest.approx(16 / 3600)
    crops = Crops([source], frames=50, examples=30)
    torch.manual_seed(1)
    first = crops.batch(torch.arange(30))
    torch.manual_seed(1)
    again = crops.batch(torch.arange(30))
    assert torch.equal(first.pictures, again.pictures)
    assert first.labels is None
    assert bool(first.real.all())
    everything = source.store.read_range(LAYER, 0, source.store.rows(LAYER)).astype(np.float32)
    at = {row.tobytes(): number for number, row in enumerate(everything)}
    starts = set()
    for crop in first.pictures.numpy():
        start = at[crop[0].tobytes()]
        np.testing.assert_array_equal(crop, everything[start : start + 50])
        starts.add(start)
        assert start // 200 == (start + 49) // 200  # no crop crosses two recordings
    assert len(starts) > 20


def test_crops_longer_than_a_recording_are_filled_up_and_masked(pictures: Path) -> None:
    batch = Crops([opened(pictures)], frames=300, examples=4).batch(torch.arange(4))
    assert batch.real.sum(1).tolist() == [200] * 4
    assert bool((batch.pictures[:, 200:] == 0).all())


def test_labels_are_those_of_the_events_that_a_crop_holds_enough_of(pictures: Path) -> None:
    source = opened(pictures, corpus="corpus")
    labels = labels_of([source])
    assert labels == ("high", "low")
    crops = Crops([source], frames=40, examples=200, labels=labels)
    torch.manual_seed(0)
    pictures_, _, told = crops.batch(torch.arange(200))
    assert told is not None
    assert set(map(tuple, told.tolist())) <= {(1.0, 0.0), (0.0, 1.0)}  # 0.4 s: never both
    assert 60 < int(told[:, 0].sum()) < 140
    # A high tone has its power in the upper bands: the label is that of what is heard.
    upper, lower = (pictures_[:, :, part].amax((1, 2)) for part in (slice(10, 16), slice(0, 6)))
    assert torch.equal(upper > lower, told[:, 0] == 1)


def test_a_fifth_of_the_event_must_lie_in_the_crop(pictures: Path) -> None:
    source = opened(pictures, corpus="corpus")
    crops = Crops([source], frames=40, examples=1, labels=labels_of([source]))
    unit = next(at for at, (recording, _) in enumerate(source.keys) if recording == "0.wav")  # low 0.25-0.75 s
    assert crops._heard(source, unit, 0, 30) == []  # 0.05 s of 0.30
    assert crops._heard(source, unit, 0, 35) == ["low"]  # 0.095 s of 0.35
    assert crops._heard(source, unit, 60, 160) == ["low", "high"]


def test_labels_of_whole_recordings_and_of_single_channels_are_heard_where_they_belong(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * generator.normal(size=(8000, 2)), 8000)
    rows = ["recording,channel,onset_s,offset_s,label", "a.wav,1,0.0,1.0,left", "a.wav,2,0.0,1.0,right"]
    (tmp_path / "events.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "birds.csv").write_text("recording,bird\na.wav,Ann\nb.wav,Bob\n")
    given = {"annotations": [tmp_path / "events.csv"], "metadata": [tmp_path / "birds.csv"]}
    for name, label in (("calls", None), ("birds", "bird")):
        corpus = index(tmp_path, out=tmp_path / name, label=label, workers=1, **given)  # type: ignore[arg-type]
        store = tmp_path / f"{name}.store"
        embed(corpus, create_encoder("picture", **PICTURE), store, workers=1, channels="each")
        source = open_source(SourceConfig(store.name, corpus=name), tmp_path)
        crops = Crops([source], frames=40, examples=1, labels=labels_of([source]))
        told = {key: crops._heard(source, unit, 0, 40) for unit, key in enumerate(source.keys)}
        if name == "calls":
            assert {key: told[key] for key in told if key[0] == "a.wav"} == {
                ("a.wav", 1): ["left"],
                ("a.wav", 2): ["right"],
            }
            assert len(source.anchors) == 2
        else:
            assert told == {
                (f"{bird[0].lower()}.wav", channel): [bird] for bird in ("Ann", "Bob") for channel in (1, 2)
            }


def test_weights_share_out_an_epoch(pictures: Path) -> None:
    two = [opened(pictures, weight=3.0), opened(pictures)]
    crops = Crops(two, frames=20, examples=100)
    assert len(crops) == 100
    assert crops.ends.tolist() == [75, 100]


def test_what_does_not_fit_is_refused(pictures: Path) -> None:
    with pytest.raises(DataError, match="needs the corpus"):
        opened(pictures, where="fold=1")
    with pytest.raises(DataError, match=r"no column 'fold'"):
        opened(pictures, where="fold=1", corpus="corpus")
    with pytest.raises(DataError, match="nothing is left"):
        opened(pictures, where="recording=9.wav", corpus="corpus")
    with pytest.raises(DataError, match=r"no labels.*corpus"):
        labels_of([opened(pictures)])
    with pytest.raises(DataError, match="weights above 0"):
        Crops([opened(pictures, weight=0.0)], frames=20, examples=10)
    assert len(opened(pictures, where="recording=3.wav", corpus="corpus").keys) == 1


def test_recordings_without_labels_can_be_chosen_by_their_corpus(pictures: Path) -> None:
    index(pictures / "sounds", out=pictures / "bare", workers=1)
    with pytest.raises(DataError, match="no column 'label'"):
        opened(pictures, where="recording=3.wav", corpus="bare")
    source = open_source(SourceConfig("store", corpus="bare", where="recording=3.wav"), pictures, labelled=False)
    assert [recording for recording, _ in source.keys] == ["3.wav"]


def test_labels_of_other_recordings_are_no_classes(pictures: Path, tmp_path: Path) -> None:
    corpus = tymbal.index(
        pictures / "sounds", out=tmp_path / "corpus", annotations=[_with_third(pictures, tmp_path)], workers=1
    )
    assert set(corpus.events["label"]) == {"high", "low", "third"}
    config = SourceConfig(store=str(pictures / "store"), corpus=str(tmp_path / "corpus"), where="recording=3.wav")
    assert labels_of([open_source(config, Path())]) == ("high", "low")


def _with_third(pictures: Path, folder: Path) -> Path:
    """The events, and one of a third label in a recording that is not chosen."""
    text = (pictures / "events.csv").read_text().rstrip() + "\n5.wav,1.8,1.9,third\n"
    (folder / "events.csv").write_text(text)
    return folder / "events.csv"
