"""`tymbal find` from a table of examples to tables, page and a second round."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from tests.fewshot.conftest import CHIRP_S, ONSETS, OTHERS, RATE, make_sound

from tymbal.annotations import read_events
from tymbal.cli.main import main
from tymbal.fewshot import job

CALM = (0.7, 2.2, 5.0)
EDGES = (0.0, 1.0, 2.5, 4.1, 7.7, 9.8)  # of 10 s: the first and the last call touch the ends


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Two recordings with chirps, one silent, one broken, and a Raven table of the first five chirps."""
    folder = tmp_path / "sounds"
    (folder / "b").mkdir(parents=True)
    soundfile.write(folder / "a.wav", make_sound(ONSETS, 20.0), RATE, subtype="FLOAT")
    soundfile.write(folder / "b" / "c.wav", make_sound(CALM, 6.0, seed=2), RATE, subtype="FLOAT")
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    (folder / "broken.wav").write_bytes(b"RIFF nothing")
    lines = ["Selection\tBegin Time (s)\tEnd Time (s)\tAnnotation\tBegin File"]
    lines += [f"{n}\t{onset}\t{onset + CHIRP_S}\tchirp\ta.wav" for n, onset in enumerate(ONSETS[:5], 1)]
    (tmp_path / "examples.txt").write_text("\n".join(lines) + "\n")
    return folder


def run(sounds: Path, out: Path, *more: str) -> int:
    table = str(sounds.parent / "examples.txt")
    return main(["find", str(sounds), "--examples", table, "-o", str(out), "--workers", "1", "--quiet", *more])


def test_everything_is_found_and_the_broken_file_is_listed(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sounds, tmp_path / "out", "--no-report") == 4
    events = pl.read_parquet(tmp_path / "out" / "events.parquet")
    for name, onsets in (("a.wav", ONSETS), ("b/c.wav", CALM)):
        found = events.filter(pl.col("recording") == name)["onset_s"].to_numpy()
        assert len(found) == len(onsets)
        np.testing.assert_allclose(found, onsets, atol=0.05)
    assert events.filter(pl.col("recording") == "silent.wav").height == 0
    assert events["score"].is_between(0.5, 1).all()
    table = read_events(tmp_path / "out" / "tables" / "b" / "c.wav.selections.txt").events
    assert table["recording"].unique().to_list() == ["b/c.wav"]
    assert read_events(tmp_path / "out" / "tables" / "silent.wav.selections.txt").events.height == 0
    assert pl.read_csv(tmp_path / "out" / "failures.csv")["recording"].to_list() == ["broken.wav"]
    assert "broken.wav" in capsys.readouterr().err


def test_killed_and_resumed_gives_the_same_bytes(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(sounds, tmp_path / "whole", "--no-report")
    real, seen = job.FindWork.__call__, []

    def dies(work: job.FindWork, part: object) -> object:
        seen.append(part)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return real(work, part)  # type: ignore[arg-type]

    monkeypatch.setattr(job.FindWork, "__call__", dies)
    assert run(sounds, tmp_path / "killed", "--no-report") == 130
    assert not (tmp_path / "killed" / "events.parquet").exists()
    assert run(sounds, tmp_path / "killed", "--no-report") == 4
    assert len(seen) == 4, "the finished part was worked again"
    for path in sorted((tmp_path / "whole").rglob("*")):
        if path.is_file() and path.name not in ("find.toml", ".tymbal-lock"):
            assert path.read_bytes() == (tmp_path / "killed" / path.relative_to(tmp_path / "whole")).read_bytes(), path


def test_marks_make_a_second_round(sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(sounds, tmp_path / "out", "--no-report")
    path = tmp_path / "out" / "tables" / "a.wav.selections.txt"
    lines = path.read_text().splitlines()
    lines[7] = lines[7] + "right"
    lines[9] = lines[9] + "wrong"
    path.write_text("\n".join(lines) + "\n")
    capsys.readouterr()
    run(sounds, tmp_path / "two", "--no-report", "--json", "--marked", str(tmp_path / "out" / "tables"))
    told = json.loads(capsys.readouterr().out)
    assert told["finders"][0]["shots"] == 6


@pytest.mark.parametrize("table", ["events.csv", "tables/b/c.wav.selections.txt"])
def test_marks_are_never_written_over(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str
) -> None:
    run(sounds, tmp_path / "out", "--no-report")
    path = tmp_path / "out" / table
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1] + "right", *lines[2:]]) + "\n")
    kept = path.read_bytes()
    assert run(sounds, tmp_path / "out", "--no-report") == 2
    assert "would be written over" in capsys.readouterr().err
    assert path.read_bytes() == kept


def test_marks_of_all_rounds_count(sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each round is a folder of its own; its bands are those that were looked at, and become none of the examples'."""
    more: list[str] = []
    for number, place in enumerate((7, 9)):
        out = tmp_path / str(number)
        run(sounds, out, "--no-report", *more)
        path = out / "tables" / "a.wav.selections.txt"
        lines = path.read_text().splitlines()
        assert {"Low Freq (Hz)", "High Freq (Hz)"} < set(lines[0].split("\t")), "Raven draws no box without"
        assert pl.read_csv(out / "events.csv")["low_hz"].null_count() == len(ONSETS) + len(CALM)
        path.write_text("\n".join([*lines[:place], lines[place] + "right", *lines[place + 1 :]]) + "\n")
        more += ["--marked", str(path.parent)]
    capsys.readouterr()
    run(sounds, tmp_path / "all", "--no-report", "--json", *more)
    told = json.loads(capsys.readouterr().out)
    assert told["finders"][0]["shots"] == 7
    assert pl.read_csv(tmp_path / "all" / "events.csv")["low_hz"].null_count() == len(ONSETS) + len(CALM)
    saved = (tmp_path / "all" / "find.toml").read_text()
    again = main(["find", "--config", str(tmp_path / "all" / "find.toml"), "--no-report", "--workers", "1"])
    assert (again, saved.count("tables")) == (4, 2)


def test_oddities_are_kept_and_a_page_of_another_run_goes(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(22):
        soundfile.write(sounds / f"slow{number}.wav", make_sound((), 0.5, rate=5000), 5000)
    table = str(tmp_path / "examples.txt")
    asked = ["find", str(sounds), "--examples", table, "--workers", "1", "-o", str(tmp_path / "out")]
    assert main([*asked, "--finders", "ncc, lda", "--score", "0.8"]) == 4
    told = capsys.readouterr().err
    assert told.count("note: slow") == 20
    assert "note: 2 more like these are in" in told
    assert pl.read_csv(tmp_path / "out" / "faults.csv")["code"].to_list() == ["band_cut"] * 22
    assert main([*asked, "--json", "--no-report", "--quiet"]) == 4
    assert [odd["code"] for odd in json.loads(capsys.readouterr().out)["faults"]] == ["band_cut"] * 22
    assert main([*asked, "--score", "0.8"]) == 4
    page = (tmp_path / "out" / "report.html").read_text()
    assert "in 25 recordings" in page, "of 26 files, one of which is broken"
    assert main([*asked, "--no-report"]) == 4
    assert not (tmp_path / "out" / "report.html").exists()


def test_a_damaged_part_is_named_and_a_layer_needs_an_encoder(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(sounds, out, "--no-report")
    parts = sorted((out / "parts").glob("*.json"))
    parts[0].write_text("{")
    capsys.readouterr()
    assert run(sounds, out, "--no-report") == 3
    assert f"{parts[0]}: what was found earlier is damaged. Remove this file" in capsys.readouterr().err
    parts[0].unlink()
    assert run(sounds, out, "--no-report") == 4
    assert run(sounds, out, "--no-report", "--layer", "frames") == 2
    assert "--layer: a layer is that of an encoder" in capsys.readouterr().err


@pytest.mark.parametrize("saved", ["commas", "semicolons", "utf-16", "Mark"])
def test_marks_are_seen_however_the_table_was_saved(sounds: Path, tmp_path: Path, saved: str) -> None:
    """Spreadsheets change separators and encodings, people change names of columns: the marks are worth the same."""
    run(sounds, tmp_path / "out", "--no-report")
    path = tmp_path / "out" / "tables" / "a.wav.selections.txt"
    lines = path.read_text().splitlines()
    text = "\n".join([lines[0], lines[1] + "right", *lines[2:]]) + "\n"
    sign = {"commas": ",", "semicolons": ";"}.get(saved, "\t")
    text = text.replace("\t", sign).replace("mark", saved if saved == "Mark" else "mark")
    path.write_text(text, encoding="utf-16" if saved == "utf-16" else "utf-8")
    kept = path.read_bytes()
    assert run(sounds, tmp_path / "out", "--no-report") == 2
    assert path.read_bytes() == kept


@pytest.mark.parametrize("score", ["nan", "2", "-0.1"])
def test_a_score_that_none_can_have_is_refused(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], score: str
) -> None:
    assert run(sounds, tmp_path / "out", "--no-report", f"--score={score}") == 2
    assert "--score is" in capsys.readouterr().err


def test_an_example_as_long_as_its_recording(sounds: Path, tmp_path: Path) -> None:
    table = tmp_path / "whole.csv"
    table.write_text("recording,onset_s,offset_s,label\nc.wav,0,6,all of it\n")
    asked = ["find", str(sounds / "b" / "c.wav"), "--examples", str(table), "-o", str(tmp_path / "out")]
    assert main([*asked, "--no-report", "--quiet", "--workers", "1"]) == 0
    assert pl.read_parquet(tmp_path / "out" / "events.parquet").height == 1


def test_no_score_is_told_of_a_single_example(sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query, table = str(sounds / "a.wav"), str(tmp_path / "examples.txt")
    asked = ["find", query, "--examples", table, "--workers", "1"]
    assert main([*asked, "-o", str(tmp_path / "one"), "--shots", "1"]) == 0
    told = capsys.readouterr().err
    assert "chirp: 1 example, " in told
    assert "nothing is measured" in told
    assert "F1" not in told
    assert "F1 of examples" not in (tmp_path / "one" / "report.html").read_text()
    assert main([*asked, "-o", str(tmp_path / "two"), "--shots", "2"]) == 0
    assert "chirp: 2 examples, " in (told := capsys.readouterr().err)
    assert "F1: ncc" in told
    assert "F1 of examples" in (tmp_path / "two" / "report.html").read_text()


def test_support_from_another_recording(sounds: Path, tmp_path: Path) -> None:
    table = str(tmp_path / "examples.txt")
    query = str(sounds / "b" / "c.wav")
    assert (
        main(
            [
                "find",
                query,
                "--examples",
                table,
                "--sounds",
                str(sounds),
                "-o",
                str(tmp_path / "o"),
                "--quiet",
                "--workers",
                "1",
                "--no-report",
            ]
        )
        == 0
    )
    assert pl.read_parquet(tmp_path / "o" / "events.parquet").height == len(CALM)


def test_examples_whose_recording_is_nowhere_are_told(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query, table = str(sounds / "b"), tmp_path / "elsewhere" / "examples.txt"
    table.parent.mkdir()
    table.write_text((tmp_path / "examples.txt").read_text())
    assert main(["find", query, "--examples", str(table), "-o", str(tmp_path / "o")]) == 3
    assert "'a.wav' is no recording that is there" in capsys.readouterr().err


FIVE = [f"a.wav,{onset},{onset + CHIRP_S},chirp" for onset in ONSETS[:5]]
BAD_EXAMPLES = {  # rows of the table -> exit code, and what is said
    "none": ([], 3, "there is no example in the table"),
    "all unknown": (["a.wav,1,1.2,UNK"], 3, "All its rows are labelled UNK"),
    "outside": (["a.wav,30,31,x"], 3, "lies outside the recording, which is 20.000 s long"),
    "one outside": ([*FIVE, "a.wav,30,31,chirp"], 0, "lies outside the recording, which is 20.000 s long; left out"),
    "over the end": ([*FIVE, "a.wav,19.9,20.4,chirp"], 0, "reaches beyond the recording"),
    "overlapping": ([*FIVE, "a.wav,1.1,1.3,chirp"], 0, "1 example of 'chirp' begin before the last one ends"),
    "twice": ([*FIVE, FIVE[0]], 0, "1 example of 'chirp' is in the table more than once; each is used once"),
    "no length": (["a.wav,1,1,x"], 3, "has no length"),
    "one without length": ([*FIVE, "a.wav,3,3,chirp"], 0, "has no length; left out"),
    "a sample or two": (["a.wav,1,1.0001,x"], 3, "is shorter than 8 samples at 16000 Hz"),
    "reversed": (["a.wav,2,1,x"], 3, "ends before it begins"),
    "no number": (["a.wav,abc,1.2,x"], 3, "'onset_s' holds no number"),
    "silent": (["zero.wav,0.1,0.2,x", "zero.wav,0.5,0.6,x"], 0, "no example was found by the others"),
    "all alike": ([*FIVE, *(f"a.wav,{t},{t + CHIRP_S},chirp" for t in ONSETS[5:])], 0, "chirp: 10 examples"),
}


@pytest.mark.parametrize("name", BAD_EXAMPLES)
def test_bad_examples_get_a_clear_answer(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    rows, code, said = BAD_EXAMPLES[name]
    soundfile.write(tmp_path / "zero.wav", np.zeros(RATE), RATE)
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["recording,onset_s,offset_s,label", *rows]) + "\n")
    asked = ["find", str(sounds / "a.wav"), "--examples", str(table), "-o", str(tmp_path / "out")]
    assert main([*asked, "--workers", "1", "--no-report"]) == code
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert "cleaning" not in told, "what the reader of tables would do is not what is done here"
    assert "both kept" not in told


def search(query: Path, rows: list[str], out: Path, *more: str) -> int:
    table = out.parent / f"{out.name}.csv"
    header = "recording,onset_s,offset_s,label" + (",low_hz,high_hz" if rows[0].count(",") > 3 else "")
    table.write_text("\n".join([header, *rows]) + "\n")
    return main(["find", str(query), "--examples", str(table), "-o", str(out), "--workers", "1", "--no-report", *more])


def test_events_at_both_ends_of_a_file_and_examples_there(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "e.wav", make_sound(EDGES, 10.0), RATE)
    rows = [f"e.wav,{onset},{onset + CHIRP_S},chirp" for onset in EDGES[:4]]
    assert search(tmp_path / "e.wav", rows, tmp_path / "out") == 0
    events = pl.read_parquet(tmp_path / "out" / "events.parquet")
    np.testing.assert_allclose(events["onset_s"], EDGES, atol=0.02)
    assert events["onset_s"][0] == 0.0
    assert events["offset_s"][-1] == 10.0
    assert search(tmp_path / "e.wav", [rows[0], "e.wav,9.8,10.0,chirp"], tmp_path / "ends") == 0
    assert pl.read_parquet(tmp_path / "ends" / "events.parquet").height == len(EDGES)


def test_a_query_shorter_than_an_example_or_of_one_call(sounds: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tiny.wav", make_sound((), 0.01), RATE)
    soundfile.write(tmp_path / "one.wav", make_sound((0.0,), CHIRP_S), RATE)
    for name, found in (("tiny.wav", 0), ("one.wav", 1)):
        out = tmp_path / f"out-{name}"
        table = str(tmp_path / "examples.txt")
        asked = ["find", str(tmp_path / name), "--examples", table, "--sounds", str(sounds), "-o", str(out)]
        assert main([*asked, "--workers", "1", "--no-report", "--quiet"]) == 0
        assert pl.read_parquet(out / "events.parquet").height == found


def test_nothing_that_can_be_searched_is_no_success(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(sounds, tmp_path / "out", "--no-report")
    kept = (tmp_path / "out" / "events.csv").read_bytes()
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    rows = [each.replace("a.wav", str(sounds / "a.wav")) for each in FIVE]
    capsys.readouterr()
    assert search(sounds / "broken.wav", rows, tmp_path / "out") == 5
    told = capsys.readouterr().err
    assert "no recording could be searched (1 given); the first: " in told
    assert "broken.wav" in told
    assert (tmp_path / "out" / "events.csv").read_bytes() == kept
    assert search(tmp_path / "empty.wav", rows, tmp_path / "other") == 5
    assert "holds no sound" in capsys.readouterr().err


def test_tables_of_an_earlier_run_do_not_stay(sounds: Path, tmp_path: Path) -> None:
    out, tables = tmp_path / "out", tmp_path / "out" / "tables"
    run(sounds, out, "--no-report")
    assert pl.read_csv(out / "recordings.csv").rows() == [("a.wav", 10), ("b/c.wav", 3), ("silent.wav", 0)]
    own = tables / "a.Table.2.selections.txt"
    own.write_text("of the user")
    assert search(sounds / "a.wav", FIVE, out) == 0
    assert sorted(path.name for path in tables.rglob("*.txt")) == [own.name, "a.wav.selections.txt"]


def test_a_recording_that_cannot_hold_the_band_is_left_out_for_that_label_alone(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bat's band above half the rate of the query: the recording is searched for the chirp, not for the bat."""
    fast = make_sound(ONSETS, 20.0, rate=96_000, others=OTHERS, speed=10)
    soundfile.write(sounds / "bat.wav", fast, 96_000)
    bats = [f"bat.wav,{onset},{onset + CHIRP_S / 10},bat,20000,30000" for onset in ONSETS[:5]]
    both = [*(f"{row},2000,3000" for row in FIVE), *bats]
    assert search(sounds / "a.wav", both, tmp_path / "out", "--sounds", str(sounds)) == 4
    told = capsys.readouterr().err
    assert "a recording at 16000 Hz holds nothing above 8000 Hz" in told
    assert "The examples of 'bat' lie above 20000 Hz: leave this file out" in told
    assert pl.read_parquet(tmp_path / "out" / "events.parquet")["label"].unique().to_list() == ["chirp"]
    assert search(sounds / "a.wav", bats, tmp_path / "bat", "--sounds", str(sounds)) == 5
    low = [row.replace("bat.wav", "a.wav") for row in bats]
    assert search(sounds / "a.wav", low, tmp_path / "low") == 3
    assert "lies above 20000 Hz, and a recording at 16000 Hz holds nothing above 8000 Hz" in capsys.readouterr().err


def test_a_finder_that_looks_first_takes_recordings_in_which_it_sees_nothing(sounds: Path, tmp_path: Path) -> None:
    assert run(sounds, tmp_path / "out", "--no-report", "--finders", "transductive") == 4
    assert pl.read_csv(tmp_path / "out" / "failures.csv")["recording"].to_list() == ["broken.wav"]


def test_a_band_that_is_cut_by_half_the_rate_is_told(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "slow.wav", make_sound((1.0, 3.0), 5.0, rate=5000), 5000)
    rows = [f"{row},2000,3000" for row in FIVE]
    search(tmp_path / "slow.wav", rows, tmp_path / "out", "--sounds", str(sounds))
    said = "slow.wav: examples of 'chirp' reach up to 3000 Hz, a recording at 5000 Hz holds nothing above 2500 Hz"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "said"), [("maybe", "the mark 'maybe' is neither right nor wrong"), ("", "no row has a mark")]
)
def test_a_fault_of_marks_names_its_file(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str, said: str
) -> None:
    run(sounds, tmp_path / "out", "--no-report")
    path = tmp_path / "out" / "tables" / "a.wav.selections.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1] + word, *lines[2:]]) + "\n")
    capsys.readouterr()
    assert run(sounds, tmp_path / "two", "--no-report", "--marked", str(path.parent)) == 3
    told = capsys.readouterr().err
    assert said in told
    assert (str(path) if word else str(path.parent)) in told


def test_json_of_one_example_has_no_f1(sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(sounds, tmp_path / "out", "--no-report", "--json", "--shots", "1")
    choice = json.loads(capsys.readouterr().out)["finders"][0]["choice"]
    assert [f1 for _, f1 in choice["table"]] == [None, None, None]
    assert choice["total"]["f1"] is None
    run(sounds, tmp_path / "two", "--no-report", "--json", "--shots", "2")
    choice = json.loads(capsys.readouterr().out)["finders"][0]["choice"]
    assert all(f1 is not None for _, f1 in choice["table"])
