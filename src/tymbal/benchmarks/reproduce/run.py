"""Running the study on whatever of it is there: every encoder on every set, one pass each, four probes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tymbal.benchmarks.bench import run_sets
from tymbal.benchmarks.corpora import to_corpus
from tymbal.benchmarks.reproduce.finetuning import fine_tune
from tymbal.benchmarks.reproduce.models import AtHand, stored_layers
from tymbal.benchmarks.reproduce.plan import StudyPlan
from tymbal.benchmarks.reproduce.results import study_rows, write_study
from tymbal.encoders.contract import Encoder
from tymbal.errors import NothingDoneError, TymbalError, UsageError
from tymbal.jobs import Progress

CORPORA = "corpora"


@dataclass(frozen=True)
class StudyOutcome:
    """What a run came to.

    results : by encoder (its folder in OUT) and set, as `run_sets` gives them. skipped : what was asked for and is
    not there or too large, and why. failures : what is there and could not be worked, and why.
    """

    results: dict[str, dict[str, dict[str, Any]]]
    skipped: tuple[tuple[str, str], ...]
    failures: tuple[tuple[str, str], ...]


def run_study(plan: StudyPlan, *, workers: int | None = 1, progress: Progress | None = None) -> StudyOutcome:
    """Run what `plan.to_run` names and write OUT/results.md, .csv, .parquet and .json after every encoder.

    Corpora lie in OUT/corpora and are shared; an encoder's features, fits and results in OUT/ENCODER/SET. The same
    plan again goes on where it stopped and ends with the same bytes. An encoder that does not load and a set that
    cannot be worked are listed, the others go on.

    Raises
    ------
    UsageError where the plan has no folder for the results; NothingDoneError where nothing can be run, or nothing was.
    """
    if plan.out is None:
        raise UsageError("no folder for the results", parameter="out", mend="Give one with -o, or look with --dry-run.")
    if not plan.to_run:
        raise NothingDoneError(
            f"nothing of the study can be run: {len(plan.runnable)} of {len(plan.models)} encoders and "
            f"{len(plan.ready)} of {len(plan.verified)} sets are there",
            where=plan.data,
            mend="The plan says what is missing and where to get it; --random-weights runs encoders without theirs, "
            "as a floor.",
        )
    results: dict[str, dict[str, dict[str, Any]]] = {}
    skipped, failures = _left_out(plan)
    for at in plan.runnable:
        found, failed = _run_model(plan, plan.out, at, workers, progress)
        if found:
            results[at.folder] = found
        failures += failed
        write_study(plan.out, plan, study_rows(plan, results), results, skipped, failures)
    if not results:
        name, reason = failures[0]
        raise NothingDoneError(f"nothing of the study could be worked; the first: {name}: {reason}", where=plan.data)
    return StudyOutcome(results, tuple(skipped), tuple(failures))


def _left_out(plan: StudyPlan) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(what is not there or too large, sets that are there and broken), each with its reason."""
    skipped = [(at.model.name, f"no weights here. {at.get_it}") for at in plan.models if at.weights == "missing"]
    failures: list[tuple[str, str]] = []
    for found in plan.missing_sets:
        first = found.departures[0]
        told = found.described.name, f"{first.message}. {first.mend}"
        (skipped if first.code == "no_folder" else failures).append(told)
    names = {at.model.name for at in plan.runnable}
    for each in plan.work:
        reason = plan.too_large(each)
        if each.model in names and reason is not None:
            skipped.append((f"{each.model} on {each.set}", reason))
    return skipped, failures


def _run_model(
    plan: StudyPlan, out: Path, at: AtHand, workers: int | None, progress: Progress | None
) -> tuple[dict[str, dict[str, Any]], list[tuple[str, str]]]:
    wanted = {each.set for each in plan.to_run if each.model == at.model.name}
    try:
        encoder, notes = at.open()
    except TymbalError as error:
        return {}, [(at.model.name, str(error))]
    results, failures = run_sets(
        [found for found in plan.ready if found.described.name in wanted],
        plan.data,
        encoder,
        out / at.folder,
        config=plan.config,
        corpora=out / CORPORA,
        layers=stored_layers(encoder),
        workers=workers,
        progress=progress,
    )
    failed = [(f"{at.title} on {name}", reason) for name, reason in failures]
    noted = {name: {**row, "weights": at.weights, "notes": list(notes)} for name, row in results.items()}
    if plan.fine_tuning:
        failed += _tune_all(plan, out, at, encoder, noted, progress)
    return noted, failed


def _tune_all(
    plan: StudyPlan,
    out: Path,
    at: AtHand,
    encoder: Encoder,
    results: dict[str, dict[str, Any]],
    progress: Progress | None,
) -> list[tuple[str, str]]:
    """Fine-tune on every set that has a result, and put "fine_tuned" into it; returns what failed and why."""
    failed = []
    for found in plan.ready:
        described = found.described
        if described.name not in results:
            continue
        try:
            prepared = to_corpus(plan.data, described, out / CORPORA / described.name, contents=found.contents)
            place = out / at.folder / described.name
            results[described.name]["fine_tuned"] = fine_tune(prepared, encoder, plan.config, place, progress=progress)
        except TymbalError as error:
            failed.append((f"{at.title} on {described.name}, fine-tuned", str(error)))
    return failed
