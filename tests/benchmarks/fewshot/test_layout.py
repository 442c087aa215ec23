"""Tables beside recordings, in every disorder that the downloads have."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.benchmarks.fewshot.replicas import CALL_S, CROWDED, ONSETS, SET_RATES, UNKNOWN, dcase, fasd13, write_pair

from tymbal.audio import probe
from tymbal.benchmarks.fewshot import find_fewshot, look
from tymbal.benchmarks.fewshot.layout import beside, read_layout, set_of
from tymbal.errors import UsageError


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fasd13(tmp_path_factory.mktemp("fasd13"))


def test_all_thirteen_sets_with_their_traps(data: Path) -> None:
    layout = read_layout(data, find_fewshot("fasd13"))
    assert layout.faults == ()
    assert set(layout.sets()) == set(SET_RATES)
    assert len(layout.truths) == 26
    for truth in layout.truths:
        assert truth.positive == tuple(sorted(truth.positive))
        assert len(truth.positive) == len(CROWDED if truth.set == "JS" else ONSETS)
        assert truth.unknown == (UNKNOWN,)
    rates = {truth.set: probe(truth.path).sample_rate_hz for truth in layout.truths}
    assert rates == {**SET_RATES, "CC": 187_500}
    assert {probe(truth.path).container for truth in layout.truths if truth.set == "HA"} == {"FLAC"}


def test_dcase_folders_and_columns(tmp_path: Path) -> None:
    layout = read_layout(dcase(tmp_path), find_fewshot("dcase5"))
    assert layout.sets() == ("MT", "HB", "ME")
    training = {truth.target: truth for truth in layout.truths if truth.set == "MT"}
    assert set(training) == {"CC", "SN"}
    assert (len(training["CC"].positive), len(training["CC"].unknown)) == (7, 1)
    assert training["SN"].positive == ((ONSETS[0], ONSETS[0] + CALL_S),)
    assert training["SN"].name.endswith("MT/mt.wav#SN")


def test_one_bad_table_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    fasd13(tmp_path, ["AS"])
    folder = tmp_path / "AS"
    (folder / "lonely.csv").write_text("Starttime,Endtime,Q\n1,2,POS\n")
    for name, text in (
        ("word", "Starttime,Endtime,Q\n1,2,MAYBE\n"),
        ("time", "Starttime,Endtime,Q\n1,x,POS\n"),
        ("back", "Starttime,Endtime,Q\n1,2,POS\n3,2,POS\n"),
        ("none", "Starttime,Endtime\n1,2\n"),
        ("head", "a,b\n1,2\n"),
    ):
        (folder / f"{name}.wav").write_bytes((folder / "AS_0.wav").read_bytes())
        (folder / f"{name}.csv").write_text(text)
    (tmp_path / "readme.csv").write_text("a,b\n1,2\n")
    layout = read_layout(tmp_path, find_fewshot("fasd13"))
    assert len(layout.truths) == 2
    told = " ".join(fault.message for fault in layout.faults)
    assert len(layout.faults) == 6
    for said in ("no recording of this name", "'MAYBE'", "'x' is no time", "row 3 begins at 3 s", "no column of POS"):
        assert said in told


def test_names_with_brackets_and_other_endings(tmp_path: Path) -> None:
    table = write_pair(tmp_path / "RG" / "a[1].flac", [(0.1, 0.2, "POS")], [0.0] * 8000, 8000).with_suffix(".csv")
    assert beside(table) == tmp_path / "RG" / "a[1].flac"
    assert beside(tmp_path / "RG" / "b.csv") is None
    assert set_of(Path("ME/deep/HB/x/a.csv"), {"HB", "ME"}) == "HB"
    assert set_of(Path("a.csv"), {"HB"}) is None


def test_what_is_missing_or_not_as_published_is_told(data: Path, tmp_path: Path) -> None:
    _, departures = look(data, find_fewshot("fasd13"), ["RG", "AS"])
    told = [each.message for each in departures]
    assert told == [
        "AS has 2 recordings with 16 events, published are 12 with 162",
        "RG has 2 recordings with 16 events, published are 2 with 34",
    ]
    _, departures = look(tmp_path / "nowhere", find_fewshot("dcase5"))
    assert "is no folder" in departures[0].message
    assert [each.message for each in departures[1:]] == ["3 sets not there: HB, PB, ME"]
    assert "zenodo.org/records/10829604" in departures[1].mend
    with pytest.raises(UsageError, match="no set 'ZZ'"):
        look(data, find_fewshot("fasd13"), ["ZZ"])
    with pytest.raises(UsageError, match="no few-shot benchmark"):
        find_fewshot("fasd14")
