"""What one encoder on one set costs before it is begun: sound to embed, features on disk and in memory, CPU hours."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from functools import cache

import torch

from tymbal.audio import probe
from tymbal.benchmarks.bench import segment_s
from tymbal.benchmarks.dataset import TRAIN
from tymbal.benchmarks.reproduce.models import AtHand, Model, blank, stored_layers
from tymbal.benchmarks.runner import BenchConfig
from tymbal.benchmarks.verify import Verification
from tymbal.encoders.contract import Encoder
from tymbal.errors import AudioError

# CPU hours for an hour of sound in full size, one thread of a 2-core server, 2026: time.process_time around a second
# 10-s clip. `tymbal encoders describe NAME` measures the same anywhere.
ENCODING = {"beats": 0.10, "eat": 0.09, "hubert": 0.13, "efficientnet": 0.01}
_FLOAT16, _FLOAT32 = 2, 4  # bytes: stored, in memory
# Of the speed of one product of matrices, what a fit reaches: 64 examples × 62 frames × 768 values, both heads, 2
# epochs took 3.1 CPU s on that server, where the product alone allows 0.7.
_REACHED = 0.25
_PASSES = 6  # floating-point operations of training for each weight: 2 forward, 4 backward


@dataclass(frozen=True)
class Facts:
    """A set that is there: hours of its recordings that examples need, examples of all folds and of training, the
    longest example in seconds, labels, and the segments it is embedded in."""

    name: str
    hours: float
    examples: int
    train: int
    longest_s: float
    labels: int
    segment_s: float


@dataclass(frozen=True)
class Work:
    """One encoder on one set.

    hours : of sound to pass through the encoder. stored_gb : of features. memory_gb : of features that the probes
    hold at once. encode_cpu_h, fit_cpu_h, tune_cpu_h : about; None for tiny encoders. done : its result is
    there.
    """

    model: str
    set: str
    hours: float
    stored_gb: float
    memory_gb: float
    encode_cpu_h: float | None
    fit_cpu_h: float | None
    tune_cpu_h: float | None
    done: bool


def facts(found: Verification) -> Facts:
    """Count a set that is ready; recordings that cannot be read count as nothing."""
    contents = found.contents
    if contents is None:
        raise ValueError(f"{found.described.name} is not ready")
    durations = {}
    for name in contents.examples["recording"].unique().sort():
        try:
            durations[name] = probe(contents.root / name).duration_s
        except AudioError:
            durations[name] = 0.0
    spans = contents.examples.select("recording", "onset_s", "offset_s").iter_rows()
    longest = max((durations[name] if end is None else end - (start or 0.0) for name, start, end in spans), default=0.0)
    return Facts(
        name=found.described.name,
        hours=sum(durations.values()) / 3600,
        examples=contents.examples.height,
        train=found.counts.get(TRAIN, 0),
        longest_s=longest,
        labels=len(contents.labels),
        segment_s=segment_s(found.described),
    )


def work(at: AtHand, of: Facts, config: BenchConfig, *, done: bool = False) -> Work:
    """The cost of one encoder, at hand or not, on one set."""
    encoder = _shape(at.model, at.weights == "random, tiny")
    tiny = at.weights == "random, tiny"
    widths = tuple(spec.dim * spec.bands for spec in encoder.layers if spec.name in stored_layers(encoder))
    rows = _rows(encoder, of.segment_s)
    a_second = sum(width * count for width, count in zip(widths, rows, strict=True)) * _FLOAT16 / of.segment_s
    spanned = [math.ceil(count * of.longest_s / of.segment_s) for count in rows]
    bins = [max(1, min(count, config.frames or count)) for count in spanned]
    # All layers of every example, and once more side by side on the longest time axis, as attention heads take them.
    values = sum(width * count for width, count in zip(widths, bins, strict=True)) + sum(widths) * max(bins)
    epochs = config.probe.training.epochs
    flop = of.train * epochs * sum(_flop(chosen, max(bins), of.labels) for chosen in (widths[-1:], widths))
    return Work(
        model=at.model.name,
        set=of.name,
        hours=of.hours,
        stored_gb=a_second * of.hours * 3600 / 1e9,
        memory_gb=values * of.examples * _FLOAT32 / 1e9,
        encode_cpu_h=None if tiny else of.hours * ENCODING[at.model.known.encoder],
        fit_cpu_h=None if tiny else flop / (_REACHED * _flop_per_s()) / 3600,
        tune_cpu_h=None if tiny else epochs * _heard(of) * ENCODING[at.model.known.encoder],
        done=done,
    )


def _heard(of: Facts) -> float:
    """Hours of forward passes in an epoch of fine-tuning: training examples thrice, as there is a way back, the rest
    of the sound once at most."""
    share = of.train / max(1, of.examples)
    return of.hours * (3 * share + 1 - share)


def machine_memory_gb() -> float | None:
    """Memory of this machine; None where the system does not say (Windows)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return None


@cache
def _shape(model: Model, tiny: bool) -> Encoder:
    """The encoder without its weights: nothing is drawn or held."""
    with torch.device("meta"):
        return blank(model, tiny=tiny)


def _rows(encoder: Encoder, seconds: float) -> list[int]:
    """Frames of each stored layer for so many seconds."""
    counted = encoder.frames(max(encoder.min_samples, round(seconds * (encoder.sample_rate or 0))))
    return [counted[name] for name in stored_layers(encoder)]


def _flop(widths: tuple[int, ...], bins: int, labels: int) -> float:
    """Operations to train both heads on one example once: adapters, the block's four matrices and its two products
    over pairs of frames, the classifiers."""
    widest = max(widths)
    adapters = sum(width * widest for width in widths if width != widest)
    linear = adapters + widest * labels
    attention = bins * (adapters + 4 * widest**2 + 2 * bins * widest) + widest * labels
    return float(_PASSES * (linear + attention))


@cache
def _flop_per_s() -> float:
    """Of one thread here, by the fastest of a few products of matrices: others may be at work on this machine."""
    size = 512
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        matrix = torch.ones(size, size)
        spent = []
        for _ in range(8):
            began = time.perf_counter()
            _ = matrix @ matrix
            spent.append(time.perf_counter() - began)
        return 2 * size**3 / max(min(spent), 1e-6)
    finally:
        torch.set_num_threads(threads)
