"""Faults of samples: found whatever the block size, absent from healthy sound."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tymbal.audio.health import Md5Check, SampleScan


def _codes(
    samples: NDArray[np.float32], *, step: int = 10_000, floating: bool = False, rate_hz: int = 16000
) -> set[str]:
    block = np.asarray(samples, np.float32)
    block = block[:, None] if block.ndim == 1 else block
    scan = SampleScan(block.shape[1], rate_hz, floating=floating)
    for start in range(0, len(block), step):
        scan.add(block[start : start + step])
    return {fault.code for fault in scan.faults()}


@pytest.fixture
def sound() -> NDArray[np.float32]:
    return np.random.default_rng(0).uniform(-0.5, 0.5, 16000).astype(np.float32)


def test_healthy_sound_has_no_faults(sound: NDArray[np.float32]) -> None:
    assert _codes(sound) == set()
    assert _codes(np.stack([sound, np.roll(sound, 5)], 1)) == set()


def test_each_fault_is_named(sound: NDArray[np.float32]) -> None:
    gap, half = sound.copy(), sound.copy()
    gap[7000:8000] = 0
    half[12000:] = 0  # silence at the end is no dropout
    assert _codes(np.zeros(9000)) == {"all_zeros"}
    assert _codes(np.full(9000, 0.25)) == {"constant"}
    assert _codes(0.2 * sound + 0.5) == {"dc_offset"}
    assert _codes(np.clip(3 * sound, -0.8, 0.8)) == {"clipped"}
    assert _codes(gap) == {"dropout"}
    assert _codes(half) == set()
    assert _codes(np.stack([sound, 0 * sound], 1)) == {"dead_channel"}
    assert _codes(np.stack([sound, -sound], 1)) == {"antiphase"}
    assert _codes(3 * sound, floating=True) == {"beyond_full_scale"}
    assert _codes(3 * sound) == set()  # lossy decoders overshoot
    assert _codes(20_000 * sound, floating=True) == {"integer_scale"}


def test_too_short_to_say_anything() -> None:
    assert _codes(np.full(10, 0.3)) == set()


@settings(max_examples=30, deadline=None)
@given(step=st.integers(1, 4000), begin=st.integers(500, 2500), length=st.integers(1, 1500))
def test_gaps_and_clipping_do_not_depend_on_blocks(step: int, begin: int, length: int) -> None:
    x = np.random.default_rng(1).uniform(0.1, 0.5, 5000).astype(np.float32) * np.resize([1, -1], 5000)
    x[begin : begin + length] = 0
    expected = {"dropout"} if length >= 160 else set()
    assert _codes(x, step=step) == expected


def test_md5_of_integers() -> None:
    values = np.array([[0, -1], [32767, -32768], [5, -5]], "<i2")
    block = (values / 32768).astype(np.float32)
    good, bad = Md5Check(16, hashlib.md5(values.tobytes()).digest()), Md5Check(16, bytes(range(16)))
    for check in (good, bad):
        check.add(block[:1])
        check.add(block[1:])
    assert good.faults() == []
    assert [fault.code for fault in bad.faults()] == ["md5"]
    packed = b"".join(int(v).to_bytes(3, "little", signed=True) for v in (-8388608, 77, 8388607))
    check = Md5Check(24, hashlib.md5(packed).digest())
    check.add((np.array([[-8388608], [77], [8388607]]) / 2**23).astype(np.float32))
    assert check.faults() == []
