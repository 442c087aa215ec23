"""PCEN against the recursion, librosa's numbers, and masks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from tests.reference import frontends as slow

from tymbal.audio.frontends import PCEN, PcenConfig
from tymbal.errors import UsageError

LIBROSA = load_file(Path(__file__).with_name("librosa_golden.safetensors"))


@settings(max_examples=20, deadline=None)
@given(
    frames=st.integers(1, 70),
    onset=st.integers(0, 30),
    real=st.integers(0, 70),
    smoothing=st.floats(0.02, 1.0),
    gain=st.floats(0.0, 1.0),
    floor=st.sampled_from([1e-9, 1e-6, 1e-3]),
    level=st.sampled_from([1e-9, 1e-3, 1e6]),
)
def test_it_is_the_recursion(
    frames: int, onset: int, real: int, smoothing: float, gain: float, floor: float, level: float
) -> None:
    energy = np.random.default_rng(frames).random((frames, 3)) * level
    mask = (np.arange(frames) >= onset) & (np.arange(frames) < onset + real)
    config = PcenConfig(smoothing=smoothing, gain=gain, floor=floor, memory_frames=frames)
    found = PCEN(config)(torch.tensor(energy[None], dtype=torch.float32), torch.tensor(mask[None])).values[0].numpy()
    wanted = slow.pcen(energy, mask, smoothing=smoothing, gain=gain, bias=2.0, power=0.5, floor=floor)
    np.testing.assert_allclose(found[mask], wanted[mask], rtol=3e-4, atol=1e-6)


def test_it_is_librosas_once_the_start_is_forgotten() -> None:
    energy = torch.from_numpy(LIBROSA["energy"].T.copy())[None]
    config = PcenConfig(smoothing=0.1, gain=0.8, bias=2.0, power=0.5, floor=1e-6, memory_frames=300)
    found = PCEN(config)(energy).values[0].numpy().T
    np.testing.assert_allclose(found[:, 150:], LIBROSA["pcen"][:, 150:], rtol=1e-4, atol=1e-5)
    assert np.abs(found[:, :5] - LIBROSA["pcen"][:, :5]).max() > 1e-3  # they start differently, as the docstring says


def test_a_stream_with_its_memory_equals_one_pass() -> None:
    pcen = PCEN(PcenConfig(smoothing=0.2))
    energy = torch.rand(1, 200, 4)
    whole = pcen(energy).values
    memory = pcen.config.memory - 1
    assert memory == 19
    later = pcen(energy[:, 100 - memory :]).values[:, memory:]
    torch.testing.assert_close(later, whole[:, 100:])
    with pytest.raises(AssertionError):
        torch.testing.assert_close(pcen(energy[:, 101 - memory :]).values[:, memory - 1 :], whole[:, 100:])


def test_garbage_in_masked_frames_changes_nothing() -> None:
    pcen = PCEN()
    energy = torch.rand(1, 60, 4)
    mask = torch.arange(60)[None] < 41
    dirty = torch.where(mask[..., None], energy, 1e9)
    torch.testing.assert_close(pcen(dirty, mask).values[mask], pcen(energy[:, :41]).values[0])


def test_trainable_constants_get_gradients_and_the_sound_does() -> None:
    pcen = PCEN(PcenConfig(smoothing=0.3, memory_frames=5), bands=2, trainable=True).double()
    assert sorted(name for name, _ in pcen.named_parameters()) == ["bias", "gain", "power"]
    energy = (0.5 + torch.rand(1, 8, 2, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda e: pcen(e).values, energy)
    pcen(energy).values.sum().backward()
    assert all(float(parameter.grad.abs().min()) > 0 for parameter in pcen.parameters())


@pytest.mark.parametrize("field", ["smoothing", "bias", "power", "floor"])
def test_impossible_constants_are_refused(field: str) -> None:
    with pytest.raises(UsageError, match="smoothing <= 1"):
        PcenConfig(**{field: 0.0})


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(UsageError, match="batch, frames, bands"):
        PCEN()(torch.rand(3, 4))
