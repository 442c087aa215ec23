from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.probes.study.conftest import opened, tones  # noqa: F401 - fixtures
from tests.probes.study.test_sets import soundscapes  # noqa: F401 - fixture

from tymbal.cli.main import main
from tymbal.corpus import Corpus
from tymbal.features import FeatureStore

QUICK = ["--heads", "ridge,logistic", "--layers", "last,mfcc+log_mel", "--frames", "4", "--inner-folds", "2"]


def test_the_verb_fits_tells_and_goes_on(
    tones: tuple[Path, Path],  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    corpus, store = (str(path) for path in tones)
    command = ["probe", store, "--corpus", corpus, "--label", "call", "-o", str(tmp_path), "--workers", "1", *QUICK]
    assert main(command) == 0
    told = capsys.readouterr().err
    assert "72 examples, 3 labels, 8 groups" in told
    assert "ridge-mfcc+log_mel" in told
    assert "picked inside the training folds" in told
    assert "95 % intervals over 8 independent units" in told
    assert "picked - baseline" in told
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["probes"]) == {
        "ridge-last",
        "ridge-mfcc+log_mel",
        "logistic-last",
        "logistic-mfcc+log_mel",
        "baseline",
    }
    assert main(["probe", "--config", str(tmp_path / "probe.toml"), "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_errors_are_one_line(tones: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    corpus, store = (str(path) for path in tones)
    shared = ["probe", store, "--corpus", corpus, "-o", str(tmp_path)]
    assert main([*shared, "--label", "species"]) == 2
    assert "no column 'species'" in capsys.readouterr().err
    assert main([*shared, "--label", "call", "--heads", "svm"]) == 2
    assert "unknown head 'svm'" in capsys.readouterr().err
    assert main([*shared, "--label", "call", "--fusion", "soup"]) == 2
    assert "--fusion: unknown fusion 'soup' (allowed: weighted_sum" in capsys.readouterr().err
    assert main([*shared, "--label", "call", "--split", "moon"]) == 2
    assert "no split 'moon'" in capsys.readouterr().err


def test_the_label_named_when_indexing_is_the_default(
    tones: tuple[Path, Path],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Corpus, "default_label", "call")
    corpus, store = (str(path) for path in tones)
    command = ["probe", store, "--corpus", corpus, "-o", str(tmp_path), "--workers", "1", "--quiet"]
    assert main([*command, "--heads", "ridge", "--layers", "last", "--frames", "4", "--no-audit"]) == 0
    assert json.loads((tmp_path / "results.json").read_text())["task"]["label"] == "call"
    assert 'label = "call"' in (tmp_path / "probe.toml").read_text()


def test_windows_carry_label_sets(
    soundscapes: tuple[Corpus, FeatureStore],  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    corpus, store = (str(each.path) for each in soundscapes)
    command = ["probe", store, "--corpus", corpus, "-o", str(tmp_path), "--workers", "1", "--window", "0.5"]
    quick = ["--heads", "ridge", "--layers", "last", "--frames", "4", "--no-audit", "--baseline", ""]
    assert main([*command, *quick]) == 0
    told = capsys.readouterr().err
    assert "60 examples, 2 labels, 10 groups" in told
    assert "cmap" in told
    assert "accuracy" not in told
    assert main([*command, *quick, "--metric", "accuracy"]) == 2
    assert "allowed: map, cmap, auroc, top1" in capsys.readouterr().err.lower()
