"""A few-shot benchmark from its folder to a page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import soundfile
from tests.benchmarks.fewshot.replicas import ONSETS, SECONDS, SET_RATES, dcase, fasd13, rows_of, sound
from tests.memory import PEAK

from tymbal.benchmarks.fewshot import FewshotConfig, run_fewshot
from tymbal.benchmarks.fewshot.finding import FindTask
from tymbal.errors import NothingDoneError, UsageError

QUICK = FewshotConfig(finders=("ncc",), protocols=("within",), shots=(5,))


def test_every_set_is_found_at_its_own_rate(tmp_path: Path) -> None:
    """All thirteen: katydids above 16 kHz, crows at 187.5 kHz, FLAC called wav, examples on top of each other."""
    outcome = run_fewshot("fasd13", fasd13(tmp_path / "data"), tmp_path / "out", config=QUICK)
    assert outcome.failures == ()
    (scored,) = outcome.scored
    f1 = dict(scored.scores.subsets.select("subset", "f1").rows())
    assert set(f1) == set(SET_RATES)
    assert {name for name, value in f1.items() if value < 0.7} <= {"JS"}, f1
    assert scored.scores.f1.units == 26
    found = scored.scores.recordings
    assert found["false"].sum() <= 8, "predictions on the examples themselves are left out"


def test_resumes_lists_what_fails_and_writes_the_same_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = fasd13(tmp_path / "data", ["GS", "HG"])
    broken = data / "HG" / "HG_1.wav"
    broken.write_bytes(broken.read_bytes()[:20])
    config = FewshotConfig(finders=("ncc",), protocols=("within", "cross"), shots=(5, 1))
    outcome = run_fewshot("fasd13", data, tmp_path / "out", config=config)
    assert len(outcome.scored) == 4
    assert {failure.item.split(" (")[0] for failure in outcome.failures} == {"HG/HG_0.wav", "HG/HG_1.wav"}
    within = next(each for each in outcome.scored if (each.finder, each.protocol, each.shots) == ("ncc", "within", 5))
    assert (within.tasks, within.failed) == (4, 1)
    rows = {row["recording"]: row for row in within.scores.recordings.iter_rows(named=True)}
    assert rows["HG/HG_1.wav"]["missed"] == len(ONSETS), "a recording that failed misses all, its examples too"
    page = (tmp_path / "out" / "results.md").read_text()
    assert "| ncc | within | 5 |" in page
    assert "4 (1 failed)" in page
    table = pl.read_parquet(tmp_path / "out" / "results.parquet")
    assert table.height == 4 * 4
    saved = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {row["finder"] for row in saved["scores"]} == {"ncc"}
    assert saved["published"] == []
    for row in saved["scores"]:
        aps = [each["ap"] for each in row["sets"]]
        assert row["ap"]["value"] == pytest.approx(sum(aps) / len(aps))
        assert row["ap"]["value"] <= 1.0
    assert "## AP by set, within, 5 examples" in page

    worked = []
    real = FindTask.__call__
    monkeypatch.setattr(FindTask, "__call__", lambda self, item: (worked.append(item.name), real(self, item))[1])
    next((tmp_path / "out" / "found").glob("*.json")).unlink()
    again = run_fewshot("fasd13", data, tmp_path / "out", config=config)
    assert len(worked) == 1 + len(outcome.failures), "only what is not there yet"
    assert [each.scores.f1 for each in again.scored] == [each.scores.f1 for each in outcome.scored]


def test_dcase_with_published_numbers_beside(tmp_path: Path) -> None:
    outcome = run_fewshot("dcase5", dcase(tmp_path / "data"), tmp_path / "out", config=QUICK)
    assert {each.code for each in outcome.departures} >= {"no_set", "count", "too_few"}
    page = (tmp_path / "out" / "results.md").read_text()
    assert "| evaluation-2023 | NERCSLIP | f | 0.638 | results of DCASE 2023 task 5 |" in page
    assert "missing: 1 set not there: PB" in page
    saved = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {"NERCSLIP", "RCL, fine-tuned"} <= {row["model"] for row in saved["published"]}


def test_template_matching_and_a_fusion_by_name(tmp_path: Path) -> None:
    config = FewshotConfig(finders=("template", "default", "ncc+lda"), protocols=("within",), shots=(5,))
    outcome = run_fewshot("fasd13", fasd13(tmp_path / "data", ["GS"]), tmp_path / "out", config=config)
    assert [each.finder for each in outcome.scored] == ["template", "default", "ncc+lda"]
    assert outcome.scored[1].scores.f1 == outcome.scored[2].scores.f1
    assert outcome.scored[1].scores.f1.value > 0.8
    for each in outcome.scored:
        assert each.scores.ap is not None
        assert each.scores.ap.value > 0.8, "calls in noise stand above it, whatever the threshold"


def test_nothing_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NothingDoneError, match="no task of fasd13 can be run"):
        run_fewshot("fasd13", tmp_path, tmp_path / "out")
    with pytest.raises(UsageError, match="unknown finder 'nope'"):
        run_fewshot("fasd13", tmp_path, tmp_path / "out", config=FewshotConfig(finders=("nope",)))
    with pytest.raises(UsageError, match="each once"):
        run_fewshot("fasd13", tmp_path, tmp_path / "out", config=FewshotConfig(finders=()))


@pytest.mark.full
def test_eight_hours_are_streamed(tmp_path: Path) -> None:
    """A gibbon's eight hours (sparse on the disk): calls in the first minute and the last, memory of one block."""
    path = tmp_path / "data" / "HG" / "day.wav"
    path.parent.mkdir(parents=True)
    rate, hours = 9600, 8
    call = sound(ONSETS, rate, 960, 1440)
    with soundfile.SoundFile(path, "w", rate, 1, subtype="PCM_16") as file:
        file.write(call)
        file.seek(hours * 3600 * rate - len(call))
        file.write(call)
    end_s = hours * 3600 - SECONDS
    rows = rows_of(ONSETS) + [(end_s + a, end_s + b, word) for a, b, word in rows_of(ONSETS)]
    lines = ["Starttime,Endtime,Q"] + [f"{a:.4f},{b:.4f},{word}" for a, b, word in rows]
    path.with_suffix(".csv").write_text("\n".join(lines) + "\n")
    run = "import sys\nfrom tymbal.cli.main import main\ncode = main(sys.argv[1:])\nprint(peak_mb())\nsys.exit(code)"
    asked = ["bench", "fasd13", "--data", str(path.parents[1]), "-o", str(tmp_path / "out"), "--quiet", "--sets", "HG"]
    asked += ["--finders", "default", "--protocols", "within", "--shots", "5"]
    ran = subprocess.run([sys.executable, "-c", PEAK + run, *asked], capture_output=True, text=True, check=True)
    assert float(ran.stdout) < 500, "as float32 the recording alone would take 1,050 MB; torch takes 200"
    row = pl.read_parquet(tmp_path / "out" / "results.parquet").row(0, named=True)
    assert row["true"] + row["missed"] == 2 * len(ONSETS) - 5
    assert row["true"] >= 9
