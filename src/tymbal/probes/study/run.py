"""A study from a corpus and a store to a RUN directory: nested, resumable, its test reads written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tymbal.config import digest, to_plain
from tymbal.corpus import Corpus, Finding, audit
from tymbal.features import FeatureStore
from tymbal.jobs import Progress, make_executor, only_writer, write_json
from tymbal.probes.config import ProbeConfig, choose_layers
from tymbal.probes.study.config import BASELINE, StudyConfig
from tymbal.probes.study.fits import FitFolder, FitWork, SharedExamples, fit_all
from tymbal.probes.study.nesting import choose, inner_fits, test_fits
from tymbal.probes.study.record import Outcome, claim, log_reading, results_of, write_run
from tymbal.probes.study.task import ExampleTable, Task, make_task

FITS, CHOICES = "fits", "choices.json"


def run_study(
    corpus: Corpus,
    store: FeatureStore,
    config: StudyConfig,
    out: str | Path,
    *,
    given: ExampleTable | None = None,
    audited: bool = True,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare probes and write the RUN directory `out`; returns what is in its results.json.

    For every test fold the candidates are first compared inside its training folds and the best is written to
    choices.json; only then are the candidates, the baseline and with them the picked probe fitted to all training
    folds and scored on the test fold. The headline, "selected", is made of the picked probes.

    Running again with the same arguments fits only what is not in `out` yet and ends with the same results. `given`
    are examples that a protocol fixes, in the place of the corpus's labelled events; `config.label` and
    `config.split` then only say what they are called. `audited` False leaves out the audit of the corpus, which
    listens to every recording once.

    Another study in `out`, and another process that writes it, raise UsageError; DataError as `make_task`, and where
    fits fail.
    """
    config.check()
    with only_writer(Path(out)):
        outcome = fit_study(corpus, store, config, Path(out), given=given, workers=workers, progress=progress)
        about = {"label": config.label, "split": config.split}
        findings = audit(corpus, **about, workers=workers, progress=progress) if audited else []
        return keep_study(outcome, corpus, store, Path(out), findings)


def fit_study(
    corpus: Corpus,
    store: FeatureStore,
    config: StudyConfig,
    out: Path,
    *,
    given: ExampleTable | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
    name: str = "",
) -> Outcome:
    """Fit what is not in `out` yet, choose, and test; `name` stands before the titles of progress. As `run_study`,
    which lets one process at a time write `out`."""
    config.check()
    task = make_task(corpus, store, config, given)
    candidates = _without_twins(
        {
            each: replace(probe, layers=choose_layers(probe.layers, store.layers))
            for each, probe in config.candidates().items()
        }
    )
    baseline = config.baseline(store.layers)
    probes = candidates | ({} if baseline is None else {BASELINE: baseline})
    identity = digest({"config": config, "task": task.digest, "probes": probes, "labels": task.labels})
    claim(out, config, identity, corpus, store)
    folder = _folder(out, task)
    executor = make_executor(workers)
    with SharedExamples(task.examples, executor.workers, out) as shared:
        work = FitWork(shared, task.reference, task.groups.tolist(), task.labels, folder)
        first = inner_fits(task, candidates, config.inner_folds, keep_validation=config.keep_validation)
        title = f"{name}choosing inside the training folds"
        inner = fit_all(first, work, folder, executor=executor, title=title, progress=progress)
        choices = choose(task, inner, list(candidates), config.metric)
        write_json(out / CHOICES, {fold: to_plain(choice) for fold, choice in choices.items()})
        second = test_fits(task, probes, config.seeds, keep_validation=config.keep_validation)
        earlier = log_reading(corpus.path, config, task, identity)
        title = f"{name}fitting and testing"
        tested = fit_all(second, work, folder, executor=executor, title=title, progress=progress)
    return Outcome(task, config, probes, inner, tested, choices, earlier)


def keep_study(
    outcome: Outcome, corpus: Corpus, store: FeatureStore, out: Path, findings: Sequence[Finding]
) -> dict[str, Any]:
    """Write the results of a fitted study into `out` and return what is in its results.json."""
    results = results_of(outcome, corpus, store, findings)
    write_run(out, outcome, results, _folder(out, outcome.task))
    return results


def _folder(out: Path, task: Task) -> FitFolder:
    return FitFolder(out / FITS, digest([task.digest, task.labels]))


def _without_twins(candidates: dict[str, ProbeConfig]) -> dict[str, ProbeConfig]:
    """Candidates that differ in name alone ("last" and "all" of one layer) count once."""
    seen: dict[str, str] = {}
    for name, config in candidates.items():
        seen.setdefault(digest(config), name)
    return {name: candidates[name] for name in seen.values()}
