"""The study before it is run: encoders and sets that are there, what is missing and where to get it, what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tymbal.benchmarks.dataset import BenchmarkSet
from tymbal.benchmarks.reproduce.cost import Facts, Work, facts, machine_memory_gb, work
from tymbal.benchmarks.reproduce.models import AtHand, RandomWeights, look_for, study_models
from tymbal.benchmarks.reproduce.preset import (
    DEPARTURES,
    FINE_TUNING,
    NO_FINE_TUNING,
    family_of,
    paper_config,
    study_sets,
)
from tymbal.benchmarks.runner import BenchConfig
from tymbal.benchmarks.verify import Verification, verify
from tymbal.config import to_plain
from tymbal.errors import UsageError

RESULT = "result.json"
AN_HOUR = Facts("an hour of sound", hours=1.0, examples=0, train=0, longest_s=10.0, labels=0, segment_s=10.0)


@dataclass(frozen=True)
class StudyPlan:
    """What `run_study` will do.

    models : the encoders asked for, at hand or not. verified : the sets asked for, there or not. facts : of sets that
    are ready. work : of every encoder on every set that is ready, encoders that are missing included. hourly : of
    every encoder on an hour of sound.
    memory_gb : of this machine; None where the system does not say.
    """

    data: Path
    out: Path | None
    models: tuple[AtHand, ...]
    verified: tuple[Verification, ...]
    facts: tuple[Facts, ...]
    work: tuple[Work, ...]
    hourly: tuple[Work, ...]
    config: BenchConfig
    memory_gb: float | None
    fine_tuning: bool = False

    @property
    def probes(self) -> int:
        """Fits of the whole study."""
        return len(self.models) * len(self.verified) * self.fits

    @property
    def fits(self) -> int:
        """Fits of one encoder on one set."""
        return len(self.config.heads) * len(self.config.layers) * self.config.seeds

    @property
    def ready(self) -> tuple[Verification, ...]:
        """The sets that can be run."""
        return tuple(found for found in self.verified if found.ready)

    @property
    def missing_sets(self) -> tuple[Verification, ...]:
        """The sets that cannot."""
        return tuple(found for found in self.verified if not found.ready)

    @property
    def missing_models(self) -> tuple[AtHand, ...]:
        """Encoders whose trained weights are not at hand, random ones in their stead or not."""
        return tuple(at for at in self.models if not at.trained)

    @property
    def runnable(self) -> tuple[AtHand, ...]:
        """Encoders that can be run, on random weights or trained ones."""
        return tuple(at for at in self.models if at.weights != "missing")

    @property
    def to_run(self) -> tuple[Work, ...]:
        """What a run works: encoders that can be run, on sets that are ready and fit in memory."""
        names = {at.model.name for at in self.runnable}
        return tuple(each for each in self.work if each.model in names and self.too_large(each) is None)

    @property
    def about_fine_tuning(self) -> str:
        """Whether and how the paper's upper bound is run."""
        return FINE_TUNING if self.fine_tuning else NO_FINE_TUNING

    def too_large(self, each: Work) -> str | None:
        """Why a piece of work is skipped before it is begun, with the mend; None where it fits."""
        if self.memory_gb is None or each.memory_gb <= self.memory_gb:
            return None
        held = "every frame" if self.config.frames is None else f"{self.config.frames} frames of every example"
        return (
            f"{held} of all layers needs {each.memory_gb:.0f} GB of memory, this machine has {self.memory_gb:.0f}. "
            "Pool examples into fewer time bins (--frames 16), which departs from the paper"
        )

    def record(self) -> dict[str, Any]:
        """The plan as plain values."""
        return {
            "models": [
                {"model": at.model.name, "kind": at.model.kind, "weights": at.weights, "file": at.path}
                | ({} if at.trained else {"get": at.get_it})
                for at in self.models
            ],
            "sets": {found.described.name: _row(found) for found in self.verified},
            "facts": [to_plain(each) for each in self.facts],
            "an_hour_of_sound": {
                each.model: {"stored_gb": each.stored_gb, "encode_cpu_h": each.encode_cpu_h} for each in self.hourly
            },
            "work": [{**to_plain(each), "skipped": self.too_large(each)} for each in self.work],
            "probes": self.probes,
            "probes_now": len(self.to_run) * self.fits,
            "memory_gb": self.memory_gb,
            "config": to_plain(self.config),
            "departures": DEPARTURES,
            "fine_tuning": self.about_fine_tuning,
        }


def _row(found: Verification) -> dict[str, Any]:
    told = [to_plain(each) for each in found.departures]
    family = family_of(found.described)
    row = {"family": family, "ready": found.ready, "official": found.official, "departures": told}
    return row if found.ready else row | {"get": where_from(found.described)}


def where_from(described: BenchmarkSet) -> str:
    """Where a set is had by hand, how large it is and under which licence, and where it goes."""
    origin = described.origin
    size = "size not stated" if origin.size_gb is None else f"{origin.size_gb:g} GB"
    return f"{origin.page} ({size}; licence: {origin.licence}): {origin.place}"


def places(described: Sequence[BenchmarkSet]) -> list[tuple[str, str]]:
    """`where_from` of sets, those that are had from one page in the same way together: (names, text)."""
    found: dict[str, list[str]] = {}
    for each in described:
        found.setdefault(where_from(each).replace(f"{each.name}/", "SET/").replace(each.name, "SET"), []).append(
            each.name
        )
    alone = {each.name: where_from(each) for each in described}
    return [(", ".join(names), text if len(names) > 1 else alone[names[0]]) for text, names in found.items()]


def plan_study(
    data: Path,
    out: Path | None = None,
    *,
    weights: Path | None = None,
    random_weights: RandomWeights = "no",
    tasks: Sequence[str] = (),
    models: Sequence[str] = (),
    frames: int | None = None,
    epochs: int | None = None,
    fine_tuning: bool = False,
) -> StudyPlan:
    """Look at what is there; nothing is fetched, embedded or written.

    Parameters
    ----------
    data : holds beans/ and birdset/, each as its own download leaves it.
    out : of the run; what is finished there is marked.
    weights : folder of checkpoints, beside those placed by hand ($TYMBAL_WEIGHTS).
    random_weights : take encoders without weights in their "full" or a "tiny" size, as a floor; "no": leave them out.
    tasks, models : names; by default all.
    frames : time bins of every example; None: every frame, as in the paper. epochs : in place of the paper's 50.
    fine_tuning : train every encoder on every set as well, the paper's upper bound.

    Raises
    ------
    UsageError for an unknown task or model, a folder of weights that is not there, and numbers out of range.
    """
    if weights is not None and not weights.is_dir():
        raise UsageError(f"{weights} is no folder", parameter="weights", mend="Give the folder that holds checkpoints.")
    for name, value in (("frames", frames), ("epochs", epochs)):
        if value is not None and value < 1:
            raise UsageError(f"{name} is {value}", parameter=name, allowed="1 or more")
    config = paper_config(frames=frames, epochs=epochs)
    at_hand = look_for(study_models(models), weights, random_weights)
    verified = tuple(verify(data, described) for described in study_sets(tasks))
    known = tuple(facts(found) for found in verified if found.ready)

    def finished(at: AtHand, of: Facts) -> bool:
        return out is not None and (out / at.folder / of.name / RESULT).is_file()

    costs = tuple(work(at, of, config, done=finished(at, of)) for at in at_hand for of in known)
    hourly = tuple(work(at, AN_HOUR, config) for at in at_hand)
    return StudyPlan(data, out, at_hand, verified, known, costs, hourly, config, machine_memory_gb(), fine_tuning)
