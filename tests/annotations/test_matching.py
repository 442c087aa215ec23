from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tymbal.annotations import make_events, match_recordings, recording_of_table, table_of_recording
from tymbal.annotations.coverage import whole_coverage


@pytest.mark.parametrize(
    ("table", "recording"),
    [
        ("X.Table.1.selections.txt", "X"),
        ("X.Table.12.txt", "X"),
        ("X.selections.txt", "X"),
        ("X.wav.Table.1.selections.txt", "X.wav"),
        ("X.BirdNET.selection.table.txt", "X"),
        ("X.BirdNET.results.csv", "X"),
        ("100_marron1.audacity.txt", "100_marron1"),
        ("bl26_0721.20144_annotations.csv", "bl26_0721.20144"),
        ("gy6or6.138.cbin.not.mat", "gy6or6.138.cbin"),
        ("mary.TextGrid", "mary"),
        ("plain.csv", "plain"),
        ("noextension", "noextension"),
        (".csv", ".csv"),
    ],
)
def test_a_table_name_speaks_of_its_recording(table: str, recording: str) -> None:
    assert recording_of_table(table) == recording


@pytest.mark.parametrize(
    ("recording", "table"),
    [
        ("X.wav", "X.wav.selections.txt"),
        ("a/b/X.wav", "a/b/X.wav.selections.txt"),
        ("../X.wav", "X.wav.selections.txt"),
        ("C:\\rec\\X.wav", "rec/X.wav.selections.txt"),
    ],
)
def test_a_recording_has_its_own_table(recording: str, table: str) -> None:
    assert table_of_recording(recording) == table
    assert recording_of_table(PurePosixPath(table).name) == PurePosixPath(recording.replace("\\", "/")).name


def test_long_names_are_cut_and_stay_apart() -> None:
    first, second = (table_of_recording(f"a/{'ü' * 120}{end}.wav") for end in "xy")
    assert first != second
    assert all(len(name.encode()) <= 200 and name.startswith("a/ü") for name in (first, second))


def matched(name: str, recordings: list[str], source: str | None = None) -> tuple[list[str], list[str]]:
    events = make_events({"recording": [name], "onset_s": [0.0], "offset_s": [1.0], "source": [source]})
    kept, faults = match_recordings(events, recordings)
    return kept["recording"].to_list(), [fault.code for fault in faults]


@pytest.mark.parametrize(
    ("name", "recordings", "found"),
    [
        ("a/X.wav", ["a/X.wav", "b/X.wav"], "a/X.wav"),  # the path itself
        ("C:\\data\\a\\X.wav", ["a/X.wav", "b/X.wav"], "a/X.wav"),  # trailing folders
        ("X.WAV", ["a/x.wav"], "a/x.wav"),  # case
        ("X", ["a/X.flac"], "a/X.flac"),  # stem
        ("X.wav", ["a/X.flac"], "a/X.flac"),  # another codec
        ("X.wav", ["a/X.flac", "a/X.wav"], "a/X.wav"),  # the same file name first
        ("X.138.cbin", ["X.138.flac"], "X.138.flac"),
        ("X.138", ["X.138.flac", "X.139.flac"], "X.138.flac"),  # a dot is no extension
    ],
)
def test_names_that_fit_one_recording(name: str, recordings: list[str], found: str) -> None:
    assert matched(name, recordings) == ([found], [])


def test_composed_and_decomposed_letters_are_the_same_name() -> None:
    name = unicodedata.normalize("NFD", "Mésange.wav")
    assert matched(name, [unicodedata.normalize("NFC", name)])[1] == []


def test_a_name_that_fits_none_is_a_fault_that_names_the_table() -> None:
    events = make_events({"recording": ["no_such.wav"], "source": ["t/x.csv"]})
    kept, faults = match_recordings(events, ["rec.wav"])
    assert kept.height == 0
    assert faults[0].code == "no_recording"
    assert "no_such.wav" in faults[0].message
    assert "x.csv" in faults[0].message


def test_a_name_that_fits_several_lists_them_and_takes_none() -> None:
    events = make_events({"recording": ["X"], "source": ["elsewhere/X.Table.1.selections.txt"]})
    kept, faults = match_recordings(events, ["a/X.wav", "b/X.wav"])
    assert kept.height == 0
    assert faults[0].code == "ambiguous_recording"
    assert "a/X.wav, b/X.wav" in faults[0].message


def test_a_table_beside_one_of_them_means_that_one() -> None:
    assert matched("X", ["a/X.wav", "b/X.wav"], "/data/b/X.Table.1.selections.txt") == (["b/X.wav"], [])


def test_other_columns_and_the_order_stay() -> None:
    events = make_events({"recording": ["B", "A", "B"], "label": ["1", "2", "3"]})
    kept, _ = match_recordings(events, ["A.wav", "B.wav"])
    assert kept["label"].to_list() == ["1", "2", "3"]
    assert kept["recording"].to_list() == ["B.wav", "A.wav", "B.wav"]
    assert kept.columns == events.columns


def test_coverage_is_matched_too() -> None:
    kept, faults = match_recordings(whole_coverage(["X"]), ["a/X.wav"])
    assert kept["recording"].to_list() == ["a/X.wav"]
    assert faults == ()


def test_an_empty_table_stays_empty() -> None:
    kept, faults = match_recordings(make_events({}), ["a.wav"])
    assert kept.height == 0
    assert faults == ()


PATHS = st.lists(
    st.builds("/".join, st.lists(st.sampled_from(["a", "b", "X", "x.wav", "X.flac"]), min_size=1, max_size=3)),
    unique=True,
    min_size=1,
    max_size=6,
)


@given(recordings=PATHS, name=PATHS)
@settings(max_examples=150, deadline=None)
def test_never_a_guess(recordings: list[str], name: list[str]) -> None:
    """A match shares the file name or stem, and no other recording shares as much."""
    got, codes = matched(name[0], recordings)
    stem = name[0].split("/")[-1].casefold().removesuffix(".wav").removesuffix(".flac")
    same = [r for r in recordings if r.split("/")[-1].casefold().removesuffix(".wav").removesuffix(".flac") == stem]
    if name[0] in recordings:
        assert got == [name[0]]
    elif not same:
        assert codes == ["no_recording"]
    elif len(same) == 1:
        assert got == same
    else:
        assert codes in (["ambiguous_recording"], [])
        assert set(got) <= set(same)


def test_many_names_are_matched_fast() -> None:
    recordings = [f"site{i % 7}/rec_{i}.wav" for i in range(20_000)]
    events = make_events({"recording": [f"rec_{i}" for i in range(20_000)]})
    kept, faults = match_recordings(events, recordings)
    assert kept["recording"].to_list() == recordings
    assert faults == ()
    assert kept.select(pl.col("recording").n_unique()).item() == 20_000
