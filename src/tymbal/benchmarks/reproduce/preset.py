"""The probing study's design as data: its probes, their training, its sets, and what it found."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tymbal.benchmarks.dataset import BenchmarkSet
from tymbal.benchmarks.runner import BenchConfig
from tymbal.benchmarks.whatmatters import BEANS_CLASSIFICATION, BEANS_DETECTION, BIRDSET
from tymbal.errors import UsageError
from tymbal.probes import ProbeConfig
from tymbal.training import TrainingConfig

PAPER = "arXiv 2605.10494"
SOURCE = "2508.11845"  # of the published values: the same group's suite, last layer, linear, frozen

LAYERS = ("last", "all")
HEADS = {"linear": "linear", "attention": "self_attention"}  # the paper's words -> our heads

# The values of the paper. Its public code trains with 1e-3 (BirdAVES 1e-4, batches of 24) and fine-tunes with 1e-5;
# 50 epochs always, the best checkpoint on validation, no augmentation but in BirdSet (none here).
PAPER_TRAINING = TrainingConfig(
    epochs=50,
    batch_size=32,
    learning_rate=1e-4,
    weight_decay=0.01,
    warmup_epochs=5.0,
    final_fraction=0.01,
    clip=1.0,
    patience=None,
    monitor="score",
    direction="max",
    seed=42,
)
# Linear: mean over time, one matrix. Attention: LN(x + dropout(MHA(x, x, x))), 8 heads, as wide as the features, mean
# over time, dropout 0.3, one matrix. Several layers: softmax weights that begin even; narrower layers are projected to
# the widest, nothing is standardised.
PAPER_PROBE = ProbeConfig(
    statistics=("mean",),
    fusion="weighted_sum",
    fusion_options={"adapters": "where_needed", "standardise": False, "rate_multiplier": 1.0},
    training=PAPER_TRAINING,
)
PAPER_OPTIONS: dict[str, dict[str, Any]] = {"linear": {"dropout": 0.0}, "self_attention": {"heads": 8, "dropout": 0.3}}

# What we do otherwise, or what the paper leaves open; printed with every plan and written into every result.
DEPARTURES = (
    "layers are tapped after each block, where the paper's code takes branches before the residual sum: one to three "
    "more layers than the paper counts, and another last layer",
    "layers are fused by softmax weights for both heads, as the paper says; its public code concatenates time means "
    "for linear probes",
    "frames are means over the frequency bands of a moment (BEATs: 62 frames in 10 s where the paper has 496 tokens), "
    "the bands of EfficientNet stay side by side; EAT's class token is left out",
    "padding is masked everywhere; whole clips and windows are seen, in segments of at most 10 s",
    "features are computed once, and nothing is augmented, in BirdSet neither",
    "which sets the paper averages over is not stated to our knowledge: those of the same group's suite are taken "
    "(11 of BEANS, 7 of BirdSet)",
)
SIZES = ("BEANS's own scripts fetch about 300 GB in all, and need SoX and a Kaggle login",)
FINE_TUNING_RATE = 1e-5  # of encoder and head, from the configurations of its public code
FINE_TUNING = (
    "Fine-tuning, the paper's upper bound: the whole encoder with a linear head on its last layer, rate 1e-5; running "
    "statistics and dropout of the encoder rest"
)
NO_FINE_TUNING = "Fine-tuning, the paper's upper bound, is not run: --fine-tuning does, at the cost of the last column"


@dataclass(frozen=True)
class Claim:
    """Gain of all layers over the last, on average over sets, as read off the paper's figure (it has no table)."""

    models: str
    family: str
    gain: float


CLAIMS = (
    Claim("transformers", "beans", 0.08),
    Claim("transformers", "birdset", 0.03),
    Claim("EfficientNet", "beans", 0.09),
    Claim("EfficientNet", "birdset", 0.02),
)


def paper_config(*, frames: int | None = None, epochs: int | None = None) -> BenchConfig:
    """The four probes of the study for `run_sets`; `frames` time bins for every example in place of all frames."""
    probe = PAPER_PROBE
    if epochs is not None:
        probe = replace(probe, training=replace(PAPER_TRAINING, epochs=epochs))
    return BenchConfig(
        heads=tuple(HEADS.values()),
        layers=LAYERS,
        frames=frames,
        options=PAPER_OPTIONS,
        compare=tuple((f"{head}-all", f"{head}-last") for head in HEADS.values()),
        probe=probe,
    )


def _headline(described: BenchmarkSet) -> BenchmarkSet:
    return replace(described, metrics=described.metrics[:1])


TASKS: dict[str, tuple[BenchmarkSet, ...]] = {
    "beans": tuple(_headline(each) for each in (*BEANS_CLASSIFICATION, *BEANS_DETECTION)),
    "birdset": tuple(_headline(each) for each in BIRDSET),
}


def family_of(described: BenchmarkSet) -> str:
    """ "beans" or "birdset"."""
    return next(family for family, sets in TASKS.items() if described.name in {each.name for each in sets})


def study_sets(names: Sequence[str] = ()) -> tuple[BenchmarkSet, ...]:
    """The sets of the study, or those named: sets, or "beans" and "birdset" for all of one. UsageError for others."""
    sets = {each.name: each for family in TASKS.values() for each in family}
    for name in names:
        if name not in sets and name not in TASKS:
            near = difflib.get_close_matches(name, [*TASKS, *sets], n=1)
            raise UsageError(
                f"the study has no set {name!r}",
                parameter="tasks",
                allowed=", ".join([*TASKS, *sets]),
                mend=f"Did you mean {near[0]!r}?" if near else None,
            )
    return tuple(each for name, each in sets.items() if not names or {name, family_of(each)} & set(names))
