"""Windows of the protocol, worked by hand; planted departures are caught."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.benchmarks.replicas import tone

from tymbal.benchmarks import window_count
from tymbal.benchmarks import windows as room
from tymbal.benchmarks.windows import Annotation, Cut, chunk_annotations, delivered_s


@pytest.mark.parametrize(
    ("length", "window", "hop", "count"),
    [(60, 2, 1, 59), (60, 10, 5, 11), (60, 4, 2, 29), (2, 2, 1, 1), (1.5, 2, 1, 1), (1.0, 2, 1, 0), (0.4, 10, 5, 0)],
)
def test_window_counts_by_hand(length: float, window: float, hop: float, count: int) -> None:
    assert window_count(length, window, hop) == count


def test_rfcx_has_the_published_number_of_test_windows() -> None:
    files = 4727  # 40 % of them held out (rounded up), half of those for test
    assert (int(np.ceil(files * 0.4)) - int(files * 0.4 / 2)) * window_count(60.0, 10, 5) == 10_406


def test_events_are_cut_at_chunk_borders() -> None:
    found = chunk_annotations([Annotation(58.5, 61.0, "a"), Annotation(59.0, 60.0, "b"), Annotation(50.0, 190.0, "c")])
    assert found[0] == [Annotation(58.5, 60.0, "a"), Annotation(59.0, 60.0, "b"), Annotation(50.0, 60.0, "c")]
    assert found[1] == [Annotation(0.0, 1.0, "a"), Annotation(0.0, 0.0, "b"), Annotation(0.0, 60.0, "c")]
    assert found[2] == [Annotation(0.0, 60.0, "c")]
    assert found[3] == [Annotation(0.0, 10.0, "c")]


def test_resampling_rounds_the_length_up(tmp_path: Path) -> None:
    path = tone(tmp_path / "a.wav", 1.0, rate=11_025)
    assert delivered_s(path, 16_000) == 1.0
    path = tone(tmp_path / "b.wav", 1001 / 11_025, rate=11_025)  # 1001 samples become 1452.7: 1453
    assert delivered_s(path, 16_000) == 1453 / 16_000
    assert delivered_s(path, None) == 1001 / 11_025


def check_cut() -> None:
    cut = Cut(2.0, 1.0, {"a": 0}, chunk_s=60)
    rows = cut.windows("r", 121.5, [Annotation(60.5, 70.0, "a")], lambda chunk, chunks: f"{chunk}/{chunks}")
    assert rows.group_by("fold", maintain_order=True).len().rows() == [("0/3", 59), ("1/3", 59), ("2/3", 1)]
    assert rows.filter(rows["labels"].list.len() > 0)["onset_s"].to_list() == [60.0 + n for n in range(10)]
    assert rows.row(-1)[:4] == ("r@2:0", "r", 120.0, 121.5)  # shorter than a window, and still one


def test_windows_of_chunks_by_hand() -> None:
    check_cut()


@pytest.mark.parametrize(
    "planted",
    [
        lambda length, window, hop: int(np.floor((length - window) / hop)) + 1,  # loses the padded last window
        lambda length, window, hop: int(np.ceil(length / hop)),  # a window at every hop
        lambda length, window, hop: int(length / window),  # no overlap of windows
    ],
)
def test_a_planted_window_count_is_caught(
    planted: Callable[[float, float, float], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "window_count", planted)
    with pytest.raises(AssertionError):
        check_cut()
