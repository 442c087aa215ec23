"""What a diagnostic is: fits that it asks for, and what it concludes from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tymbal.config import digest
from tymbal.features import Examples
from tymbal.jobs import Progress, Silent, Worked
from tymbal.probes.config import ProbeConfig
from tymbal.probes.diagnostics.config import DiagnoseConfig
from tymbal.probes.pooling import CachedExamples
from tymbal.probes.study.fits import Fit, FitResult, FitWork
from tymbal.probes.study.task import Task

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LabelledFit(Fit):
    """A fit to other labels than the task's: `relabelled` is the digest of these, "" for the task's own."""

    relabelled: str = ""


class DiagnosticWork(FitWork):
    """Fits to the labels of the task, or to those that a fit names by digest."""

    def __init__(
        self,
        examples: Examples | Path,
        reference: Sequence[str],
        groups: list[str],
        labels: tuple[str, ...],
        relabelled: Mapping[str, Sequence[str]],
    ) -> None:
        super().__init__(examples, reference, groups, labels)
        self._all: dict[str, Sequence[str]] = {"": reference, **relabelled}

    def __call__(self, item: Fit) -> Worked[FitResult]:
        """As `FitWork`, on the labels of the item."""
        self._reference = self._all[item.relabelled if isinstance(item, LabelledFit) else ""]
        return super().__call__(item)


@dataclass
class FitBook:
    """The fits that all diagnostics ask for; what two ask for is fitted once."""

    fits: dict[str, LabelledFit] = field(default_factory=dict)
    relabelled: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def ask(
        self,
        probe: tuple[str, ProbeConfig],
        *,
        fold: str,
        part: str,
        train: Rows,
        test: Rows,
        labels: Sequence[str] | None = None,
    ) -> LabelledFit:
        """Fit `probe` (name, configuration) to `train` and score `test`; `labels` (n,) in place of the task's."""
        key = "" if labels is None else digest(list(labels))
        if labels is not None:
            self.relabelled[key] = tuple(labels)
        name, config = probe
        rows = tuple(np.sort(train).tolist()), tuple(test.tolist())
        fit = LabelledFit(fold, part, name, config.training.seed, config, *rows, relabelled=key)
        return self.fits.setdefault(digest([name, config, fit.seed, *rows, key]), fit)


@dataclass(frozen=True)
class Context:
    """What every diagnostic sees: the task, the settings, the probes by name, where to ask for fits and to tell."""

    task: Task
    config: DiagnoseConfig
    probes: Mapping[str, ProbeConfig]
    cached: CachedExamples
    book: FitBook = field(default_factory=FitBook)
    progress: Progress = field(default_factory=Silent)

    @property
    def reference(self) -> tuple[str, ...]:
        """The label of each example."""
        return tuple(str(label) for label in self.task.reference)

    @property
    def several_folds(self) -> bool:
        """Whether folds are tested in turn, so that every example is in some training part."""
        return len(self.task.test_folds) > 1


Found = Mapping[Fit, FitResult]


@dataclass(frozen=True)
class Diagnostic:
    """One way to look at probes.

    Attributes
    ----------
    name, title : as in the registry, and in words.
    reads_test : whether probes are scored on test examples, which is then logged: "always", "never", or where
        "folds in turn" are tested, so that every example is one.
    plan : asks the context's book for fits and returns whatever `conclude` needs to find them again.
    conclude : (context, what `plan` returned, results of all fits) -> plain values with at least "rows" (list),
        "reading" (sentences for people, one line per point) and "notes" (list of sentences).
    """

    name: str
    title: str
    reads_test: Literal["always", "folds in turn", "never"]
    plan: Callable[[Context], Any]
    conclude: Callable[[Context, Any, Found], dict[str, Any]]
