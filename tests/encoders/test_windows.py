"""Long recordings in windows: local encoders as in one pass, every frame once, memory of one window."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tymbal.encoders import Encoder, LayerSpec
from tymbal.encoders.bagnet import BagNet
from tymbal.encoders.beats import Beats
from tymbal.encoders.cnn14 import Cnn14
from tymbal.encoders.spectral import SpectralEncoder
from tymbal.encoders.windows import SoundWindow, encode_sound, rate_layout, stream
from tymbal.errors import EncoderError, UsageError
from tymbal.units import FrameGrid


def local_encoders() -> dict[str, Encoder]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = {"spectral": SpectralEncoder.tiny().at_rate(4000), "bagnet": BagNet.tiny(), "cnn14": Cnn14.tiny()}
    return {name: encoder.freeze() for name, encoder in found.items()}


ENCODERS = local_encoders()


def noise(samples: int, seed: int) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def streamed_and_whole(
    encoder: Encoder, sound: NDArray[np.float32], segment_s: float
) -> dict[str, tuple[torch.Tensor, torch.Tensor, NDArray[np.float64]]]:
    """Per layer: values joined from windows, values of one long pass, centres of the joined frames in seconds."""
    parts = list(stream(encoder, lambda start, count: sound[start : start + count], len(sound), segment_s=segment_s))
    whole = encode_sound(encoder, sound)
    found = {}
    for spec in encoder.layers:
        each = [part[spec.name] for part in parts]
        centers = np.concatenate([one.grid.centers_s(len(one.values)) for one in each])
        real = int(whole[spec.name].mask.sum())
        found[spec.name] = (torch.cat([one.values for one in each]), whole[spec.name].values[0, :real], centers)
    return found


@pytest.mark.parametrize("name", sorted(ENCODERS))
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_local_encoders_stream_exactly_at_every_edge(name: str, data: st.DataObject) -> None:
    encoder = ENCODERS[name]
    rate = int(encoder.sample_rate or 0)
    # Segments of at least two hops of the slowest layer: below, its phase cannot be kept and the plan says so.
    longest_s = max(spec.grid.hop_s for spec in encoder.layers)
    segment_s = data.draw(st.floats(2 * longest_s, 5 * longest_s))
    samples = data.draw(st.integers(encoder.min_samples, encoder.min_samples + round(6 * segment_s * rate)))
    plan = rate_layout(encoder.layers, sample_rate_hz=rate, segment_s=segment_s)
    found = streamed_and_whole(encoder, noise(samples, data.draw(st.integers(0, 99))), segment_s)
    streaming = [spec for spec in encoder.layers if plan.streams(spec)]
    assert name == "spectral" or streaming == list(encoder.layers)
    assert streaming
    for spec in streaming:
        joined, whole, centers = found[spec.name]
        assert joined.shape == whole.shape, spec.name
        np.testing.assert_allclose(centers, spec.grid.centers_s(len(whole)), rtol=0, atol=1e-9)
        scale = max(1e-3, float(whole.abs().max()))
        torch.testing.assert_close(joined, whole, rtol=0, atol=1e-4 * scale, msg=spec.name)


def test_without_a_margin_local_frames_at_the_seams_differ_and_the_plan_says_so() -> None:
    encoder = ENCODERS["bagnet"]
    specs, rate = encoder.layers, int(encoder.sample_rate or 0)
    plan = rate_layout(specs, sample_rate_hz=rate, segment_s=0.5, margin_s=0.0)
    assert not any(plan.streams(spec) for spec in specs)
    sound = noise(rate, 0)
    parts = list(stream(encoder, lambda start, count: sound[start : start + count], rate, segment_s=0.5, margin_s=0.0))
    joined = torch.cat([part["block2"].values for part in parts])
    assert len(joined) < len(encode_sound(encoder, sound)["block2"].values[0])


def test_attention_is_never_called_exact_and_has_no_margin() -> None:
    encoder = Beats.tiny().freeze()
    blocks = [spec for spec in encoder.layers if spec.name != "embedding"]
    plan = rate_layout(blocks, sample_rate_hz=16000, segment_s=1.0)
    assert (plan.margin_samples, plan.phase_samples) == (0, 1)
    assert not any(plan.streams(spec) for spec in blocks)
    window = plan.window(16000, 32000, 100_000)
    assert (window.first, window.last) == (16000, 32000)


def test_only_one_window_is_read_at_a_time() -> None:
    encoder = ENCODERS["bagnet"]
    rate, asked = int(encoder.sample_rate or 0), []

    def read(start: int, count: int) -> NDArray[np.float32]:
        asked.append((start, count))
        return noise(count, start)

    samples = 100 * rate
    margin = rate_layout(encoder.layers, sample_rate_hz=rate, segment_s=1.0).margin_samples
    for number, _ in enumerate(stream(encoder, read, samples, segment_s=1.0)):
        assert len(asked) == number + 1
    assert len(asked) == 100
    assert max(count for _, count in asked) <= rate + 2 * margin + 160


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5000),
    st.integers(1, 1500),
    st.integers(0, 300),
    st.integers(1, 60),
    st.integers(0, 80),
    st.integers(1, 90),
)
def test_every_sample_has_one_window_and_every_frame_one_owner(
    samples: int, segment: int, margin: int, hop: int, first: int, phase: int
) -> None:
    rate = 1000
    grid = FrameGrid.from_samples(rate, hop=hop, first_center=first, receptive=1)
    spec = LayerSpec("layer", 1, 1, grid, local=True)
    plan = rate_layout([spec], sample_rate_hz=rate, segment_s=segment / rate, margin_s=margin / rate)
    frames = max(0, math.ceil((samples - first) / hop))
    owners = np.zeros(frames, dtype=int)
    covered = 0
    for start in range(0, samples, plan.segment_samples):
        window = plan.window(start, min(start + plan.segment_samples, samples), samples)
        assert 0 <= window.first <= window.start == covered
        assert window.end <= window.last <= samples
        covered = window.end
        here = max(0, math.ceil((window.last - window.first - first) / hop))
        if plan.margin_samples and window.first % hop == 0:
            owned = window.owned(grid, here, rate)
            moved = window.grid(grid, owned, rate)
            for center_s in moved.centers_s(owned.stop - owned.start):
                owners[round((center_s * rate - first) / hop)] += 1
    assert covered == samples
    if plan.margin_samples >= hop + first and plan.phase_samples % hop == 0:
        assert owners.tolist() == [1] * frames


def test_faults_are_named() -> None:
    with pytest.raises(UsageError, match="hold no sample"):
        rate_layout(ENCODERS["bagnet"].layers, sample_rate_hz=100, segment_s=1e-4)
    with pytest.raises(EncoderError, match="at_rate"):
        next(stream(SpectralEncoder.tiny(), lambda start, count: noise(count, 0), 1000))


def test_a_window_owns_the_frames_before_the_first_and_after_the_last() -> None:
    grid = FrameGrid(0.01, -0.004, 0.02)  # a frame centred before the sound begins
    first = SoundWindow(0, 100, 0, 110, False)
    assert first.owned(grid, 12, 1000) == slice(0, 11)
    last = SoundWindow(100, 200, 90, 200, True)
    assert last.owned(grid, 12, 1000) == slice(2, 12)
