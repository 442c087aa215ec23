"""A sweep from a plan to its folder: features once, one study per task and encoder, tables and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tymbal
from tymbal.config import dumps, to_plain
from tymbal.corpus import Corpus, Finding, audit
from tymbal.errors import DiskFullError, NothingDoneError, TymbalError, UsageError
from tymbal.features import Examples
from tymbal.jobs import Progress, only_writer, remove_temporaries, write_json, write_text
from tymbal.probes.study.record import Outcome
from tymbal.probes.study.run import fit_study, keep_study
from tymbal.probes.sweep.compare import (
    Studied,
    adjust,
    apart,
    baseline_gaps,
    compare_encoders,
    pick_encoder,
    summarise,
)
from tymbal.probes.sweep.config import SweepEncoder, SweepPlan, SweepTask, load_plan
from tymbal.probes.sweep.grid import expand
from tymbal.probes.sweep.places import PLAN, RESULTS, store_folder, study_folder
from tymbal.probes.sweep.stores import Source, open_source
from tymbal.probes.sweep.table import write_tables
from tymbal.probes.sweep.words import say


def run_sweep(
    plan: SweepPlan | str | Path,
    out: str | Path,
    *,
    audited: bool = True,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run every probe of `plan` and write the sweep's folder `out`; returns what is in its results.json.

    For each encoder and corpus there is one feature pass, kept in OUT/stores; for each task and encoder one study
    (`run_study`) in OUT/studies, whose probes are picked inside its training folds. Running again goes on where it
    stopped and ends with the same bytes (but for costs.csv, which holds CPU seconds). What fails (weights that are not
    there, a task with a single label) is listed under "failures"; the rest is run.

    Parameters
    ----------
    plan : a SweepPlan, or the path of a PLAN.toml.
    audited : audit every task's corpus for leaks and confounds, which listens to every recording once.
    workers : processes (1: in this process; None: one per core).

    Raises
    ------
    UsageError and ConfigError for a plan that cannot be run, and where `out` holds studies of another plan;
    NothingDoneError where nothing could be run; DiskFullError.
    """
    if not isinstance(plan, SweepPlan):
        plan = load_plan(plan)
    plan.check()
    out = Path(out)
    with only_writer(out):
        remove_temporaries(out)  # a killed run leaves files that it was half-way through
        write_text(out / PLAN, dumps(plan))
        sweep = _Sweep(plan, out, audited, workers, progress)
        for task in plan.tasks:
            sweep.task(task)
        return sweep.finish()


class _Sweep:
    """The state of one run: what was studied, what failed."""

    def __init__(
        self, plan: SweepPlan, out: Path, audited: bool, workers: int | None, progress: Progress | None
    ) -> None:
        self._plan, self._out, self._audited = plan, out, audited
        self._workers, self._progress = workers, progress
        self._studies: list[Studied] = []
        self._tasks: dict[str, dict[str, Any]] = {}
        self._failures: list[dict[str, str]] = []

    def task(self, task: SweepTask) -> None:
        """Every encoder on one task, then what they say together."""
        found: list[Studied] = []
        encoders: dict[str, Any] = {}
        findings: list[Finding] | None = None
        try:
            corpus = Corpus.open(task.corpus)
        except TymbalError as error:
            self._fail(task, "all encoders", error)
            return
        for entry in self._plan.encoders:
            try:
                source = self._source(entry, corpus)
                studied = self._study(task, entry, corpus, source)
                if findings is None:  # after the first study: a plan that does not fit fails before all the listening
                    findings = self._audit(task, corpus)
                place = study_folder(self._out, task, entry)
                keep_study(studied.outcome, corpus, source.store, place, findings)
            except (UsageError, DiskFullError):
                raise
            except TymbalError as error:
                self._fail(task, entry.title, error)
                continue
            found.append(replace(studied, outcome=_without_features(studied.outcome)))
            encoders[entry.title] = {
                **_about(source),
                "study": place.relative_to(self._out).as_posix(),
                "probes": len(studied.entries),
                **summarise(found[-1]),
            }
        if found:
            self._studies += found
            self._tasks[task.title] = _task_row(task, found, encoders, findings or [])

    def _source(self, entry: SweepEncoder, corpus: Corpus) -> Source:
        folder = store_folder(self._out, entry, corpus)
        titled = _Titled(self._progress, f"{entry.title}: ") if self._progress is not None else None
        return open_source(entry, corpus, folder, workers=self._workers, progress=titled)

    def _study(self, task: SweepTask, entry: SweepEncoder, corpus: Corpus, source: Source) -> Studied:
        entries = expand(self._plan, entry.title, source.store.layers)
        config = self._plan.study(task, {name: each.config for name, each in entries.items()})
        outcome = fit_study(
            corpus,
            source.store,
            config,
            study_folder(self._out, task, entry),
            workers=self._workers,
            progress=self._progress,
            name=f"{task.title}, {entry.title}: ",
        )
        return Studied(task.title, entry.title, outcome, entries, source.store.layers)

    def _audit(self, task: SweepTask, corpus: Corpus) -> list[Finding]:
        if not self._audited:
            return []
        return audit(corpus, label=task.label, split=task.split, workers=self._workers, progress=self._progress)

    def _fail(self, task: SweepTask, encoder: str, error: TymbalError) -> None:
        row = {"task": task.title, "encoder": encoder, "error": type(error).__name__, "message": str(error)}
        self._failures.append(row)

    def finish(self) -> dict[str, Any]:
        """Compare, say in words, write. Raises NothingDoneError where every study failed."""
        if not self._studies:
            raise NothingDoneError(
                f"no study of the sweep could be run; the first: {self._failures[0]['message']}",
                where=self._out,
                mend="Mend it and run the same command again.",
            )
        gains = _gains(self._tasks)
        heads = _head_gaps(self._tasks)
        adjust(gains)
        adjust(heads)
        results: dict[str, Any] = {
            "metric": self._plan.metric,
            "seeds": self._plan.seeds,
            "audited": self._audited,
            "order": {  # keys of JSON objects have none
                "tasks": [task.title for task in self._plan.tasks if task.title in self._tasks],
                "encoders": [entry.title for entry in self._plan.encoders],
                "families": [grid.title for grid in self._plan.probes],
            },
            "tasks": self._tasks,
            "gains": gains,
            "head_gaps": heads,
            "failures": self._failures,
            "tymbal_version": tymbal.__version__,
        }
        results["words"] = say(results)
        write_tables(self._studies, results, self._out)
        write_json(self._out / RESULTS, results)  # last: its presence says that the sweep is finished
        return results


def _task_row(
    task: SweepTask, studies: Sequence[Studied], encoders: dict[str, Any], findings: Sequence[Finding]
) -> dict[str, Any]:
    """What all encoders of a task share, and what they say together."""
    first = studies[0].outcome
    tested = _tested(first)
    reason = apart(studies) if len(studies) > 1 else ""
    pairs = compare_encoders(studies) if len(studies) > 1 and not reason else []
    against = baseline_gaps(studies, comparable=not reason)
    adjust(pairs)
    adjust(against)
    notes = [{"code": code, "severity": severity, "message": said} for code, severity, said in first.task.notes]
    audited = [{"code": row.code, "severity": row.severity, "message": row.message} for row in findings]
    return {
        "label": task.label,
        "split": task.split,
        "where": task.where,
        "labels": list(first.task.labels),
        "multilabel": first.task.multilabel,
        "examples": len(first.task.reference),
        "tested": len(tested),
        "folds": list(first.task.test_folds),
        "units": len(set(first.task.units[tested].tolist())),
        "unit_name": first.task.unit_name,
        "chance": _chance(first),
        "encoders": encoders,
        "picked": pick_encoder(studies) if len(studies) > 1 and not reason else None,
        "encoder_differences": pairs,
        "against_baseline": against,
        "not_compared": reason,
        "audit": audited + notes,
        "earlier_studies": min(each.outcome.earlier for each in studies),
    }


def _about(source: Source) -> dict[str, Any]:
    manifest = source.store.manifest
    return {
        "weights": source.weights,
        "origin": source.origin,
        "notes": list(source.notes),
        "checksum": manifest.encoder_checksum,
        "store_digest": manifest.store_digest,
        "features": to_plain(manifest.parameters),
    }


def _chance(outcome: Outcome) -> float | None:
    """What guessing reaches on average, where that is known."""
    task, metric = outcome.task, outcome.config.metric
    if metric == "balanced_accuracy":
        return 1 / len(task.labels)
    if metric in ("accuracy", "top1") and not task.multilabel:
        return float(task.targets[_tested(outcome)].mean(axis=0).max())
    return 0.5 if metric == "auroc" else None


def _tested(outcome: Outcome) -> NDArray[np.int64]:
    """Rows of the examples that some test fold holds: all of them, but not where a split names one test part."""
    return np.concatenate([np.asarray(outcome.task.rows(fold)[1]) for fold in outcome.task.test_folds])


def _gains(tasks: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """All layers over the last for every task, encoder and family that has both."""
    return [
        {"task": name, "encoder": encoder, "family": family, **row["all_over_last"]}
        for name, task in tasks.items()
        for encoder, found in task["encoders"].items()
        for family, row in found["families"].items()
        if row["all_over_last"] is not None
    ]


def _head_gaps(tasks: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Every later head against the first for every task, encoder and choice of layers that has both."""
    return [
        {"task": name, "encoder": encoder, **row}
        for name, task in tasks.items()
        for encoder, found in task["encoders"].items()
        for row in found["head_gaps"]
    ]


def _without_features(outcome: Outcome) -> Outcome:
    """The outcome with the table of its examples alone: a sweep holds many, and features are gigabytes."""
    examples = outcome.task.examples
    n = len(examples)
    empty = Examples(
        {"": np.zeros((n, 1, 0), dtype=np.float32)},
        {"": np.ones((n, 1), dtype=np.bool_)},
        examples.table,
        store_digest=examples.store_digest,
        encoder_checksum=examples.encoder_checksum,
    )
    return replace(outcome, task=replace(outcome.task, examples=empty))


class _Titled:
    """Progress whose titles say which encoder they are about."""

    def __init__(self, inner: Progress, prefix: str) -> None:
        self._inner, self._prefix = inner, prefix
        self.advance: Callable[..., None] = inner.advance
        self.finish: Callable[[], None] = inner.finish

    def start(self, title: str, total: int, *, resumed: int = 0) -> None:
        self._inner.start(f"{self._prefix}{title}", total, resumed=resumed)
