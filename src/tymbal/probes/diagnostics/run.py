"""A diagnosis from a corpus and a store to diagnostics.json: all fits in one resumable job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tymbal
from tymbal.config import digest, to_plain
from tymbal.corpus import Corpus
from tymbal.features import FeatureStore
from tymbal.jobs import Progress, Silent, make_executor, write_json
from tymbal.probes.diagnostics.base import Context, DiagnosticWork, Found
from tymbal.probes.diagnostics.config import DiagnoseConfig
from tymbal.probes.diagnostics.registry import get_diagnostic
from tymbal.probes.pooling import CachedExamples
from tymbal.probes.study.fits import Fit, FitFolder, SharedExamples, fit_all
from tymbal.probes.study.record import log_reading
from tymbal.probes.study.task import Task, make_task

RESULTS, FOLDER = "diagnostics.json", "diagnostics"


def diagnose(
    corpus: Corpus,
    store: FeatureStore,
    config: DiagnoseConfig,
    out: str | Path,
    *,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make the diagnostics of `config` and write them to `out`/diagnostics.json; returns what is in it.

    Nothing here is for picking a probe: test examples are read (the corpus notes it), and every number stands for a
    probe that was named beforehand. Fits are kept in `out`/diagnostics, so that running again after a stop, with
    another set of diagnostics or with more shuffles, fits only what is not there yet. `out` may be the directory of
    a study: `tymbal report` then draws both.

    Raises UsageError for settings out of range; DataError as `make_task`, and where fits fail.
    """
    config.check()
    chosen = {name: get_diagnostic(name) for name in config.diagnostics}
    out = Path(out)
    task = make_task(corpus, store, config.study())
    told = progress or Silent()
    context = Context(task, config, config.probes(store.layers), CachedExamples(task.examples), progress=told)
    planned = {name: each.plan(context) for name, each in chosen.items()}
    reading = {"always", "folds in turn"} if context.several_folds else {"always"}
    identity = digest({"diagnose": config, "task": task.digest, "probes": context.probes})
    earlier = 0
    if any(each.reads_test in reading for each in chosen.values()):
        earlier = log_reading(corpus.path, config.study(), task, identity)
    found = _fit(context, out / FOLDER, workers)
    results = {
        "task": _task_row(task, config, earlier),
        "config": to_plain(config),
        "probes": to_plain(context.probes),
        "provenance": {
            "encoder": store.manifest.parameters.get("encoder"),
            "encoder_checksum": store.manifest.encoder_checksum,
            "store_digest": store.manifest.store_digest,
            "corpus": corpus.path.resolve().as_posix(),
            "corpus_digest": corpus.digest,
            "layers": list(store.layers),
            "tymbal_version": tymbal.__version__,
        },
        "diagnostics": {
            name: {"title": each.title, **each.conclude(context, planned[name], found)} for name, each in chosen.items()
        },
    }
    write_json(out / RESULTS, results)
    return results


def _fit(context: Context, folder: Path, workers: int | None) -> Found:
    task, book = context.task, context.book
    fits: list[Fit] = list(book.fits.values())
    if not fits:
        return {}
    executor = make_executor(workers)
    kept = FitFolder(folder, digest([task.digest, task.labels]))
    with SharedExamples(task.examples, executor.workers, folder) as shared:
        work = DiagnosticWork(shared, context.reference, task.groups.tolist(), task.labels, book.relabelled)
        title = "fitting for the diagnosis"
        return fit_all(fits, work, kept, executor=executor, title=title, progress=context.progress)


def _task_row(task: Task, config: DiagnoseConfig, earlier: int) -> dict[str, Any]:
    return {
        "label": config.label,
        "scheme": config.split,
        "where": config.where,
        "unit_name": task.unit_name,
        "units": len(set(task.units.tolist())),
        "labels": list(task.labels),
        "examples": len(task.reference),
        "groups": len(set(task.groups.tolist())),
        "test_folds": list(task.test_folds),
        "metric": config.metric,
        "earlier_studies": earlier,
        "notes": [message for _, _, message in task.notes],
    }
