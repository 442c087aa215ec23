"""On which clock sound and tables are."""

from __future__ import annotations

from tymbal.benchmarks.boxes.layout import read_clock


def test_the_folder_tells_only_what_lengths_do_not() -> None:
    assert (read_clock(1.02, 0.97, 6, True).audio, read_clock(5.8, 6.3, 6, False).tables) == (1, 6)
    odd = read_clock(0.04, 0.04, 6, True)
    assert (odd.audio, odd.tables) == (6, 6)
    assert read_clock(float("nan"), 1.0, 2, False).audio == 1
