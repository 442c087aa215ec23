"""Time stamps: offsets stated, never guessed; impossible dates give none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tymbal.audio.stamps import StartTime, claims_audiomoth_time, from_audiomoth, from_iso, from_name


@pytest.mark.parametrize(
    ("stem", "text", "has_offset"),
    [
        ("20190522_053000", "2019-05-22T05:30:00", False),
        ("SM4A03895_20190522_053000", "2019-05-22T05:30:00", False),
        ("20240229T235959+1000_site", "2024-02-29T23:59:59+10:00", True),
        ("20240229T235959-0330", "2024-02-29T23:59:59-03:30", True),
        ("20240603T033731Z", "2024-06-03T03:37:31+00:00", True),
        ("REC_2024-06-03_03-37-31", "2024-06-03T03:37:31", False),
        ("2024-06-03T03:37:31", "2024-06-03T03:37:31", False),
        ("site 20240603 033731", "2024-06-03T03:37:31", False),
        ("20240903_193130T", "2024-09-03T19:31:30", False),
        ("dalby_02980_702775_20201222_180530_30_0", "2020-12-22T18:05:30", False),
        ("5AFE12C4", "2018-05-17T23:39:48+00:00", True),
    ],
)
def test_names(stem: str, text: str, has_offset: bool) -> None:
    assert from_name(stem) == StartTime(text, has_offset, "filename")


@pytest.mark.parametrize(
    "stem",
    [
        "20231399_256199",
        "S_20190230_000000",
        "20190522",
        "57123456",
        "CAFEBABE0",
        "FFFFFFFF",
        "XC821730",
        "",
        "120190522_0530001",
    ],
)
def test_names_without_a_time(stem: str) -> None:
    assert from_name(stem) is None


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (" (UTC)", "2024-09-03T19:31:30+00:00"),
        (" (UTC+1)", "2024-09-03T19:31:30+01:00"),
        (" (UTC-11)", "2024-09-03T19:31:30-11:00"),
        (" (UTC+5:30)", "2024-09-03T19:31:30+05:30"),
        ("", "2024-09-03T19:31:30+00:00"),  # the oldest firmware; its clock ran on UTC
    ],
)
def test_audiomoth_comments(zone: str, text: str) -> None:
    comment = f"Recorded at 19:31:30 03/09/2024{zone} by AudioMoth 24E144055E080032 at medium gain"
    assert from_audiomoth(comment) == StartTime(text, True, "audiomoth")


def test_audiomoth_comment_with_an_impossible_date() -> None:
    comment = "Recorded at 19:31:30 31/02/2024 (UTC+1) by AudioMoth 24E144055E080032"
    assert from_audiomoth(comment) is None
    assert claims_audiomoth_time(comment)
    assert not claims_audiomoth_time("a field note")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("2024-05-31T22:39:11", "2024-05-31T22:39:11"),
        ("  2022-08-15 21:34:14+0100", "2022-08-15T21:34:14+01:00"),
        ("2024-06-03T03:37:31.5Z", "2024-06-03T03:37:31.500+00:00"),
        ("2024-06-03T03:37", "2024-06-03T03:37:00"),
        ("2024-02-30T03:37:31", None),
        ("yesterday", None),
        ("2024-06-03T25:00:00", None),
    ],
)
def test_iso(written: str, text: str | None) -> None:
    found = from_iso(written, "guano")
    assert (found.text if found else None) == text


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(st.text(max_size=40), st.from_regex(r"[0-9A-F_T:+\-Z ]{8,30}", fullmatch=True)))
def test_no_text_raises(text: str) -> None:
    for found in (from_name(text), from_iso(text, "guano"), from_audiomoth(f"Recorded at {text}")):
        assert found is None or found.source in ("filename", "guano", "audiomoth")
