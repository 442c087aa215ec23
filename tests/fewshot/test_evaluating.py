"""A finder on a corpus: which tasks there are, what they are told, what comes out, resumed to the same."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import soundfile
from tests.fewshot.conftest import CHIRP_S, ONSETS, OTHERS, RATE, make_sound
from tests.fewshot.network.small import make_network

from tymbal.cli.main import main
from tymbal.errors import DataError, NothingDoneError, UsageError
from tymbal.fewshot import evaluating
from tymbal.fewshot.evaluating import EvalTask, EvalWork, evaluate, finder_of, make_tasks
from tymbal.fewshot.finder import Finder
from tymbal.fewshot.network.files import save_network


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings with ten chirps and six others each, and a silent one with a single chirp written down."""
    folder = tmp_path_factory.mktemp("corpus")
    lines = ["recording,begin_time_s,end_time_s,label"]
    for seed, name in ((1, "a.wav"), (2, "b.wav")):
        soundfile.write(folder / name, make_sound(ONSETS, 20.0, others=OTHERS, seed=seed), RATE, subtype="FLOAT")
        lines += [f"{name},{onset},{onset + CHIRP_S},chirp" for onset in ONSETS]
        lines += [f"{name},{onset},{onset + CHIRP_S},other" for onset in OTHERS]
    soundfile.write(folder / "few.wav", make_sound(ONSETS[:1], 3.0), RATE, subtype="FLOAT")
    lines.append(f"few.wav,1.0,{1 + CHIRP_S},chirp")
    (folder / "marks.csv").write_text("\n".join(lines) + "\n")
    out = folder.parent / "chirps.corpus"
    assert main(["index", str(folder), "--annotations", str(folder / "marks.csv"), "-o", str(out), "--quiet"]) == 0
    return out


def test_tasks_tell_only_what_was_marked_until_the_last_example(corpus: Path) -> None:
    tasks, too_few = make_tasks([corpus], 5)
    assert too_few == 3, "the others of both recordings, and a single chirp"
    assert [(task.recording, task.label) for task in tasks] == [("a.wav", "chirp"), ("b.wav", "chirp")]
    for task in tasks:
        assert task.until_s == pytest.approx(ONSETS[4] + CHIRP_S)
        assert max(row[1] for row in task.rows) <= task.until_s
        assert [row[2] for row in task.rows].count("chirp") == 5
        assert "other" in {row[2] for row in task.rows}
    assert [task.label for task in make_tasks([corpus], 4)[0]] == ["chirp", "other"] * 2
    assert {task.label for task in make_tasks([corpus], 4, ["other"])[0]} == {"other"}


def test_chirps_are_found_and_scored_and_done_tasks_are_kept(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = evaluate("ncc", [corpus], tmp_path / "out", workers=1)
    assert found.tasks == 2
    assert not found.failures
    assert found.scores is not None
    assert found.scores.f1.value == 1.0
    rows = pl.read_csv(tmp_path / "out" / "recordings.csv")
    assert (rows["true"] + rows["missed"]).to_list() == [5, 5]
    assert rows["false"].to_list() == [0, 0], "the last example, found a few milliseconds late, is none"
    table = pl.read_parquet(tmp_path / "out" / "found.parquet")
    assert table["onset_s"].min() > ONSETS[4]
    assert table["score"].min() >= 0.5
    ranked = pl.read_parquet(tmp_path / "out" / "candidates.parquet")
    assert ranked.filter(pl.col("score") >= 0.5).rows() == table.rows()
    assert found.scores.ap is not None
    assert found.scores.ap.value > 0.95
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["ap"] == found.scores.ap.value
    monkeypatch.setattr(EvalWork, "__call__", None)  # whoever works a task now fails
    again = evaluate("ncc", [corpus], tmp_path / "out", workers=1)
    assert again.scores is not None
    assert again.scores.f1.value == found.scores.f1.value


def test_a_task_that_fails_counts_as_nothing_found_and_the_rest_is_told(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = EvalWork.__call__

    def sometimes(self: EvalWork, task: EvalTask) -> object:
        if task.recording == "b.wav":
            raise DataError("cannot be heard", where=task.path)
        return real(self, task)

    monkeypatch.setattr(EvalWork, "__call__", sometimes)
    given = ["fewshot", "eval", "ncc", str(corpus), "-o", str(tmp_path / "out"), "--workers", "1"]
    assert main([*given, "--quiet"]) == 4
    rows = pl.read_csv(tmp_path / "out" / "recordings.csv")
    assert rows.select("true", "missed").rows() == [(5, 0), (0, 10)], "all ten, the examples too (rule 4)"
    assert main(given) == 4
    told = capsys.readouterr()
    said = told.out + told.err
    assert "failed, and counted as if nothing had been found: 1" in said
    assert "left out, with fewer than 7 events: 3" in said
    assert "chirps.corpus  2" in said
    assert "0.500 (no interval: 2 recordings)" in said


def test_the_bands_of_the_examples_are_shown_to_the_finder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "banded"
    folder.mkdir()
    soundfile.write(folder / "a.wav", make_sound(ONSETS, 20.0, seed=1), RATE, subtype="FLOAT")
    rows = [f"a.wav,{onset},{onset + CHIRP_S},1500,4200,chirp" for onset in ONSETS]
    head = "recording,begin_time_s,end_time_s,low_freq_hz,high_freq_hz,label\n"
    (folder / "marks.csv").write_text(head + "\n".join(rows) + "\n")
    out = tmp_path / "banded.corpus"
    assert main(["index", str(folder), "--annotations", str(folder / "marks.csv"), "-o", str(out), "--quiet"]) == 0
    ((task,), _), seen = make_tasks([out], 5), []
    fit = Finder.fit
    monkeypatch.setattr(Finder, "fit", lambda prompt, **given: seen.append(prompt) or fit(prompt, **given))
    EvalWork(("ncc",), None, 5)(task)
    assert [(shot.low_hz, shot.high_hz) for shot in seen[0].shots] == [(1500.0, 4200.0)] * 5


def test_what_is_labelled_unknown_excuses(tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    soundfile.write(folder / "a.wav", make_sound(ONSETS, 20.0, seed=1), RATE, subtype="FLOAT")
    lines = ["recording,begin_time_s,end_time_s,label"]
    labels = ["chirp"] * 8 + ["Unknown", "unk"]
    lines += [f"a.wav,{onset},{onset + CHIRP_S},{label}" for onset, label in zip(ONSETS, labels, strict=True)]
    (folder / "marks.csv").write_text("\n".join(lines) + "\n")
    corpus = tmp_path / "unsure.corpus"
    assert main(["index", str(folder), "--annotations", str(folder / "marks.csv"), "-o", str(corpus), "--quiet"]) == 0
    found = evaluate("ncc", [corpus], tmp_path / "out", workers=1)
    assert found.scores is not None
    row = found.scores.recordings.row(0, named=True)
    assert (row["true"], row["false"], row["missed"], row["excused"]) == (3, 0, 0, 2)


def test_a_network_is_scored_by_its_file(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "net.safetensors"
    save_network(make_network(bands=48), model, {})
    given = [
        "fewshot",
        "eval",
        str(model),
        str(corpus),
        "-o",
        str(tmp_path / "out"),
        "--label",
        "chirp",
        "--workers",
        "1",
    ]
    assert main([*given, "--quiet", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tasks"] == 2
    assert told["f1"]["value"] > 0.5
    assert told["ap"]["value"] > 0.5
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["finder"] == "net.safetensors"


def test_what_cannot_be_is_refused(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such finder"):
        finder_of("owls")
    with pytest.raises(UsageError, match="fewshot train"):
        finder_of("none.safetensors")
    with pytest.raises(NothingDoneError, match="12 events"):
        evaluate("ncc", [corpus], tmp_path / "out", shots=10)
    with pytest.raises(UsageError, match="shots"):
        evaluate("ncc", [corpus], tmp_path / "out", shots=0)
    assert finder_of("default")[0] == evaluating.default_finders()
    assert finder_of("ncc+lda") == (("ncc", "lda"), None)
    with pytest.raises(UsageError, match=r"no event is labelled 'chrip' \(allowed: chirp, other\)"):
        evaluate("ncc", [corpus], tmp_path / "out", labels=["chirp", "chrip"])
    with pytest.raises(DataError, match="two corpora are called alike"):  # before any work, not after all of it
        evaluate("ncc", [corpus, corpus], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_rows_written_twice_are_one_event(tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    soundfile.write(folder / "a.wav", make_sound(ONSETS, 20.0, seed=1), RATE, subtype="FLOAT")
    rows = [f"a.wav,{onset},{onset + CHIRP_S},chirp" for onset in (*ONSETS, ONSETS[0], ONSETS[7])]
    (folder / "marks.csv").write_text("recording,begin_time_s,end_time_s,label\n" + "\n".join(rows) + "\n")
    corpus = tmp_path / "twice.corpus"
    assert main(["index", str(folder), "--annotations", str(folder / "marks.csv"), "-o", str(corpus), "--quiet"]) == 0
    found = evaluate("ncc", [corpus], tmp_path / "out", workers=1)
    assert not found.failures
    assert found.scores is not None
    row = found.scores.recordings.row(0, named=True)
    assert (row["true"], row["false"], row["missed"]) == (5, 0, 0)


def test_saved_parameters_run_again(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["fewshot", "eval", "ncc", str(corpus), "-o", str(tmp_path / "out"), "--label", "chirp", "--shots", "4"]
    assert main([*given, "--workers", "1", "--quiet"]) == 0
    kept = (tmp_path / "out" / "scores.json").read_bytes()
    (tmp_path / "out" / "scores.json").unlink()
    monkeypatch.setattr(EvalWork, "__call__", None)  # whoever works a task now fails
    assert main(["fewshot", "--config", str(tmp_path / "out" / "fewshot.toml"), "--workers", "1", "--quiet"]) == 0
    assert (tmp_path / "out" / "scores.json").read_bytes() == kept
