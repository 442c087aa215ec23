"""What sources share: which labels a crop holds enough of, and what a recipe may name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymbal.pretraining.sources import SourceConfig, Span, heard

TENTHS = st.integers(0, 60)


@given(TENTHS, st.integers(1, 40), TENTHS, st.integers(1, 40))
def test_a_fifth_of_the_shorter_must_overlap(onset: int, length: int, start: int, frames: int) -> None:
    span, crop = Span(onset / 10, (onset + length) / 10, "a"), (start / 10, (start + frames) / 10)
    shared = len(set(range(onset, onset + length)) & set(range(start, start + frames)))
    least = min(length, frames) / 5
    if abs(shared - least) > 1e-6:
        assert heard([span], *crop) == (("a",) if shared > least else ())


def test_labels_of_whole_recordings_are_always_heard() -> None:
    whole = Span(float("-inf"), float("inf"), "owl")
    assert heard([whole, Span(8.0, 9.0, "frog")], 1.0, 1.5) == ("owl",)


def test_channels_concern_themselves_and_the_mix() -> None:
    assert [Span(0, 1, "a", 2).concerns(channel) for channel in (None, 1, 2)] == [True, False, True]
    assert Span(0, 1, "a").concerns(1)


@pytest.mark.parametrize(
    ("store", "plan", "kind"), [("s", "", "store"), ("", "p", "plan"), ("", "", ""), ("s", "p", "")]
)
def test_a_source_is_a_store_or_a_plan(store: str, plan: str, kind: str) -> None:
    assert SourceConfig(store, plan=plan).kind == kind
