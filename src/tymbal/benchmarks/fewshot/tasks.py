"""Tasks of the two protocols: examples from the beginning of the recording itself, or from another one of its set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tymbal.benchmarks.fewshot.layout import Spans, Truth
from tymbal.errors import Fault, UsageError
from tymbal.fewshot import Prompt, Shot

WITHIN, CROSS = "within", "cross"
PROTOCOLS = (WITHIN, CROSS)
FAR_S = 1e7  # the end of any recording


@dataclass(frozen=True)
class Task:
    """Find the target of `truth` with `shots` examples taken from `support`.

    after_s : predictions whose middle lies before it are left out: the examples themselves (0 across recordings).
    """

    truth: Truth
    support: Truth
    protocol: str
    shots: int
    after_s: float

    @property
    def name(self) -> str:
        return self.truth.name

    def prompt(self) -> Prompt:
        """The examples; of the support nothing after the last of them is known, nor anything of other targets."""
        path = self.support.path
        shown = self.support.positive[: self.shots]
        end_s = max(offset for _, offset in shown)
        unknown = [span for span in self.support.unknown if span[0] < end_s]
        rest = [Shot(path, None, onset, offset) for onset, offset in [*unknown, (end_s, FAR_S)]]
        return Prompt(self.truth.target, tuple(Shot(path, None, *span) for span in shown), (), tuple(rest))


def shots_end(positive: Spans, shots: int) -> float:
    """Where the first `shots` events by onset are over: the end of the last of them, as the measure takes it."""
    return positive[shots - 1][1]


def make_tasks(
    truths: Sequence[Truth], protocols: Sequence[str], shots: Sequence[int]
) -> tuple[tuple[Task, ...], tuple[Fault, ...]]:
    """Tasks of every protocol and number of shots, and which recordings have too few events for them.

    Within a recording all numbers of shots are judged on the same stretch, after the greatest of them; so a recording
    needs one event more than that. Across recordings the examples are the first events of the next recording (by name,
    in a circle) of the same set and target that has enough of them, and the whole of the other one is judged.

    Raises UsageError for unknown protocols and fewer than one shot.
    """
    if not shots or min(shots) < 1:
        raise UsageError(f"shots is {list(shots)}", parameter="shots", allowed="numbers from 1 on")
    odd = [name for name in protocols if name not in PROTOCOLS]
    if odd or not protocols:
        what = f"no protocol {odd[0]!r}" if odd else "no protocol is named"
        raise UsageError(what, parameter="protocols", allowed=", ".join(PROTOCOLS))
    most, tasks, faults = max(shots), [], []
    groups: dict[tuple[str, str], list[Truth]] = defaultdict(list)
    for truth in truths:
        groups[truth.set, truth.target].append(truth)
    for truth in truths:
        if WITHIN in protocols:
            if len(truth.positive) > most:
                after = shots_end(truth.positive, most)
                tasks += [Task(truth, truth, WITHIN, count, after) for count in shots]
            else:
                what = f"{truth.name}: {len(truth.positive)} events are too few for {most} examples and one to find"
                faults.append(Fault("too_few", f"{what}; not run within itself"))
        if CROSS in protocols:
            support = _next(truth, groups[truth.set, truth.target], most)
            if support is not None:
                tasks += [Task(truth, support, CROSS, count, 0.0) for count in shots]
            else:
                what = f"{truth.name}: no other recording of {truth.set} has {most} events of {truth.target}"
                faults.append(Fault("no_support", f"{what}; not run across recordings"))
    return tuple(tasks), tuple(faults)


def _next(truth: Truth, group: Sequence[Truth], shots: int) -> Truth | None:
    at = group.index(truth)
    others = [*group[at + 1 :], *group[:at]]
    return next((each for each in others if each.path != truth.path and len(each.positive) >= shots), None)
