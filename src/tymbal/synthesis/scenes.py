"""The scene generator: scene i of a plan, with its truth, from nothing but the plan and i."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.errors import UsageError
from tymbal.synthesis.annotator import annotate
from tymbal.synthesis.backgrounds import draw_ambience, render_background
from tymbal.synthesis.bank import Bank
from tymbal.synthesis.classes import SceneClass, labels_of, scene_classes
from tymbal.synthesis.distributions import pick
from tymbal.synthesis.exemplars import Exemplar, crop
from tymbal.synthesis.levels import BandPower, call_gain, measured_band, measured_span
from tymbal.synthesis.placement import MOST, steered, timed
from tymbal.synthesis.plan import Part, ScenePlan
from tymbal.synthesis.recorder import record
from tymbal.synthesis.rooms import place_in_room
from tymbal.synthesis.seeding import Purpose, stream
from tymbal.synthesis.truth import NEG, POS, UNK, Call, count_overlaps, coverage_table, events_table
from tymbal.units import to_samples

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Stem:
    """One call as it lies in the scene: samples from `start` on, echoes included, the first `length` its own."""

    start: int
    length: int
    samples: Sound


@dataclass(frozen=True)
class Scene:
    """One part of one scene.

    waveform (samples,) float32 within ±1 at sample_rate_hz. `calls` is the exact truth in order of onset. Background
    and stems (in the order of `calls`) add up to the waveform but for what the recorder did; they are there only
    where they were asked for.
    """

    index: int
    part: str
    name: str
    waveform: Sound
    sample_rate_hz: int
    calls: tuple[Call, ...]
    annotated: tuple[Call, ...]
    labels: tuple[str, ...]
    background: Sound | None = None
    stems: tuple[Stem, ...] = ()

    @property
    def duration_s(self) -> float:
        return len(self.waveform) / self.sample_rate_hz

    @property
    def overlap_ratio(self) -> float:
        """Pairs of calls that overlap, per call; 0 where there are none."""
        return sum(call.overlaps for call in self.calls) / 2 / max(len(self.calls), 1)

    @cached_property
    def events(self) -> pl.DataFrame:
        """The truth as an Events table (`truth.events_table`)."""
        return events_table(self.calls, self.name)

    @cached_property
    def annotations(self) -> pl.DataFrame:
        """What the plan's imperfect annotator wrote down, as an Events table."""
        return events_table(self.annotated, self.name)

    @cached_property
    def coverage(self) -> pl.DataFrame:
        """All of it but where calls are UNK (`truth.coverage_table`)."""
        return coverage_table(self.calls, self.name, self.duration_s, self.labels)


def recording_name(plan: ScenePlan, index: int, part: int = 0) -> str:
    """How the recording of a part of scene `index` is called, without an extension."""
    return f"scene-{index:06d}" + (f"-{plan.parts[part].name}" if len(plan.parts) > 1 else "")


@dataclass
class _Placed:
    """A call under way: its class, its sound and where it starts (samples; below 0 where the edge cuts it)."""

    kind: SceneClass
    exemplar: Exemplar
    start: int


class SceneGenerator:
    """Scenes of a plan by number, in any order, each the same bytes whatever was rendered before (same machine and
    versions of NumPy and SciPy).

    Raises ConfigError for a plan that cannot be, and the errors of `Bank.open`.
    """

    def __init__(self, plan: ScenePlan) -> None:
        plan.check()
        self.plan = plan
        self.labels = labels_of(plan)
        rates = {"sample_rate_hz": plan.sample_rate_hz, "reference_rate_hz": plan.reference_rate_hz}
        self.bank = Bank.open(plan.bank, **rates) if plan.bank is not None else None

    def __len__(self) -> int:
        return self.plan.scenes

    def parts(self, index: int, *, stems: bool = False) -> tuple[Scene, ...]:
        """All parts of scene `index`, in the order of the plan."""
        self._check_index(index)
        kinds = scene_classes(self.plan, index, self.bank)
        return tuple(self._part(index, number, kinds, stems) for number in range(len(self.plan.parts)))

    def scene(self, index: int, part: int = 0, *, stems: bool = False) -> Scene:
        """One part of scene `index`; with `stems` also its background and every call by itself.

        Raises UsageError for a number that the plan does not have, DataError for an overlap ratio not to be met.
        """
        self._check_index(index)
        if not 0 <= part < len(self.plan.parts):
            raise UsageError(f"no part {part}", where="SceneGenerator", allowed=f"0 to {len(self.plan.parts) - 1}")
        return self._part(index, part, scene_classes(self.plan, index, self.bank), stems)

    def _check_index(self, index: int) -> None:
        if not 0 <= index < self.plan.scenes:
            raise UsageError(f"no scene {index}", where="SceneGenerator", allowed=f"0 to {self.plan.scenes - 1}")

    def _part(self, index: int, number: int, kinds: Sequence[SceneClass], stems: bool) -> Scene:
        plan, part = self.plan, self.plan.parts[number]
        # Everything is made at the reference rate; the scene is those samples played at its own.
        rate_hz = float(plan.reference_rate_hz)
        total = to_samples(part.duration_s, rate_hz)
        mix = self._background(index, number, total)
        background = mix.copy() if stems else None
        placed = self._place(index, number, kinds, total)
        calls, laid = self._lay(placed, mix, rate_hz, stream(plan.seed, index, Purpose.LEVELS, number + 1))
        waveform, gain = record(plan.recorder, mix, stream(plan.seed, index, Purpose.RECORDER, number))
        order = sorted(range(len(calls)), key=lambda at: (calls[at].onset_s, calls[at].offset_s, calls[at].label))
        calls = [calls[at] for at in order]
        duration_s = total / plan.sample_rate_hz
        rng = stream(plan.seed, index, Purpose.ANNOTATOR, number)
        kept = tuple(replace(laid[at], samples=laid[at].samples * np.float32(gain)) for at in order) if stems else ()
        return Scene(
            index,
            part.name,
            recording_name(plan, index, number),
            waveform,
            plan.sample_rate_hz,
            tuple(calls),
            annotate(plan.annotator, calls, duration_s, plan.speed, rng),
            self.labels,
            None if background is None else background * np.float32(gain),
            kept,
        )

    def _background(self, index: int, number: int, total: int) -> Sound:
        plan = self.plan
        shift = stream(plan.seed, index, Purpose.SHIFT, number).random() < plan.parts[number].shift
        ambience = draw_ambience(plan.backgrounds, stream(plan.seed, index, Purpose.BACKGROUND, number if shift else 0))
        rng = stream(plan.seed, index, Purpose.NOISE, number)
        return render_background(ambience, total, float(plan.reference_rate_hz), rng, self.bank)

    def _place(self, index: int, number: int, kinds: Sequence[SceneClass], total: int) -> list[_Placed]:
        """Exemplars of all classes and when they start."""
        plan, part, rate_hz = self.plan, self.plan.parts[number], float(self.plan.reference_rate_hz)
        rng = stream(plan.seed, index, Purpose.CALLS, number)
        sounds = stream(plan.seed, index, Purpose.EXEMPLARS, number)
        where = stream(plan.seed, index, Purpose.PLACEMENT, number)
        counts = self._counts(part, kinds, total / rate_hz, rng)
        placed = [
            _Placed(kind, kind.source.exemplar(sounds), 0)
            for kind, n in zip(kinds, counts, strict=True)
            for _ in range(n)
        ]
        lengths = np.array([len(each.exemplar.samples) for each in placed], dtype=np.int64)
        if plan.calls.overlap_ratio is not None:
            starts = steered(lengths, total, plan.calls.overlap_ratio.draw(rng), where)
        else:
            groups = np.split(lengths, np.cumsum(counts)[:-1]) if counts else []
            timings = [pick(rng, plan.calls.timings) for _ in groups]
            parts = [timed(t, each, total, rate_hz, plan.calls, where) for t, each in zip(timings, groups, strict=True)]
            starts = np.concatenate([np.zeros(0, dtype=np.int64), *parts])
        for each, start in zip(placed, starts.tolist(), strict=True):
            each.start = start
        return placed

    def _counts(self, part: Part, kinds: Sequence[SceneClass], duration_s: float, rng: Generator) -> list[int]:
        """Calls of each class: the empty part has none of a target, any other at least `least` of the first."""
        calls = self.plan.calls
        empty = rng.random() < part.empty
        rates = calls.rate_per_s.draws(rng, len(kinds))
        if calls.events is not None and kinds:
            counts = rng.multinomial(calls.events.count(rng), np.full(len(kinds), 1 / len(kinds)))
        else:
            counts = np.minimum(rng.poisson(rates * duration_s), MOST)
        found: list[int] = [0 if empty and kind.target else int(n) for kind, n in zip(kinds, counts, strict=True)]
        if found and kinds[0].target and not empty:
            found[0] = max(found[0], part.least)
        return found

    def _lay(
        self, placed: Sequence[_Placed], mix: Sound, rate_hz: float, rng: Generator
    ) -> tuple[list[Call], list[Stem]]:
        """Add every call to `mix` (the background, in place) at its level; returns truth and stems, in one order."""
        plan, total = self.plan, len(mix)
        power = BandPower(mix, rate_hz) if placed else None
        spread = rng.standard_normal(len(placed))
        calls: list[Call] = []
        stems: list[Stem] = []
        for each, away in zip(placed, spread.tolist(), strict=True):
            exemplar, start = crop(each.exemplar, -each.start, total - each.start, rate_hz)
            start += each.start
            stop = start + len(exemplar.samples)
            snr_db = each.kind.snr_db + away * each.kind.spread_db
            assert power is not None
            band = measured_band(exemplar.low_hz, exemplar.high_hz, rate_hz)
            noise = power(*band, *measured_span(start, stop, total, rate_hz))
            wet = place_in_room(exemplar.samples, each.kind.response)[: total - start]
            wet = wet * np.float32(call_gain(wet[: stop - start], snr_db, noise))
            stems.append(Stem(start, stop - start, wet))
            unheard = snr_db < plan.levels.unknown_below_db.draw(rng)
            truth = NEG if not each.kind.target else UNK if unheard else POS
            hertz, seconds = plan.speed, 1 / plan.sample_rate_hz
            calls.append(
                Call(
                    each.kind.label,
                    truth,  # type: ignore[arg-type]
                    start * seconds,
                    stop * seconds,
                    exemplar.low_hz * hertz,
                    exemplar.high_hz * hertz,
                    snr_db,
                    0,
                    each.kind.source.family,
                    exemplar.origin,
                )
            )
        for stem in stems:
            mix[stem.start : stem.start + len(stem.samples)] += stem.samples
        onsets = np.array([stem.start for stem in stems], dtype=np.int64)
        offsets = onsets + np.array([stem.length for stem in stems], dtype=np.int64)
        overlaps = count_overlaps(onsets, offsets).tolist()
        return [replace(call, overlaps=n) for call, n in zip(calls, overlaps, strict=True)], stems
