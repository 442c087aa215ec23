from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.probes.study.conftest import tones  # noqa: F401 - fixture

from tymbal.cli.main import main

Made = tuple[Path, Path]
TASK = ["--label", "call", "--frames", "4", "--columns", "session", "--workers", "1"]
QUICK = ["--layers", "mfcc", "--inner-folds", "2", "--permutations", "39", "--shuffles", "1", "--orders", "1"]


def test_the_verb_tells_every_diagnostic_and_draws_its_page(
    tones: Made,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    corpus, store = (str(path) for path in tones)
    command = ["diagnose", store, "--corpus", corpus, "-o", str(tmp_path / "out"), *TASK, *QUICK]
    assert main(command) == 0
    first = capsys.readouterr()
    told = first.err
    assert first.out == ""
    assert "72 examples, 3 labels, split folds, 8 independent units (session)" in told
    names = ("risk", "leakage", "selectivity", "code_length", "calibration")
    assert [told.index(f"({name})\n") for name in names] == sorted(told.index(f"({name})\n") for name in names)
    assert "fitting for the diagnosis: " in told
    assert "testing for leaks: " in told
    results = json.loads((tmp_path / "out/diagnostics.json").read_text())
    for found in results["diagnostics"].values():
        for line in found["reading"].split("\n"):
            assert line in told
    assert main([*command, "--json"]) == 0
    again = capsys.readouterr()
    assert "done before" in again.err, "a second run goes on from the first"
    assert json.loads(again.out)["diagnostics"] == results["diagnostics"]
    assert main(["diagnose", "--config", str(tmp_path / "out/diagnose.toml"), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["report", str(tmp_path / "out"), "-o", str(tmp_path / "page.html")]) == 0
    assert 'section id="diagnosis-leakage"' in (tmp_path / "page.html").read_text()


def test_a_run_says_which_task_and_is_drawn_with_its_diagnosis(
    tones: Made,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus, store = (str(path) for path in tones)
    probe = ["probe", store, "--corpus", corpus, "-o", str(tmp_path), "--label", "call", "--frames", "4", "--quiet"]
    quick = ["--heads", "ridge", "--layers", "mfcc", "--inner-folds", "2", "--baseline", "", "--no-audit"]
    assert main([*probe, *quick, "--workers", "1"]) == 0
    assert main(["diagnose", str(tmp_path), "--diagnostics", "leakage,risk", *QUICK, "--workers", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["task"]["label"], found["config"]["frames"]) == ("call", 4)
    assert set(found["diagnostics"]) == {"leakage", "risk"}
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "page.html"), "--quiet", "--examples", "0"]) == 0
    page = (tmp_path / "page.html").read_text()
    assert '<section id="probes"' in page
    assert '<section id="diagnosis-risk"' in page
    assert 'href="#diagnosis-risk"' in page
    assert "diagnosis-selectivity" not in page.split("</style>")[1]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--diagnostics", "tea"], 2, "--diagnostics: unknown diagnostic 'tea' (allowed: risk, leakage"),
        (["--diagnostics", ","], 2, "one diagnostic or more"),
        (["--heads", "svm"], 2, "unknown head 'svm'"),
        (["--layers", "moon"], 2, "no layer 'moon'"),
        (["--columns", "moon"], 2, "--columns: no column 'moon' (allowed: recording, call, "),
        (["--within", "moon"], 2, "--within: no column 'moon'"),
        (["--permutations", "3"], 2, "--permutations is 3 (allowed: 19 or more"),
        (["--shuffles", "2.5"], 2, "'2.5' is no whole number"),
        (["--split", "moon"], 2, "no split 'moon'"),
        (["--label", "moon"], 2, "no column 'moon'"),
        (["--metric", "beauty"], 2, "unknown metric 'beauty'"),
    ],
)
def test_wrong_settings_are_one_line_and_leave_nothing(
    tones: Made,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    words: str,
) -> None:
    corpus, store = (str(path) for path in tones)
    out = tmp_path / "out"
    label = [] if "--label" in options else ["--label", "call"]
    assert main(["diagnose", store, "--corpus", corpus, "-o", str(out), *label, *options]) == code
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not out.exists()


def test_what_is_no_store_no_corpus_or_another_corpus_is_refused(
    tones: Made,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus, store = (str(path) for path in tones)
    out = ["-o", str(tmp_path / "out"), *TASK, *QUICK]

    def refused(arguments: list[str], code: int) -> str:
        assert main(["diagnose", *arguments]) == code
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    assert "a feature store needs --corpus" in refused([store, *out], 2)
    assert "a feature store needs --out" in refused([store, "--corpus", corpus], 2)
    assert "no feature store here" in refused([corpus, "--corpus", corpus, *out], 3)
    assert "not a corpus" in refused([store, "--corpus", store, *out], 3)
    other = tmp_path / "other"
    other.mkdir()
    for path in sorted(tones[0].parent.glob("*.wav"))[:12]:
        (other / f"other_{path.name}").write_bytes(path.read_bytes())
    rows = [f"{path.name},{'ab'[number % 2]},{number // 4}" for number, path in enumerate(sorted(other.glob("*.wav")))]
    (other / "calls.csv").write_text("\n".join(["recording,call,session", *rows]) + "\n")
    index = ["index", str(other), "--metadata", str(other / "calls.csv"), "--label", "call", "--split-by", "session"]
    assert main([*index, "--folds", "3", "-o", str(tmp_path / "corpus"), "--no-audit", "--quiet"]) == 0
    assert "not in this store" in refused([store, "--corpus", str(tmp_path / "corpus"), *out], 3)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "run.toml").write_text("corpus = ")
    assert "run.toml: cannot be read" in refused([str(damaged)], 3)
    (damaged / "run.toml").write_text("corpus = 'here'\n")
    assert "it lacks 'store'. Give the directory of a tymbal probe" in refused([str(damaged)], 3)
    assert not (tmp_path / "out").exists()
