"""Is an encoder sound on this machine: promises kept, precision lost, windows against one long pass, speed."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tymbal.encoders.contract import Encoder, LayerOutput
from tymbal.encoders.runtime import Precision, Runtime, with_runtime
from tymbal.encoders.windows import rate_layout, stream
from tymbal.errors import EncoderError, UsageError

CLIP_S = 10.0
EXACT = 1e-3  # of a layer's largest value: beyond rounding, which a long network adds up


@dataclass(frozen=True)
class Promise:
    """One thing every encoder promises, and whether this one kept it on a short synthetic sound."""

    name: str
    kept: bool
    told: str


@dataclass(frozen=True)
class Agreement:
    """How far two versions of a layer agree: cosine of their frames, mean and worst; greatest difference as a part of
    the layer's largest value."""

    mean: float
    worst: float
    difference: float


@dataclass(frozen=True)
class Streaming:
    """Frames of fixed windows against those of one long pass. `exact` : the layer promises to be the same."""

    exact: bool
    agreement: Agreement


@dataclass(frozen=True)
class Checked:
    """What `check_encoder` found. `precision` and `real_time` (seconds of sound a second of wall clock) are by
    precision, `refused` says why one cannot be had."""

    encoder: str
    sample_rate_hz: int
    numerics: str
    promises: tuple[Promise, ...]
    streaming: dict[str, Streaming]
    precision: dict[str, dict[str, Agreement]] = field(default_factory=dict)
    real_time: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    threads: int = 1

    @property
    def sound(self) -> bool:
        """Every promise kept, exact layers exact."""
        exact = all(each.agreement.difference <= EXACT for each in self.streaming.values() if each.exact)
        return exact and all(promise.kept for promise in self.promises)


def synthetic_sound(sample_rate_hz: int, seconds: float, seed: int = 0) -> Tensor:
    """Sound (samples,) to check encoders with: calls that sweep and pulse, over noise, full scale about ±0.5."""
    dice = torch.Generator().manual_seed(seed)
    time_s = torch.arange(round(sample_rate_hz * seconds)) / sample_rate_hz
    middle_hz = sample_rate_hz * (0.1 + 0.1 * float(torch.rand((), generator=dice)))
    sweep = middle_hz / 3 * torch.cos(2 * math.pi * 1.3 * time_s)
    call = torch.sin(2 * math.pi * middle_hz * time_s + sweep / 1.3) * (torch.sin(2 * math.pi * 0.7 * time_s) > 0)
    pulse = torch.sin(2 * math.pi * 0.3 * sample_rate_hz * time_s) * (torch.sin(2 * math.pi * 11 * time_s) > 0.9)
    return 0.3 * call + 0.1 * pulse + 0.02 * torch.randn(len(time_s), generator=dice)


def cosines(wanted: Tensor, found: Tensor) -> Tensor:
    """Cosine of every pair of vectors (…, dim); 1 where both are zero."""
    wanted, found = wanted.double(), found.double()
    cosine = functional.cosine_similarity(wanted, found, dim=-1)
    return torch.where((wanted == 0).all(-1) & (found == 0).all(-1), 1.0, cosine)


def agreement(wanted: Tensor, found: Tensor) -> Agreement:
    """Of two tensors (frames, bands, dim), frames flattened."""
    if not wanted.numel():
        return Agreement(1.0, 1.0, 0.0)
    each = cosines(wanted.flatten(1), found.flatten(1))
    scale = max(float(wanted.abs().max()), torch.finfo(torch.float32).tiny)
    return Agreement(float(each.mean()), float(each.min()), float((wanted - found).abs().max()) / scale)


def check_encoder(
    encoder: Encoder,
    *,
    segment_s: float = CLIP_S,
    segments: int = 3,
    precisions: tuple[Precision, ...] = get_args(Precision),
    told: Callable[[str], None] = lambda step: None,
) -> Checked:
    """Run an encoder on synthetic sound and measure it.

    Parameters
    ----------
    encoder : bound to a rate. One in lower precision is checked as it is, and not in others.
    segment_s, segments : windows against one pass over so many of them.
    precisions : what to compare with float32; what the encoder cannot do is in `refused`.
    told : called with the name of each step before it.

    Raises EncoderError for an encoder of any rate, UsageError for segments that cannot be.
    """
    rate = encoder.sample_rate
    if rate is None:
        raise EncoderError("it takes any rate", where=encoder.name, mend="Give one: --rate.")
    if not 0 < segment_s < float("inf") or segments < 1:
        raise UsageError(f"segments of {segment_s} s", parameter="segment_s", allowed="seconds above 0")
    if segment_s * rate < encoder.min_samples:
        raise UsageError(
            f"windows of {segment_s} s are too short for {encoder.name}",
            parameter="segment_s",
            allowed=f"{math.ceil(1000 * encoder.min_samples / rate) / 1000:g} s or more",
        )
    with torch.inference_mode():
        told("promises")
        promises = tuple(check() for check in (_Promises(encoder)).all())
        told("windows")
        streaming = streaming_distance(encoder, segment_s=segment_s, segments=segments)
        clip = synthetic_sound(rate, segment_s, seed=1)[None]
        clip = functional.pad(clip, (0, max(0, encoder.min_samples - clip.shape[1])))[:, : encoder.max_samples]
        lost: dict[str, dict[str, Agreement]] = {}
        speed: dict[str, float] = {}
        refused: dict[str, str] = {}
        wanted = encoder(clip)
        for precision in precisions if encoder.numerics == "float32" else ():
            told(precision)
            try:
                low = with_runtime(encoder, Runtime(precision))
            except EncoderError as error:
                refused[precision] = error.what
                continue
            speed[precision] = real_time(low, clip)
            if precision != "float32":
                lost[precision] = {
                    name: agreement(wanted[name].values[0], output.values[0]) for name, output in low(clip).items()
                }
        if encoder.numerics != "float32":
            speed[encoder.numerics] = real_time(encoder, clip)
    return Checked(
        encoder.name, rate, encoder.numerics, promises, streaming, lost, speed, refused, torch.get_num_threads()
    )


def real_time(encoder: Encoder, clip: Tensor, repeat: int = 3) -> float:
    """Seconds of sound that are encoded in a second of wall clock, all layers, the best of `repeat` runs."""
    encoder(clip)
    best = math.inf
    for _ in range(repeat):
        start = time.perf_counter()
        encoder(clip)
        best = min(best, time.perf_counter() - start)
    return clip.shape[1] / float(encoder.sample_rate or 1) / best


def streaming_distance(encoder: Encoder, *, segment_s: float = CLIP_S, segments: int = 3) -> dict[str, Streaming]:
    """How far the frames of fixed windows are from one pass over the same sound, layer by layer.

    Every frame of a window is compared with the frame of the long pass whose centre is nearest: where a window is no
    whole number of hops, or has no frames at its edges, they lie up to half a hop apart, which is part of the distance.
    Empty for an encoder that takes no sound of that length.
    """
    rate = int(encoder.sample_rate or 0)
    sound = synthetic_sound(rate, segment_s * segments - 0.37 * segment_s, seed=2).numpy()
    plan = rate_layout(encoder.layers, sample_rate_hz=rate, segment_s=segment_s)

    def read(start: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        return sound[start : start + count]

    if encoder.max_samples is not None and len(sound) > encoder.max_samples:
        return {}
    parts = list(stream(encoder, read, len(sound), segment_s=segment_s))
    whole = encoder(torch.from_numpy(sound)[None])
    found = {}
    for spec in encoder.layers:
        joined = torch.cat([part[spec.name].values for part in parts])
        wanted = whole[spec.name].values[0]
        centers_s = np.concatenate([part[spec.name].grid.centers_s(len(part[spec.name].values)) for part in parts])
        nearest = np.floor((centers_s - spec.grid.first_center_s) / spec.grid.hop_s + 0.5).astype(np.int64)
        each = agreement(wanted[torch.from_numpy(nearest.clip(0, len(wanted) - 1))], joined)
        exact = plan.streams(spec)
        if exact and not np.array_equal(nearest, np.arange(len(wanted))):
            each = replace(each, difference=math.inf)  # frames lost or doubled
        found[spec.name] = Streaming(exact, each)
    return found


class _Promises:
    """The promises that can be tested without gradients, on three short rows."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        rate = int(encoder.sample_rate or 0)
        self.samples = max(encoder.min_samples + rate // 10, 2 * rate)
        if encoder.max_samples is not None:
            self.samples = min(self.samples, encoder.max_samples)
        rows = [synthetic_sound(rate, self.samples / rate + 0.01, seed)[: self.samples] for seed in range(3)]
        self.waveform = torch.stack(rows)
        self.first = encoder(self.waveform)
        # Sums of another order, and of fewer bits, differ by rounding.
        self.tolerance = 1e-4 if encoder.numerics == "float32" else 3e-2

    def all(self) -> list[Callable[[], Promise]]:
        return [self.finite, self.deterministic, self.batch, self.padding]

    def finite(self) -> Promise:
        silent = self.encoder(torch.zeros_like(self.waveform[:1]))
        worst = max(float(each.values.abs().max()) for out in (self.first, silent) for each in out.values())
        kept = all(bool(torch.isfinite(each.values).all()) for out in (self.first, silent) for each in out.values())
        return Promise(
            "finite", kept, f"largest value {worst:.4g}" + (", too large for float16" if worst > 65504 else "")
        )

    def deterministic(self) -> Promise:
        again = copy.deepcopy(self.encoder)(self.waveform)
        kept = all(torch.equal(again[name].values, each.values) for name, each in self.first.items())
        return Promise("deterministic", kept, "the same bits twice" if kept else "two passes differ")

    def batch(self) -> Promise:
        alone = self.encoder(self.waveform[1:2])
        return self._same("batch", {name: each.values[1] for name, each in self.first.items()}, alone)

    def padding(self) -> Promise:
        if self.encoder.batching == "equal_length":
            return Promise("padding", True, "takes rows of one length only")
        short = self.samples - self.samples // 5
        if short < self.encoder.min_samples:
            return Promise("padding", True, "not tested: its shortest sound is as long")
        mask = torch.ones_like(self.waveform, dtype=torch.bool)
        mask[1, short:] = False
        padded, alone = self.encoder(self.waveform, mask), self.encoder(self.waveform[1:2, :short])
        return self._same("padding", {name: each.values[1][each.mask[1]] for name, each in padded.items()}, alone)

    def _same(self, name: str, found: dict[str, Tensor], wanted: dict[str, LayerOutput]) -> Promise:
        worst, where = 0.0, ""
        for layer, output in wanted.items():
            values = output.values[0][output.mask[0]]
            other = found[layer]
            distance = agreement(values, other).difference if values.shape == other.shape else math.inf
            if distance >= worst:
                worst, where = distance, layer
        told = f"greatest difference {worst:.1e} of a layer's largest value, in {where}"
        return Promise(name, worst <= self.tolerance, told)
