from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tymbal.corpus import Corpus
from tymbal.errors import UsageError
from tymbal.features import FeatureStore, examples
from tymbal.jobs import Silent, only_writer
from tymbal.probes import Probe, ProbeConfig, StudyConfig, run_study
from tymbal.training import TrainingConfig

PROBE = ProbeConfig(dim=8, training=TrainingConfig(epochs=8, batch_size=16, learning_rate=5e-3))
CONFIG = StudyConfig(
    label="call",
    split="folds",
    heads=("linear", "ridge"),
    layers=("last", "all"),
    seeds=2,
    metric="accuracy",
    unit_name="session",
    inner_folds=2,
    frames=4,
    probe=PROBE,
)
PROBES = ["linear-last", "linear-all", "ridge-last", "ridge-all", "baseline"]
Opened = tuple[Corpus, FeatureStore]


@pytest.fixture(scope="module")
def finished(tones: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole study with its audit."""
    out = tmp_path_factory.mktemp("finished")
    run_study(Corpus.open(tones[0]), FeatureStore.open(tones[1]), CONFIG, out)
    return out


def results_in(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "results.json").read_text())


def test_the_run_directory_holds_what_the_report_reads(opened: Opened, finished: Path) -> None:
    _, store = opened
    results = results_in(finished)
    assert results["task"]["labels"] == ["buzz", "chirp", "whistle"]
    assert (results["task"]["examples"], results["task"]["groups"], results["task"]["primary"]) == (72, 8, "accuracy")
    assert set(results["probes"]) == set(PROBES)
    assert results["baseline"] == "baseline"
    assert results["provenance"]["encoder"] == "spectral"
    assert results["provenance"]["encoder_checksum"] == store.manifest.encoder_checksum
    assert [layer["name"] for layer in results["provenance"]["layers"]] == list(store.layers)
    weights = results["probes"]["linear-all"]["layer_weights"]
    assert set(weights) == set(store.layers)
    assert all(low <= mean <= high for mean, low, high in weights.values())
    assert results["probes"]["ridge-all"]["layer_weights"] is None
    assert len(results["probes"]["linear-all"]["seeds"]["accuracy"]) == 2
    assert len(results["probes"]["ridge-all"]["seeds"]["accuracy"]) == 1
    chosen = {fold: probe for probe, row in results["probes"].items() for fold in row["chosen_folds"]}
    assert chosen == results["selected"]["choices"]
    assert "baseline" not in chosen.values()
    assert {(row["a"], row["b"]) for row in results["differences"]} == {
        *((name, "baseline") for name in ("selected", *PROBES[:4])),
        ("linear-all", "linear-last"),
        ("ridge-all", "ridge-last"),
    }
    assert tomllib.loads((finished / "run.toml").read_text())["study"]["metric"] == "accuracy"
    assert results["selected"]["metrics"]["accuracy"]["value"] > 0.7
    assert results["selected"]["metrics"]["accuracy"]["low"] is not None


def test_the_numbers_are_those_of_the_predictions(finished: Path) -> None:
    results = results_in(finished)
    table = pl.read_parquet(finished / "predictions.parquet")
    assert table.height == 72 * (2 + 2 + 1 + 1 + 1)
    right = (pl.col("reference") == pl.col("predicted")).mean()
    by_probe = dict(table.group_by("probe").agg(right).iter_rows())
    for name in PROBES:
        assert results["probes"][name]["metrics"]["accuracy"]["value"] == pytest.approx(by_probe[name])
        assert results["probes"][name]["metrics"]["accuracy"]["units"] == 8
        assert results["probes"][name]["metrics"]["accuracy"]["examples"] == 72
        seeds = table.filter(pl.col("probe") == name).group_by("seed").agg(right).sort("seed")
        assert results["probes"][name]["seeds"]["accuracy"] == pytest.approx(seeds["reference"].to_list())
    choices = pl.DataFrame(
        {"fold": list(results["selected"]["choices"]), "probe": results["selected"]["choices"].values()}
    )
    picked = table.join(choices, on=["fold", "probe"])
    by_fold = picked.group_by("fold", "seed").agg(right.alias("right"), pl.len()).group_by("fold")
    mean = by_fold.agg(pl.col("right").mean(), pl.col("len").first())
    expected = (mean["right"] * mean["len"]).sum() / 72
    assert results["selected"]["metrics"]["accuracy"]["value"] == pytest.approx(expected)
    gap = next(row for row in results["differences"] if (row["a"], row["metric"]) == ("selected", "accuracy"))
    assert gap["value"] == pytest.approx(expected - by_probe["baseline"])
    assert set(table["session"].unique()) <= {str(number) for number in range(8)} | set(range(8))


def test_the_picked_probe_of_each_fold_is_kept_and_predicts_what_was_reported(opened: Opened, finished: Path) -> None:
    corpus, store = opened
    results = results_in(finished)
    table = pl.read_parquet(finished / "predictions.parquet")
    every = examples(store, corpus.examples("call"), frames=4)
    for fold, name in results["selected"]["choices"].items():
        probe = Probe.load(
            finished / f"probe_{fold}.safetensors",
            encoder_checksum=store.manifest.encoder_checksum,
            layers=store.layers,
        )
        assert probe.provenance_["encoder"] == "spectral"
        rows = table.filter((pl.col("fold") == fold) & (pl.col("probe") == name) & (pl.col("seed") == 0))
        place = {event: row for row, event in enumerate(every.table["event_id"])}
        scores = probe.predict_proba(every, rows=[place[event] for event in rows["event_id"]])
        np.testing.assert_allclose(scores, np.array(rows["scores"].to_list()), atol=1e-5)


class Stops(Silent):
    """Interrupts a study after so many fits."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, items: int, *, audio_s: float = 0.0, failures: int = 0) -> None:
        self.left -= 1
        if self.left <= 0:
            raise KeyboardInterrupt


def kept(folder: Path) -> dict[str, bytes]:
    """Every file but what the fits cost, which is read off a clock."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".cost.json")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_stopped_study_resumes_to_the_same_bytes_without_fitting_again(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(CONFIG, inner_folds=3)
    straight = tmp_path / "straight"
    run_study(*opened, config, straight, audited=False)
    fits = len(list((straight / "fits").glob("*.safetensors"))) - len(list((straight / "fits").glob("*.probe.*")))
    assert fits == 4 * 3 * 4 + 4 * (2 + 2 + 1 + 1 + 1)
    counted = 0
    original = Probe.fit

    def counting(self: Probe, *args: object, **kwargs: object) -> Probe:
        nonlocal counted
        counted += 1
        return original(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Probe, "fit", counting)
    for after in (1, 20, 15):
        with pytest.raises(KeyboardInterrupt):
            run_study(*opened, config, tmp_path / "stopped", audited=False, progress=Stops(after))
    run_study(*opened, config, tmp_path / "stopped", audited=False)
    assert counted == fits
    assert kept(tmp_path / "stopped") == kept(straight)


def test_two_workers_end_with_the_same_bytes(opened: Opened, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, heads=("attention",), seeds=1, layers=("all",))  # nothing to choose among
    for workers in (1, 2):
        run_study(*opened, config, tmp_path / str(workers), audited=False, workers=workers)
    assert kept(tmp_path / "1") == kept(tmp_path / "2")


def test_another_study_does_not_go_into_the_same_folder(opened: Opened, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, heads=("ridge",), layers=("last",))
    run_study(*opened, config, tmp_path, audited=False)
    with pytest.raises(UsageError, match="other settings"):
        run_study(*opened, dataclasses.replace(config, metric="auroc"), tmp_path, audited=False)


def test_reads_of_the_test_folds_are_written_down(opened: Opened, tmp_path: Path) -> None:
    corpus, store = opened
    config = dataclasses.replace(CONFIG, heads=("ridge",))
    first = run_study(corpus, store, config, tmp_path / "a", audited=False)
    assert [row["earlier_studies"] for row in first["test_reads"]] == [0] * 4
    assert [row["fold"] for row in first["test_reads"]] == ["0", "1", "2", "3"]
    assert sum(row["examples"] for row in first["test_reads"]) == 72
    assert run_study(corpus, store, config, tmp_path / "a", audited=False) == first
    other = dataclasses.replace(config, frames=3)
    second = run_study(corpus, store, other, tmp_path / "b", audited=False)
    assert second["test_reads"][0]["earlier_studies"] == 1
    assert len((corpus.path / "test_reads.jsonl").read_text().splitlines()) == 2
    elsewhere = dataclasses.replace(config, split="named")
    assert run_study(corpus, store, elsewhere, tmp_path / "c", audited=False)["test_reads"][0]["earlier_studies"] == 0


def test_choices_are_written_before_any_test_fold_is_read(opened: Opened, tmp_path: Path) -> None:
    class Watch(Silent):
        def __init__(self) -> None:
            self.seen: list[tuple[str, bool]] = []

        def start(self, title: str, total: int, *, resumed: int = 0) -> None:
            self.seen.append((title, (tmp_path / "choices.json").exists()))

    watch = Watch()
    config = dataclasses.replace(CONFIG, heads=("ridge",))
    run_study(*opened, config, tmp_path, audited=False, progress=watch)
    assert watch.seen == [("choosing inside the training folds", False), ("fitting and testing", True)]


def test_named_folds_test_once_and_choose_on_validation(opened: Opened, tmp_path: Path) -> None:
    results = run_study(*opened, dataclasses.replace(CONFIG, split="named", heads=("ridge",)), tmp_path, audited=False)
    assert list(results["selected"]["choices"]) == ["test"]
    assert results["test_reads"][0]["examples"] < 72
    assert results["selected"]["metrics"]["accuracy"]["low"] is None  # too few sessions for an interval
    assert len(results["selected"]["metrics"]["accuracy"]["per_unit"]) < 8


def test_what_the_audit_finds_is_kept(finished: Path) -> None:
    audit = results_in(finished)["audit"]
    assert all(set(row) == {"code", "severity", "message"} for row in audit)
    assert any("session" in row["message"] for row in audit)


def test_one_process_at_a_time_writes_a_run(opened: Opened, tmp_path: Path) -> None:
    with only_writer(tmp_path / "run"), pytest.raises(UsageError, match="another process is writing"):
        run_study(*opened, CONFIG, tmp_path / "run", audited=False)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".tymbal-lock"]
