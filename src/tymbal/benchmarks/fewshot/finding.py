"""The work of a task: fit a finder on the examples, search the recording, keep what it found and what came close."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from tymbal.audio import probe
from tymbal.benchmarks.fewshot.tasks import Task
from tymbal.errors import UsageError
from tymbal.fewshot import DEFAULT, Finder, Prompt, TemplateMatching
from tymbal.fewshot.finder import LEAST, RANKED
from tymbal.fewshot.finders import find_kind
from tymbal.fewshot.finders.ncc import LOWEST
from tymbal.jobs import Worked

TEMPLATE, CHOSEN = "template", "default"
FINDERS = (TEMPLATE, "ncc", "lda", "transductive", "prototypes", CHOSEN)


class Searcher(Protocol):
    """What has been fitted on examples."""

    def predict(self, recording: str | Path, *, channel: int | None = None, least: float) -> pl.DataFrame:
        """Events of a recording with scores of at least `least`."""
        ...


def kinds_of(finder: str) -> tuple[str, ...]:
    """The kinds that a finder tries: of `default` those of `tymbal find`, of "ncc+lda" both; of `template` none."""
    if finder == TEMPLATE:
        return ()
    return DEFAULT if finder == CHOSEN else tuple(finder.split("+"))


def check_finders(finders: Sequence[str]) -> None:
    """Raise UsageError for a finder that is not known, named twice, or where none is named."""
    if not finders or len(set(finders)) < len(finders):
        raise UsageError(f"finders are {', '.join(finders) or 'none'}", parameter="finders", allowed="each once")
    for finder in finders:
        for kind in kinds_of(finder):
            find_kind(kind)


def fitted(finder: str, prompt: Prompt) -> Searcher:
    """The finder, fitted on the examples."""
    if finder == TEMPLATE:
        return TemplateMatching.fit(prompt)
    return Finder.fit(prompt, finders=kinds_of(finder))


def levels(searcher: Searcher) -> tuple[float, float]:
    """The score from which on an event is told of, and down to which candidates are ranked."""
    if isinstance(searcher, TemplateMatching):
        return searcher.threshold, min(LOWEST, searcher.threshold)
    return LEAST, RANKED


@dataclass(frozen=True)
class Search:
    """One item of the job: a task and who does it. size, mtime: of the recording, then of the support's."""

    task: Task
    finder: str
    versions: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.task.name} ({self.finder}, {self.task.shots} shots, {self.task.protocol})"


def version(path: str) -> tuple[int, int]:
    """Size and time of a file, which tell its version."""
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns


@dataclass(frozen=True)
class FindTask:
    """Fits and searches; picklable."""

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, search: Search) -> Worked[dict[str, Any]]:
        task, begin = search.task, time.process_time()
        searcher = fitted(search.finder, task.prompt())
        threshold, least = levels(searcher)
        table = searcher.predict(task.truth.path, least=least)
        rows = table.select("onset_s", "offset_s", "score").rows()
        kept = [row for row in rows if (row[0] + row[1]) / 2 >= task.after_s]
        sides = {"found": [row for row in kept if row[2] >= threshold]}
        sides["lower"] = [row for row in kept if row[2] < threshold]
        info = probe(task.truth.path)
        cpu_s = round(time.process_time() - begin, 3)
        return Worked({**sides, "seconds": info.duration_s, "cpu_s": cpu_s}, info.duration_s, info.faults)
