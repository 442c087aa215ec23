"""The job as a whole: same bytes whatever the workers, resumed without decoding, refusals, nothing done."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from tests.features.toys import ToyConfig, ToyCorpus, ToyEncoder, contents, describe, make_corpus, noise, small_corpus

from tymbal.encoders import create_encoder
from tymbal.errors import NothingDoneError, SettingsError, StoreError, UsageError
from tymbal.features import FeatureStore, embed, plan, work
from tymbal.jobs import Silent

SETTINGS: dict[str, Any] = {"segment_s": 2.0}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "SHARD_UNITS", 4)


def test_bytes_do_not_depend_on_workers_or_place(tmp_path: Path) -> None:
    corpus = small_corpus(tmp_path / "sound")
    threads = torch.get_num_threads()
    embed(corpus, ToyEncoder(), tmp_path / "one", workers=1, **SETTINGS)
    assert torch.get_num_threads() == threads
    embed(corpus, ToyEncoder(), tmp_path / "two", workers=2, **SETTINGS)
    elsewhere = small_corpus(tmp_path / "other place" / "sound")
    embed(elsewhere, ToyEncoder(), tmp_path / "three", workers=1, **SETTINGS)
    assert contents(tmp_path / "one") == contents(tmp_path / "two") == contents(tmp_path / "three")


def test_a_worker_that_crashes_costs_the_recording_that_crashed_it(tmp_path: Path) -> None:
    sounds = {f"{index}.wav": noise(500, seed=index) * 0.5 for index in range(9)}
    sounds["4.wav"][100] = 0.99
    corpus = make_corpus(tmp_path / "sound", sounds, 1000)
    store = embed(corpus, ToyEncoder(ToyConfig(kills=0.95)), tmp_path / "store", workers=2, **SETTINGS)
    assert store.failures.select("recording", "error").rows() == [("4.wav", "WorkerDied")]
    assert store.units["recording"].to_list() == [name for name in sorted(sounds) if name != "4.wav"]


def test_what_is_there_is_not_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = small_corpus(tmp_path / "sound")
    embed(corpus, ToyEncoder(), tmp_path / "store", workers=1, **SETTINGS)
    before = contents(tmp_path / "store")
    removed = sorted((tmp_path / "store" / "shards").iterdir())[0]
    removed.unlink()
    read: list[str] = []
    reader = work.AudioReader

    def spy(path: Any, **options: Any) -> Any:
        read.append(Path(path).name)
        return reader(path, **options)

    monkeypatch.setattr(work, "AudioReader", spy)
    embed(corpus, ToyEncoder(), tmp_path / "store", workers=1, **SETTINGS)
    assert 0 < len(read) < 7
    assert contents(tmp_path / "store") == before
    for path in (tmp_path / "sound").rglob("*.*"):
        path.unlink()
    read.clear()
    embed(corpus, ToyEncoder(), tmp_path / "store", workers=1, **SETTINGS)
    assert read == []
    assert contents(tmp_path / "store") == before


def test_progress_counts_recordings_and_failed_segments(tmp_path: Path) -> None:
    class Recorder(Silent):
        started: tuple[int, int] = (0, 0)
        items, failures, audio_s = 0, 0, 0.0

        def start(self, title: str, total: int, *, resumed: int = 0) -> None:
            self.started = (total, resumed)

        def advance(self, items: int, *, audio_s: float = 0.0, failures: int = 0) -> None:
            self.items, self.audio_s = self.items + items, self.audio_s + audio_s
            self.failures += failures

    sound = noise(5000) * 0.5
    sound[4500] = 0.99
    corpus = make_corpus(tmp_path / "sound", {"a.wav": sound, "b.wav": noise(500)}, 1000)
    progress = Recorder()
    encoder = ToyEncoder(ToyConfig(fails=0.95))
    embed(corpus, encoder, tmp_path / "store", workers=1, progress=progress, **SETTINGS)
    assert progress.started == (2, 0)
    assert (progress.items, progress.failures, progress.audio_s) == (2, 1, 4.5)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dtype": "float32"}, "dtype of the rows"),
        ({"layers": "fine"}, "layers"),
        ({"segment_s": 3.0}, "segment"),
        ({"frames": 4}, "frames"),
        ({"encoder": ToyEncoder(ToyConfig(gain=2.0))}, r"gain of the encoder: there 1\.0, asked for 2\.0"),
    ],
)
def test_a_store_made_with_other_settings_is_refused_and_kept(
    tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    corpus = make_corpus(tmp_path / "sound", {"a.wav": noise(500)}, 1000)
    embed(corpus, ToyEncoder(), tmp_path / "store", workers=1, **SETTINGS)
    before = contents(tmp_path / "store")
    given = {"encoder": ToyEncoder(), **SETTINGS, **options}
    with pytest.raises(StoreError, match=told):
        embed(corpus, given.pop("encoder"), tmp_path / "store", workers=1, **given)
    assert contents(tmp_path / "store") == before


def test_recordings_added_later_join_the_store(tmp_path: Path) -> None:
    corpus = small_corpus(tmp_path / "sound")
    fewer = ToyCorpus(corpus.root, corpus.recordings.filter(pl.col("recording") != "g.wav"))
    embed(fewer, ToyEncoder(), tmp_path / "grown", workers=1, **SETTINGS)
    grown = embed(corpus, ToyEncoder(), tmp_path / "grown", workers=1, **SETTINGS)
    embed(corpus, ToyEncoder(), tmp_path / "fresh", workers=1, **SETTINGS)
    assert contents(tmp_path / "grown") == contents(tmp_path / "fresh")
    assert "g.wav" in grown.units["recording"]


def test_an_unfinished_store_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(BaseException):
        pass

    def stop(*_: object) -> None:
        raise Stop

    corpus = small_corpus(tmp_path / "sound")
    with monkeypatch.context() as patch:
        patch.setattr("tymbal.features.write.ShardWriter.save", stop)
        with pytest.raises(Stop):
            embed(corpus, ToyEncoder(), tmp_path / "store", workers=1, **SETTINGS)
    with pytest.raises(StoreError, match=r"not finished.*again"):
        FeatureStore.open(tmp_path / "store")
    assert embed(corpus, ToyEncoder(), tmp_path / "store", workers=1, **SETTINGS).units.height == 12


def test_a_job_without_a_single_result_ends_with_an_error_and_its_reasons(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "sound", {"a.wav": noise(500), "b.wav": noise(500)}, 1000)
    for path in (tmp_path / "sound").iterdir():
        path.unlink()
    with pytest.raises(NothingDoneError, match=r"all 2 recordings failed.*a\.wav.*failures\.csv") as caught:
        embed(corpus, ToyEncoder(), tmp_path / "store", workers=1, **SETTINGS)
    assert caught.value.exit_code == 5
    assert pl.read_csv(tmp_path / "store" / "failures.csv")["recording"].to_list() == ["a.wav", "b.wav"]
    with pytest.raises(StoreError, match="not finished"):
        FeatureStore.open(tmp_path / "store")


def test_the_manifest_says_what_the_store_is(tmp_path: Path) -> None:
    sounds = {"a.wav": noise(500), "b.wav": noise(900)}
    corpus = make_corpus(tmp_path / "sound", sounds, {"a.wav": 1000, "b.wav": 2000})
    encoder = ToyEncoder(ToyConfig(sample_rate=None))
    store = embed(corpus, encoder, tmp_path / "store", workers=1, frames=4, segment_s=1.0)
    found = json.loads((tmp_path / "store" / "manifest.json").read_text())
    assert found["parameters"]["encoder_checksum"] == encoder.checksum
    assert found["encoder_config"]["gain"] == 1.0
    assert [each["name"] for each in found["layers"]] == ["fine", "coarse", "clip"]
    assert found["layers"][0]["grids"]["2000"]["hop_s"] == pytest.approx(0.25)
    assert found["layers"][2]["grids"]["1000"]["receptive_s"] is None
    assert [fault["code"] for fault in found["faults"]] == ["mixed_rates"]
    assert found["counts"] == {"recordings": 2, "embedded": 2, "units": 2, "rows": 12, "failures": 0}
    assert found["complete"] is True
    assert "time" not in json.dumps(found).lower()
    assert store.units["sample_rate_hz"].to_list() == [1000, 2000]


def test_an_encoder_in_training_is_left_as_it_is(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "sound", {"a.wav": noise(500)}, 1000)
    encoder = ToyEncoder()
    encoder.train()
    embed(corpus, encoder, tmp_path / "store", workers=1, **SETTINGS)
    assert encoder.training
    assert encoder.weight.requires_grad


def test_a_recording_indexed_again_after_a_change_is_embedded_anew(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "sound", {"a.wav": noise(500), "b.wav": noise(500)}, 1000)
    first = embed(corpus, ToyEncoder(), tmp_path / "store", workers=1, **SETTINGS)
    make_corpus(tmp_path / "sound", {"a.wav": noise(700, seed=5)}, 1000)
    rows = [describe(tmp_path / "sound", "a.wav", 1000, 1, 700), describe(tmp_path / "sound", "b.wav", 1000, 1, 500)]
    second = embed(ToyCorpus(corpus.root, pl.DataFrame(rows)), ToyEncoder(), tmp_path / "store", workers=1, **SETTINGS)
    assert first.digest != second.digest
    assert second.units["end_s"].to_list() == [0.7, 0.5]
    assert second.verify() == ()


def test_an_encoder_may_be_named_and_options_that_are_none_are_refused(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "sound", {"a.wav": noise(4000, seed=0)}, 8000)
    store = embed(corpus, "spectral", tmp_path / "s", layers="mfcc", frames=2)
    assert (store.manifest.encoder, store.layers) == ("spectral", ("mfcc",))
    again = embed(corpus, create_encoder("spectral"), tmp_path / "s", layers="mfcc", frames=2)
    assert again.digest == store.digest
    with pytest.raises(UsageError, match=r"there is no 'segment'.*Did you mean 'segment_s'"):
        embed(corpus, "spectral", tmp_path / "t", segment=1.0)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match=r"frames is 2.5 .allowed: a whole number or None."):
        embed(corpus, "spectral", tmp_path / "t", frames=2.5)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="frames: there 2, asked for 3"):
        embed(corpus, "spectral", tmp_path / "s", layers="mfcc", frames=3)
    assert not (tmp_path / "t").exists()


class TestDevice:
    """Where the encoder runs: rows of another kind of device never join those of the CPU."""

    def test_the_kind_is_kept_and_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        corpus, store = small_corpus(tmp_path / "sound"), tmp_path / "store"
        embed(corpus, ToyEncoder(), store, device="cpu", **SETTINGS)
        assert "device" not in FeatureStore.open(store).manifest.parameters  # as every store before
        monkeypatch.setattr(sys.modules["tymbal.features.embed"], "usable_device", torch.device)
        with pytest.raises(SettingsError, match="device: there None, asked for 'cuda'"):
            embed(corpus, ToyEncoder(), store, device="cuda:0", **SETTINGS)

    def test_what_cannot_run_there_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        corpus = small_corpus(tmp_path / "sound")
        with pytest.raises(UsageError, match="device is 'toaster'"):
            embed(corpus, ToyEncoder(), tmp_path / "store", device="toaster", **SETTINGS)
        encoder = ToyEncoder()
        encoder.numerics = "int8"
        monkeypatch.setattr(sys.modules["tymbal.features.embed"], "usable_device", torch.device)
        with pytest.raises(UsageError, match="int8 runs on the CPU alone"):
            embed(corpus, encoder, tmp_path / "store", device="cuda", **SETTINGS)

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
    @pytest.mark.parametrize("name", ["spectral", "melcnn", "meltransformer"])
    def test_rows_agree_but_for_rounding(self, name: str, tmp_path: Path) -> None:
        corpus, encoder = small_corpus(tmp_path / "sound"), create_encoder(name)
        options: dict[str, Any] = {"segment_s": 2.0, "dtype": "float32"}
        here = embed(corpus, encoder, tmp_path / "cpu", **options)
        there = embed(corpus, encoder, tmp_path / "cuda", device="cuda", **options)
        assert all(parameter.device.type == "cpu" for parameter in encoder.parameters())
        for layer in here.layers:
            one, other = (
                torch.from_numpy(store.read_range(layer, 0, store.rows(layer)).copy()) for store in (here, there)
            )
            torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-3 * float(one.abs().max()))
