"""Pieces, blocks, runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.detectors import runs as slow_runs

from tymbal.detection import inference
from tymbal.detection.inference import _Runs, pieces, streamed
from tymbal.units import FrameGrid


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(0, 60), piece=st.integers(1, 20), context=st.integers(0, 9), blocks=st.lists(st.integers(0, 9))
)
def test_blocks_give_the_pieces_of_the_whole(frames: int, piece: int, context: int, blocks: list[int]) -> None:
    values = np.arange(2.0 * frames, dtype=np.float32).reshape(frames, 2)
    cuts = np.minimum(np.cumsum([*blocks, frames]), frames)
    parts = np.split(values, cuts[:-1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "PIECE", piece)
        whole, stepwise = list(pieces(values, context)), list(streamed(iter(parts), context))
    assert len(whole) == len(stepwise) == -(-frames // piece)
    for a, b in zip(whole, stepwise, strict=True):
        assert (a.first, a.own) == (b.first, b.own)
        np.testing.assert_array_equal(a.values, b.values)


def test_streaming_holds_one_piece_and_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "PIECE", 50)
    asked = 0

    def blocks() -> Iterator[np.ndarray]:
        nonlocal asked
        for _ in range(100):
            asked += 1
            yield np.zeros((10, 1), dtype=np.float32)

    for number, piece in enumerate(streamed(blocks(), 5)):
        assert len(piece.values) <= 60
        assert asked <= 5 * number + 7


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.1, 0.4, 0.6, 0.9]), min_size=1, max_size=30), st.integers(1, 7))
def test_runs_over_pieces_are_those_of_the_twin(shares: list[float], piece: int) -> None:
    found = _Runs(0.5, FrameGrid(1.0, 0.0, 1.0), 1)
    for start in range(0, len(shares), piece):
        found.take(np.array([shares[start : start + piece]]), start)
    boxes, wanted = found.boxes(), slow_runs(shares, 0.5)
    np.testing.assert_allclose(boxes.onset_s, [run[0] for run in wanted], atol=1e-12)
    np.testing.assert_allclose(boxes.offset_s, [run[1] for run in wanted], atol=1e-12)
    np.testing.assert_allclose(boxes.score, [run[2] for run in wanted], atol=1e-12)
