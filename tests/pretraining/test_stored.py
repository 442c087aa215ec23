"""Crops of a store: which recordings, which labels they carry, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.pretraining.conftest import PICTURE

import tymbal
from tymbal.corpus.indexing import index
from tymbal.encoders import create_encoder
from tymbal.errors import DataError
from tymbal.features import embed
from tymbal.pretraining.crops import Crops
from tymbal.pretraining.sources import SourceConfig, labels_of, open_source
from tymbal.pretraining.stored import StoredSource


def opened(root: Path, **config: object) -> StoredSource:
    source = open_source(SourceConfig(store="store", **config), root)  # type: ignore[arg-type]
    assert isinstance(source, StoredSource)
    return source


def test_a_fifth_of_the_event_must_lie_in_the_crop(pictures: Path) -> None:
    source = opened(pictures, corpus="corpus")
    unit = next(at for at, (recording, _) in enumerate(source.keys) if recording == "0.wav")  # low 0.25-0.75 s
    assert source.heard(unit, 0, 30) == ()  # 0.05 s of 0.30
    assert source.heard(unit, 0, 35) == ("low",)  # 0.095 s of 0.35
    assert source.heard(unit, 60, 160) == ("low", "high")


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
        assert isinstance(source, StoredSource)
        told = {key: list(source.heard(unit, 0, 40)) for unit, key in enumerate(source.keys)}
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
