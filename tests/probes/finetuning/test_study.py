from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from tests.probes.finetuning.conftest import RATE_HZ, build, chirp
from tests.probes.finetuning.test_tuning import quick

from tymbal.corpus import Corpus, index, make_split
from tymbal.errors import EncoderError, TymbalError, UsageError
from tymbal.jobs import Silent
from tymbal.probes import StudyConfig
from tymbal.probes.finetuning import FinetuneConfig, FineTuned, Machine, run_finetuning
from tymbal.probes.finetuning.tuning import tapped

STUDY = StudyConfig(label="call", split="named", metric="accuracy", seeds=2)


@pytest.fixture(scope="session")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of 24 chirps in 8 sessions, splits "named" (train, validation, test) and "halves"."""
    folder = tmp_path_factory.mktemp("calls")
    rng = np.random.default_rng(0)
    rows = ["recording,call,session"]
    for number in range(24):
        up = number % 2 == 0
        soundfile.write(folder / f"{number:02d}.wav", chirp(rng, up), RATE_HZ, subtype="FLOAT")
        rows.append(f"{number:02d}.wav,{'up' if up else 'down'},s{number // 3}")
    (folder / "calls.csv").write_text("\n".join(rows) + "\n")
    corpus = index(folder, out=folder / "corpus", metadata=[folder / "calls.csv"], workers=1)
    make_split(corpus, "named", by="session", folds={"train": 0.5, "validation": 0.25, "test": 0.25})
    make_split(corpus, "halves", by="session", folds=2)
    return corpus.path


def config(**fields: object) -> FinetuneConfig:
    return quick(encoder_learning_rate=1e-2, **fields)


def test_a_run_holds_what_a_probe_run_holds(calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Corpus.open(calls)
    given = []
    fit = FineTuned.fit
    monkeypatch.setattr(FineTuned, "fit", lambda self, *args, **rest: given.append(rest) or fit(self, *args, **rest))
    found = run_finetuning(corpus, build("hubert"), STUDY, config(mode="lora", rank=2), tmp_path, audited=False)
    assert json.loads((tmp_path / "results.json").read_text()) == json.loads(json.dumps(found))
    assert set(found["probes"]) == {"finetuned", "baseline"}
    estimate = found["probes"]["finetuned"]["metrics"]["accuracy"]
    assert 0 <= estimate["value"] <= 1
    assert estimate["unit_name"] == "session"
    pairs = {(row["a"], row["b"], row["metric"]) for row in found["differences"]}
    assert ("finetuned", "baseline", "accuracy") in pairs
    notes = found["probes"]["finetuned"]["notes"]["test"]
    assert notes["encoder_parameters"] > 0
    rows = pl.read_parquet(tmp_path / "predictions.parquet")
    tuned = rows.filter((pl.col("probe") == "finetuned") & (pl.col("seed") == 0))
    assert set(rows["probe"]) == {"finetuned", "baseline"}
    model = FineTuned.load(tmp_path / "model_test.safetensors", encoder=build("hubert"))
    events = corpus.examples("call", scheme="named").filter(pl.col("fold") == "test")
    again = dict(zip(events["event_id"], model.predict(model.sounds(corpus, events)), strict=True))
    assert [again[event] for event in tuned["event_id"]] == tuned["predicted"].to_list()
    assert not (tmp_path / "training").exists()
    folds = corpus.examples("call", scheme="named")["fold"].to_list()
    assert len(given) == 2
    assert {folds[row] for row in given[0]["rows"]} == {"train"}
    assert {folds[row] for row in given[0]["watch"]} == {"validation"}
    reads = [json.loads(line) for line in (calls / "test_reads.jsonl").read_text().splitlines()]
    assert reads[-1]["label"] == "call"


@pytest.mark.parametrize("fusion", ["weighted_sum", "surface"])
def test_layer_weights_stand_under_the_names_of_their_layers(calls: Path, tmp_path: Path, fusion: str) -> None:
    encoder, study = build("hubert"), replace(STUDY, seeds=1)
    own = config(mode="layernorm", layers="all", fusion=fusion)
    found = run_finetuning(Corpus.open(calls), encoder, study, own, tmp_path, audited=False)["probes"]
    for row in found.values():
        assert tuple(row["layer_weights"]) == tapped(own, encoder)
        assert sum(mean for mean, *_ in row["layer_weights"].values()) == pytest.approx(1, abs=1e-5)


class Interrupting(Silent):
    """Ctrl-C at the n-th step of a training."""

    def __init__(self, at: int) -> None:
        self.at, self.title = at, ""

    def start(self, title: str, total: int, *, resumed: int = 0) -> None:
        self.title = title

    def advance(self, items: int, *, audio_s: float = 0.0, failures: int = 0) -> None:
        if self.title.startswith("training"):
            self.at -= 1
            if not self.at:
                raise KeyboardInterrupt


def test_a_run_that_was_interrupted_ends_with_the_same_bytes(calls: Path, tmp_path: Path) -> None:
    corpus, encoder = Corpus.open(calls), build("cnn14")
    study = StudyConfig(label="call", split="halves", metric="accuracy", seeds=1)
    own = config(mode="layernorm")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    wanted = run_finetuning(corpus, encoder, study, own, whole, audited=False)
    with pytest.raises(KeyboardInterrupt):
        run_finetuning(corpus, encoder, study, own, broken, audited=False, machine=Machine(progress=Interrupting(4)))
    assert not (broken / "results.json").exists()
    found = run_finetuning(corpus, encoder, study, own, broken, audited=False)
    assert {**found, "test_reads": []} == {**wanted, "test_reads": []}
    for file in ("model_0.safetensors", "model_1.safetensors", "predictions.parquet"):
        assert (broken / file).read_bytes() == (whole / file).read_bytes(), file
    times = {path: path.stat().st_mtime_ns for path in whole.glob("model_*")}
    run_finetuning(corpus, encoder, study, own, whole, audited=False)
    assert times == {path: path.stat().st_mtime_ns for path in whole.glob("model_*")}
    with pytest.raises(UsageError, match="other settings"):
        run_finetuning(corpus, encoder, study, config(mode="full"), whole, audited=False)


def test_what_cannot_be_trained_is_refused_before_anything_is_written(calls: Path, tmp_path: Path) -> None:
    encoder = build("bagnet")
    encoder.numerics = "bfloat16"
    with pytest.raises(EncoderError, match="take no gradient"):
        run_finetuning(Corpus.open(calls), encoder, STUDY, config(), tmp_path / "out")
    for wrong in (replace(STUDY, split="none"), replace(STUDY, label="none"), replace(STUDY, least_groups=99)):
        with pytest.raises(TymbalError):
            run_finetuning(Corpus.open(calls), build("bagnet"), wrong, config(), tmp_path / "out")
    assert not (tmp_path / "out").exists()
