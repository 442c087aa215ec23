"""An imperfect annotator: what a person would have written down of a scene whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from numpy.random import Generator

from tymbal.errors import ConfigError
from tymbal.synthesis.distributions import Distribution, constant, uniform
from tymbal.synthesis.truth import NEG, POS, Call

SHORTEST_S = 0.002


@dataclass(frozen=True)
class Annotator:
    """How calls are annotated; the truth of a scene is not touched.

    Parameters
    ----------
    missed : share of target calls that are not written down.
    jitter_s : standard deviation of onsets and offsets.
    merge_s : per scene: calls of one target closer together than this become one event.
    """

    missed: float = 0.05
    jitter_s: Distribution = constant(0.02)
    merge_s: Distribution = uniform(0.0, 0.1)

    def check(self, where: object) -> None:
        """Raise ConfigError naming the first field out of range."""
        if not 0 <= self.missed < 1:
            raise ConfigError(f"annotator.missed: {self.missed}", where=where, allowed="0 to below 1")
        self.jitter_s.check("annotator.jitter_s", 0, 10, where=where)
        self.merge_s.check("annotator.merge_s", 0, 100, where=where)


def annotate(
    plan: Annotator, calls: Sequence[Call], duration_s: float, speed: float, rng: Generator
) -> tuple[Call, ...]:
    """The calls as annotated, in order of onset: some missed, all a little off, close ones of one target merged.

    `speed` is the plan's: its seconds are divided by it. The band of merged calls spans both.
    """
    jitter_s, merge_s = plan.jitter_s.draw(rng) / speed, plan.merge_s.draw(rng) / speed
    noted: list[Call] = []
    for call in sorted(calls, key=lambda each: (each.label, each.onset_s)):
        lost, early, late = rng.random() < plan.missed, *rng.normal(0.0, jitter_s, 2)
        if lost and call.truth != NEG:
            continue
        onset = min(max(call.onset_s + float(early), 0.0), duration_s - SHORTEST_S / speed)
        offset = min(max(call.offset_s + float(late), onset + SHORTEST_S / speed), duration_s)
        now = replace(call, onset_s=onset, offset_s=offset)
        last = noted[-1] if noted else None
        alike = last is not None and last.label == now.label and last.truth == now.truth == POS
        if last is not None and alike and onset - last.offset_s < merge_s:
            noted[-1] = replace(
                last,
                offset_s=max(last.offset_s, offset),
                low_hz=min(last.low_hz, now.low_hz),
                high_hz=max(last.high_hz, now.high_hz),
                snr_db=max(last.snr_db, now.snr_db),
            )
        else:
            noted.append(now)
    return tuple(sorted(noted, key=lambda each: (each.onset_s, each.offset_s, each.label)))
