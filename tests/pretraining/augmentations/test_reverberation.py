"""Reverberation of the picture against rooms on the waveform."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pretraining.augmentations.conftest import CONFIG, RATE_HZ, Sound, batch_of, picture_of
from tests.reference import augmentations as slow

from tymbal.pretraining.augmentations import create_augmentation
from tymbal.pretraining.augmentations.bands import to_picture, to_power
from tymbal.pretraining.augmentations.reverberation import echoes
from tymbal.synthesis.rooms import exponential, place_in_room


def one(value: float) -> torch.Tensor:
    return torch.tensor([[[value]]], dtype=torch.float64)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 99), st.integers(1, 40), st.floats(0.01, 3), st.floats(0, 0.1), st.sampled_from([0.005, 0.01, 0.02])
)
def test_the_tail_equals_its_slow_twin(seed: int, frames: int, decay_s: float, delay_s: float, hop_s: float) -> None:
    power = torch.rand(1, frames, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) ** 4
    found = power + 10**-0.6 * echoes(power, one(decay_s), one(delay_s), hop_s)
    np.testing.assert_allclose(found[0], slow.reverberated(power[0].numpy(), decay_s, 6.0, delay_s, hop_s), atol=1e-12)


def test_quiet_frames_after_loud_ones_keep_their_echo_in_single_precision() -> None:
    power = torch.zeros(1, 150, 1)
    power[0, 0] = 1.0
    tail = echoes(power, torch.tensor([[[0.3]]]), torch.tensor([[[0.001]]]), 0.01)[0, :, 0]
    step_db = 10 * torch.log10(tail[2:] / tail[1:-1])
    torch.testing.assert_close(step_db, torch.full((148,), -2.0), rtol=0, atol=1e-3)  # to 10^-30


@pytest.mark.parametrize(
    ("decay_s", "direct_db", "delay_s"), [(0.3, 3.0, 0.005), (1.0, 0.0, 0.02), (0.08, 10.0, 0.002)]
)
def test_it_is_what_the_waveform_in_such_rooms_looks_like(
    decay_s: float, direct_db: float, delay_s: float, calls: list[Sound]
) -> None:
    rooms, generator = 10, np.random.default_rng(0)
    torch.manual_seed(0)
    room = create_augmentation(
        "reverberation",
        CONFIG,
        decay_s=(decay_s, decay_s),
        direct_db=(direct_db, direct_db),
        delay_s=(delay_s, delay_s),
    )
    for call in calls[:2]:
        true = torch.zeros(())
        for _ in range(rooms):
            response = exponential(decay_s, direct_db, delay_s, RATE_HZ, generator)
            wet = place_in_room(call.astype(np.float32), response)[: len(call)]
            true = true + to_power(picture_of(wet)[0]) / rooms
        ours = to_power(room(batch_of(call, rooms)).pictures).mean(0)
        assert abs(20 * float((to_picture(ours) - to_picture(true)).mean())) < 0.4
        assert float((20 * (to_picture(ours) - to_picture(true))).abs().mean()) < 1.2  # by cell, of means of ten rooms
        by_band = 10 * torch.log10(ours.mean(0) / true.mean(0))
        assert float(by_band.abs().mean()) < 0.4
        assert float(by_band.abs().max()) < 2.0


def test_what_was_quiet_stays_quiet_before_the_call(calls: list[Sound]) -> None:
    call = np.concatenate([np.zeros(RATE_HZ), calls[0][:RATE_HZ]])
    batch = batch_of(call)
    found = create_augmentation("reverberation", CONFIG)(batch).pictures
    torch.testing.assert_close(found[:, :95], batch.pictures[:, :95])
    assert float((found - batch.pictures)[:, 105:].mean()) > 0
