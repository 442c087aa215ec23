"""Frames of several channels side by side."""

from __future__ import annotations

import numpy as np

from tymbal.detection.frames import beside, own_first


def test_every_layer_holds_its_channels_side_by_side() -> None:
    first, second = np.array([[1, 2, 3]], dtype=np.float32), np.array([[4, 5, 6]], dtype=np.float32)
    np.testing.assert_array_equal(beside([first, second], [2, 1]), [[1, 2, 4, 5, 3, 6]])
    np.testing.assert_array_equal(beside([second, first], [1, 2]), [[4, 1, 5, 6, 2, 3]])
    np.testing.assert_array_equal(beside([first], [2, 1]), first)


def test_a_channel_is_told_first() -> None:
    assert [own_first(3, number) for number in range(3)] == [[0, 1, 2], [1, 0, 2], [2, 0, 1]]
    assert own_first(1, 0) == [0]
