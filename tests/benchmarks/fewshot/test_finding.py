"""What is kept of what a finder found."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tests.benchmarks.fewshot.replicas import CALL_S, CROWDED, fasd13

from tymbal.annotations import make_events
from tymbal.benchmarks.fewshot import find_fewshot, finding
from tymbal.benchmarks.fewshot.finding import FindTask, Search, check_finders, kinds_of
from tymbal.benchmarks.fewshot.layout import read_layout
from tymbal.benchmarks.fewshot.scoring import scored
from tymbal.benchmarks.fewshot.tasks import Task, make_tasks
from tymbal.errors import UsageError


class Everything:
    """Finds every event a little late and a little long, the examples too; the last is below the threshold."""

    def predict(self, recording: str | Path, *, channel: int | None = None, least: float = 0.5) -> pl.DataFrame:
        onsets = [onset + 0.01 for onset in CROWDED]
        columns = {
            "onset_s": onsets,
            "offset_s": [onset + CALL_S + 0.02 for onset in onsets],
            "score": [0.9] * 8 + [0.3],
        }
        return make_events(pl.DataFrame({"recording": [str(recording)] * 9, **columns}))


def spiders(tmp_path: Path, protocol: str) -> Task:
    truths = read_layout(fasd13(tmp_path, ["JS"]), find_fewshot("fasd13")).truths
    return make_tasks(truths, [protocol], [5])[0][0]


def test_examples_found_again_are_left_out_and_events_right_after_them_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 2: the measure would count them as false. Overlapping examples end at 0.82 s; the next event is at 2.9 s."""
    monkeypatch.setattr(finding, "fitted", lambda finder, prompt: Everything())
    task = spiders(tmp_path, "within")
    assert task.after_s == pytest.approx(0.82)
    found = FindTask()(Search(task, "ncc", ())).value
    assert [row[0] for row in found["found"]] == pytest.approx([onset + 0.01 for onset in CROWDED[5:8]])
    assert [row[0] for row in found["lower"]] == pytest.approx([CROWDED[8] + 0.01])
    counts = scored("ncc", [task], {task.name: found}, 5)
    assert counts is not None
    row = counts.scores.recordings.row(0, named=True)
    assert (row["true"], row["false"], row["missed"]) == (3, 0, 1)
    assert counts.scores.ap is not None
    assert counts.scores.ap.value == 1.0, "the fourth comes below the threshold and before anything false"


def test_across_recordings_all_stay_and_the_whole_recording_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "fitted", lambda finder, prompt: Everything())
    task = spiders(tmp_path, "cross")
    found = FindTask()(Search(task, "ncc", ())).value
    assert len(found["found"]) + len(found["lower"]) == len(CROWDED)
    counts = scored("ncc", [task], {task.name: found}, 5)
    assert counts is not None
    row = counts.scores.recordings.row(0, named=True)
    assert (row["true"], row["false"], row["missed"]) == (8, 0, 1)
    silent = scored("ncc", [task], {}, 5)
    assert silent is not None
    assert (silent.failed, silent.scores.recordings["missed"].to_list()) == (1, [9])
    assert silent.scores.ap is not None
    assert silent.scores.ap.value == 0.0


def test_finders_by_name() -> None:
    assert kinds_of("template") == ()
    assert kinds_of("default") == ("ncc", "lda")
    assert kinds_of("ncc+prototypes") == ("ncc", "prototypes")
    check_finders(["template", "default", "ncc+lda"])
    with pytest.raises(UsageError, match="unknown finder 'nope'"):
        check_finders(["ncc+nope"])
    with pytest.raises(UsageError, match="each once"):
        check_finders(["ncc", "ncc"])
