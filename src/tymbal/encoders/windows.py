"""Long recordings through an encoder in fixed windows: the one place that decides what is read and which frames count.

A recording is cut into segments. Each is encoded with a margin on both sides, whose frames are left out again. Layers
that are local and whose margin covers their field come out as in one long pass (`RateLayout.streams` says which); for
all others the frames of the fixed windows are the canonical ones, and how far they lie from one long pass can only be
measured (`tymbal encoders check`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.errors import EncoderError, UsageError
from tymbal.units import FrameGrid, to_samples


@dataclass(frozen=True)
class RateLayout:
    """Segments, margins and layers at one delivery rate; sample counts at that rate.

    `phase_samples` : reads start at multiples of it, so that local frames fall on the grid of one long pass.
    """

    sample_rate_hz: int
    layers: tuple[LayerSpec, ...]
    segment_samples: int
    margin_samples: int
    phase_samples: int

    def streams(self, spec: LayerSpec) -> bool:
        """Whether a layer's frames are those of one long pass over the recording: same centres, same sound seen."""
        hop = spec.grid.hop_s * self.sample_rate_hz
        reach = spec.grid.receptive_s * self.sample_rate_hz / 2
        on_grid = abs(hop - round(hop)) < 1e-6 and self.phase_samples % max(1, round(hop)) == 0
        return spec.local and self.margin_samples >= reach - 1e-6 and on_grid

    def window(self, start: int, end: int, samples: int) -> SoundWindow:
        """What to read of a recording of `samples` samples to encode its segment [start, end)."""
        first = start
        if self.margin_samples:
            wanted = max(0, start - self.margin_samples)
            first = wanted - wanted % self.phase_samples
        return SoundWindow(start, end, first, min(samples, end + self.margin_samples), end >= samples)


@dataclass(frozen=True)
class SoundWindow:
    """A segment [start, end) and the stretch [first, last) that is read for it, in samples of the recording.

    `is_last` : the segment ends with the recording.
    """

    start: int
    end: int
    first: int
    last: int
    is_last: bool

    def owned(self, grid: FrameGrid, frames: int, sample_rate_hz: int) -> slice:
        """Which of the `frames` frames of the stretch are the segment's: those centred in it.

        The first segment also has the frames before it, the last those after it: none are lost at a recording's ends.
        Settled on the stretch's own clock, where a day into a recording rounds no worse than its start.
        """
        inside = grid.inside(
            (self.start - self.first) / sample_rate_hz, (self.end - self.first) / sample_rate_hz, frames
        )
        return slice(0 if self.start == 0 else inside.start, frames if self.is_last else inside.stop)

    def grid(self, grid: FrameGrid, owned: slice, sample_rate_hz: int) -> FrameGrid:
        """The grid of the owned frames on the recording's clock."""
        moved = grid.shifted(self.first / sample_rate_hz)
        return FrameGrid(moved.hop_s, moved.center_s(owned.start), moved.receptive_s)


def rate_layout(
    specs: Sequence[LayerSpec], *, sample_rate_hz: int, segment_s: float, margin_s: float | None = None
) -> RateLayout:
    """Segments and margins for the layers `specs` of sound at `sample_rate_hz`.

    Parameters
    ----------
    segment_s : seconds of a segment.
    margin_s : seconds of a margin; None: half the largest field among the local layers, 0 where none is local.

    Raises UsageError where a segment is shorter than one sample.
    """
    segment = to_samples(segment_s, sample_rate_hz)
    if segment < 1:
        raise UsageError(
            f"segments of {segment_s} s hold no sample at {sample_rate_hz} Hz",
            where="embed",
            parameter="segment_s",
            allowed=f"{1 / sample_rate_hz} s or more",
        )
    local = [spec for spec in specs if spec.local and math.isfinite(spec.grid.receptive_s)]
    if margin_s is None:
        margin_s = max((spec.grid.receptive_s / 2 for spec in local), default=0.0)
    margin = math.ceil(margin_s * sample_rate_hz - 1e-6)
    phase = _common_hop(local, sample_rate_hz, segment) if margin else 1
    return RateLayout(sample_rate_hz, tuple(specs), segment, margin, phase)


def _common_hop(local: Sequence[LayerSpec], sample_rate_hz: int, segment: int) -> int:
    """A common multiple of as many hops as keep it within half a segment, shortest hops first."""
    common = 1
    for hop in sorted({spec.grid.hop_s * sample_rate_hz for spec in local}):
        joint = math.lcm(common, max(1, round(hop)))
        if abs(hop - round(hop)) < 1e-6 and joint <= segment // 2:
            common = joint
    return common


def encode_sound(
    encoder: Encoder, sound: NDArray[np.float32], device: torch.device | None = None
) -> dict[str, LayerOutput]:
    """All layers of one stretch of sound (samples,); sound below the encoder's shortest is padded and masked.

    `device` is where the encoder lies, None the CPU; the layers come back to the CPU.
    """
    waveform = torch.zeros(1, max(len(sound), encoder.min_samples))
    waveform[0, : len(sound)] = torch.from_numpy(sound)
    mask = torch.zeros(waveform.shape, dtype=torch.bool)
    mask[0, : len(sound)] = True
    with torch.inference_mode():
        if device is None or device.type == "cpu":
            return encoder(waveform, mask)  # type: ignore[no-any-return]
        # float32 is to mean float32 there too: cuDNN would round convolutions to TF32.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            found = encoder(waveform.to(device), mask.to(device))
        return {name: LayerOutput(output.values.cpu(), output.mask.cpu()) for name, output in found.items()}


def real_frames(output: LayerOutput, name: str, where: str) -> int:
    """How many frames of a batch of one are real; EncoderError where they are not the first ones."""
    real = int(output.mask[0].sum())
    if not bool(output.mask[0, :real].all()):
        raise EncoderError(f"layer {name!r} masks frames before real ones", where=where)
    return real


@dataclass(frozen=True)
class Streamed:
    """One layer of one segment: values (frames, bands, dim) and their grid on the recording's clock."""

    values: Tensor
    grid: FrameGrid


def stream(
    encoder: Encoder,
    read: Callable[[int, int], NDArray[np.float32]],
    samples: int,
    *,
    segment_s: float = 10.0,
    margin_s: float | None = None,
    layers: Sequence[str] | None = None,
) -> Iterator[dict[str, Streamed]]:
    """Layers of a recording of `samples` samples, segment by segment, in the memory of one window.

    Parameters
    ----------
    encoder : bound to the rate of the sound.
    read : gives `count` samples from `start` on, float32 (count,), as `AudioReader.read` does.
    segment_s, margin_s : see `rate_layout`.
    layers : names of the layers that are wanted, which also decide the margin; None: all.

    Raises EncoderError for an encoder without a rate.
    """
    rate = encoder.sample_rate
    if rate is None:
        raise EncoderError("it takes any rate", where=encoder.name, mend="Bind it to one: encoder.at_rate(hertz).")
    specs = [spec for spec in encoder.layers if layers is None or spec.name in layers]
    plan = rate_layout(specs, sample_rate_hz=rate, segment_s=segment_s, margin_s=margin_s)
    for start in range(0, samples, plan.segment_samples):
        window = plan.window(start, min(start + plan.segment_samples, samples), samples)
        outputs = encode_sound(encoder, read(window.first, window.last - window.first))
        found = {}
        for spec in plan.layers:
            output = outputs[spec.name]
            owned = window.owned(spec.grid, real_frames(output, spec.name, encoder.name), rate)
            found[spec.name] = Streamed(output.values[0, owned], window.grid(spec.grid, owned, rate))
        yield found
