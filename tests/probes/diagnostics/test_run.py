"""A whole diagnosis: what is written, resumed, logged and refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tymbal.corpus import Corpus
from tymbal.errors import UsageError
from tymbal.features import FeatureStore
from tymbal.jobs import Silent
from tymbal.probes import DIAGNOSTICS, DiagnoseConfig, Probe, ProbeConfig, diagnose

CONFIG = DiagnoseConfig(
    label="call",
    frames=4,
    inner_folds=2,
    layers=("mfcc", "all"),
    columns=("session",),
    permutations=39,
    shuffles=1,
    orders=1,
    probe=ProbeConfig(statistics=("mean",)),
)
Opened = tuple[Corpus, FeatureStore]


@pytest.fixture(scope="module")
def finished(tones: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diagnosis with everything."""
    out = tmp_path_factory.mktemp("diagnosed")
    diagnose(Corpus.open(tones[0]), FeatureStore.open(tones[1]), CONFIG, out)
    return out


def test_every_diagnostic_has_rows_a_reading_and_notes(finished: Path, opened: Opened) -> None:
    results = json.loads((finished / "diagnostics.json").read_text())
    assert tuple(DIAGNOSTICS) == CONFIG.diagnostics, "by default all are made"
    assert set(results["diagnostics"]) == set(DIAGNOSTICS)
    for name, found in results["diagnostics"].items():
        assert found["title"] == DIAGNOSTICS[name].title
        assert found["rows"]
        assert found["reading"].endswith(".")
        assert all(note.endswith(".") for note in found["notes"])
    assert set(results["probes"]) == {"ridge-mfcc", "ridge-all"}
    assert results["provenance"]["store_digest"] == opened[1].digest
    assert results["task"]["unit_name"] == "session"
    assert (results["task"]["examples"], results["task"]["units"]) == (72, 8)
    session = results["diagnostics"]["leakage"]["rows"][0]
    assert session["ratio"]["value"] > 1.5, "every session of these tones hums at its own pitch"
    assert session["trace_p"] == pytest.approx(1 / 40)


def test_what_two_diagnostics_need_is_fitted_once(finished: Path) -> None:
    fits = [path for path in (finished / "diagnostics").glob("*.safetensors") if ".probe." not in path.name]
    blocks = json.loads((finished / "diagnostics.json").read_text())["diagnostics"]["code_length"]["rows"][0]["curves"]
    per_probe = 4 * (1 + 2) + 4 * 2 + len(blocks[0]) - 1  # folds x (whole + inner), x controls, coded blocks
    assert len(fits) == 2 * per_probe


class Stops(Silent):
    """Interrupts after so many fits."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, items: int, *, audio_s: float = 0.0, failures: int = 0) -> None:
        self.left -= 1
        if self.left <= 0:
            raise KeyboardInterrupt


def test_a_stopped_diagnosis_resumes_to_the_same_bytes(
    opened: Opened, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        diagnose(*opened, CONFIG, tmp_path, progress=Stops(30))
    diagnose(*opened, CONFIG, tmp_path)
    assert_same(finished, tmp_path)
    monkeypatch.setattr(Probe, "fit", lambda *_, **__: pytest.fail("fitted again"))
    diagnose(*opened, CONFIG, tmp_path)


def assert_same(one: Path, other: Path) -> None:
    """The same fits, byte by byte, and the same conclusions (how often test examples were read may differ)."""
    for path in (one / "diagnostics").glob("*.safetensors"):
        assert (other / "diagnostics" / path.name).read_bytes() == path.read_bytes()
    first, second = (json.loads((folder / "diagnostics.json").read_text()) for folder in (one, other))
    assert first["diagnostics"] == second["diagnostics"]


@pytest.mark.full
def test_two_workers_end_with_the_same_bytes(opened: Opened, finished: Path, tmp_path: Path) -> None:
    diagnose(*opened, CONFIG, tmp_path, workers=2)
    assert_same(finished, tmp_path)


def test_more_shuffles_fit_only_what_is_new(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(CONFIG, diagnostics=("selectivity",), layers=("mfcc",))
    diagnose(*opened, config, tmp_path)
    counted, original = 0, Probe.fit

    def counting(self: Probe, *args: object, **kwargs: object) -> Probe:
        nonlocal counted
        counted += 1
        return original(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Probe, "fit", counting)
    diagnose(*opened, replace(config, shuffles=2), tmp_path)
    assert counted == 4 * 2, "four folds and two controls of one more shuffle"


def test_readings_of_test_examples_are_logged_and_the_audit_is_none(opened: Opened, tmp_path: Path) -> None:
    corpus, store = opened
    log = corpus.path / "test_reads.jsonl"
    diagnose(corpus, store, replace(CONFIG, diagnostics=("leakage",)), tmp_path)
    assert not log.exists()
    diagnose(corpus, store, replace(CONFIG, split="named", diagnostics=("code_length",)), tmp_path)
    assert not log.exists(), "the code is one of the training examples where the test ones are named"
    config = replace(CONFIG, diagnostics=("risk",), layers=("mfcc",))
    assert diagnose(corpus, store, config, tmp_path)["task"]["earlier_studies"] == 0
    assert diagnose(corpus, store, config, tmp_path)["task"]["earlier_studies"] == 0
    assert diagnose(corpus, store, replace(config, frames=3), tmp_path)["task"]["earlier_studies"] == 1
    assert len(log.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"diagnostics": ("tea_leaves",)}, "unknown diagnostic 'tea_leaves'"),
        ({"diagnostics": ()}, "one diagnostic or more"),
        ({"heads": ("svm",)}, "unknown head 'svm'"),
        ({"permutations": 5}, "19 or more"),
        ({"shuffles": 0}, "shuffles is 0"),
        ({"probe": ProbeConfig(multilabel=True)}, "one label per example"),
        ({"metric": "beauty"}, "unknown metric 'beauty'"),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_fitted(
    opened: Opened, tmp_path: Path, fields: dict, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        diagnose(*opened, replace(CONFIG, **fields), tmp_path)
    assert not list(tmp_path.iterdir())
