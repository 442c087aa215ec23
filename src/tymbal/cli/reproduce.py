"""`tymbal reproduce`: a published study as one command, on whatever of its weights and sets is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tymbal.cli.common import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    Json,
    Quiet,
    Workers,
    count,
    save_parameters,
    say,
    say_failures,
    say_json,
    say_table,
)

if TYPE_CHECKING:
    from tymbal.benchmarks.reproduce import StudyOutcome, StudyPlan, Work


@dataclass(frozen=True)
class Asked:
    """What of the study is asked for.

    Parameters
    ----------
    weights
        Folder of the published checkpoints, beside $TYMBAL_WEIGHTS. Nothing is fetched.
    random_weights
        Take encoders whose weights are missing with random ones, in full size or tiny: a floor, not a result.
    tasks
        Sets, beans or birdset, with commas between them; by default all.
    models
        Encoders with commas between them; by default all seven.
    frames
        Time bins that every example is pooled to; 0 keeps every frame, as the paper does.
    epochs
        Epochs of every probe; by default the paper's 50.
    fine_tuning
        Train every encoder on every set as well, the paper's upper bound. Needs a GPU, or days.
    """

    weights: Path | None = None
    random_weights: Literal["no", "full", "tiny"] = "no"
    tasks: str = ""
    models: str = ""
    frames: int = 0
    epochs: int | None = None
    fine_tuning: Annotated[bool, Parameter(negative="")] = False


def reproduce(
    study: Literal["probing"],
    *,
    data: Path,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    asked: Annotated[Asked, Parameter(name="*")] = Asked(),
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    workers: Workers = 1,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Seven encoders, last and all layers, linear and attention probes, on BEANS and BirdSet (arXiv 2605.10494).

    Parameters
    ----------
    study
        probing.
    data
        Folder with beans/ and birdset/, each as its own download leaves it.
    out
        Folder for corpora, features, fits and results; run it again and it goes on where it stopped.
    dry_run
        Say what is there, what is missing and where to get it, and what it would cost; do nothing.
    """
    from tymbal.benchmarks.reproduce import run_study
    from tymbal.errors import UsageError
    from tymbal.jobs import make_progress

    if out is None and not dry_run:
        raise UsageError(
            "no folder for the results", where="--out", mend="Give one with -o, or only look with --dry-run."
        )
    plan = _plan(data, out, asked)
    if dry_run and json:
        say_json(plan.record())
    elif not json and not quiet:
        _tell_plan(plan, result=dry_run)
    if dry_run:
        return EXIT_OK
    outcome = run_study(plan, workers=workers, progress=make_progress(quiet=quiet))
    if out is not None:
        given = {name: value for name, value in asdict(asked).items() if value is not None}
        kept = {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}
        save_parameters(out, "reproduce", {"study": study, "data": str(data), "out": str(out), **kept})
    if json:
        say_json({"plan": plan.record(), **vars(outcome), "out": out})
    elif not quiet:
        _tell_outcome(plan, outcome)
    say_failures(outcome.failures)
    return EXIT_SOME_FAILED if outcome.failures else EXIT_OK


def _plan(data: Path, out: Path | None, asked: Asked) -> StudyPlan:
    from tymbal.benchmarks.reproduce import plan_study

    return plan_study(
        data,
        out,
        weights=asked.weights,
        random_weights=asked.random_weights,
        tasks=_names(asked.tasks),
        models=_names(asked.models),
        frames=asked.frames or None,
        epochs=asked.epochs,
        fine_tuning=asked.fine_tuning,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _tell_plan(plan: StudyPlan, *, result: bool) -> None:
    from tymbal.benchmarks.reproduce import DEPARTURES, PAPER

    most = count(plan.config.probe.training.epochs, "epoch")
    say(
        f"The probing study ({PAPER}): {count(len(plan.models), 'encoder')} × last, all layers × linear, attention × "
        f"{count(len(plan.verified), 'set')} = {count(plan.probes, 'probe')} of {most}.",
        result=result,
    )
    say(
        f"Here now: {sum(at.trained for at in plan.models)} of {len(plan.models)} encoders with their weights, "
        f"{len(plan.ready)} of {len(plan.verified)} sets, {len(plan.to_run) * plan.fits} probes can be run.",
        result=result,
    )
    _tell_models(plan, result)
    _tell_sets(plan, result)
    _tell_cost(plan, result)
    say(result=result)
    say(f"{plan.about_fine_tuning}.", result=result)
    say("Not the paper to the letter:", result=result)
    for departure in DEPARTURES:
        say(f"  {departure}", result=result)


def _tell_models(plan: StudyPlan, result: bool) -> None:
    from tymbal.benchmarks.reproduce import FLOOR
    from tymbal.encoders.fetch import WEIGHTS_VARIABLE, weights_directory

    words = {"random": FLOOR, "random, tiny": f"{FLOOR}, tiny"}
    rows = [
        [
            at.model.name,
            at.model.kind,
            words.get(at.weights, at.weights),
            "-" if each.encode_cpu_h is None else _hours(each.encode_cpu_h),
            f"{each.stored_gb:.2g} GB",
            at.path or "-",
        ]
        for at, each in zip(plan.models, plan.hourly, strict=True)
    ]
    say(result=result)
    header = ["encoder", "kind", "weights", "CPU per hour of sound", "features per hour", "file"]
    say_table(header, rows, result=result)
    if not plan.missing_models:
        return
    total = sum(at.model.known.size_mb for at in plan.missing_models)
    say(result=result)
    say(
        f"Missing weights, about {total / 1000:.1f} GB. Place the files in one folder and name it with --weights, or "
        f"place them in {weights_directory()} (${WEIGHTS_VARIABLE}):",
        result=result,
    )
    rows = [
        [at.model.known.file, f"{at.model.known.size_mb} MB", at.model.known.licence, at.model.known.where]
        for at in plan.missing_models
    ]
    say_table(["file", "size", "licence", "from"], rows, result=result)


def _tell_sets(plan: StudyPlan, result: bool) -> None:
    from tymbal.benchmarks.reproduce import SIZES, family_of, places

    counted = {each.name: each for each in plan.facts}
    rows = []
    for found in plan.ready:
        name = found.described.name
        state = "as published" if found.official else "there, but not as published: not comparable"
        of = counted[name]
        rows.append([name, family_of(found.described), state, of.examples, of.labels, _hours(of.hours)])
    if rows:
        say(result=result)
        say_table(["set", "of", "state", "examples", "labels", "sound"], rows, result=result)
        for found in plan.ready:
            for each in found.departures:
                say(f"  {each.severity}: {each.message}", result=result)
    broken = [found for found in plan.missing_sets if found.departures[0].code != "no_folder"]
    absent = [found for found in plan.missing_sets if found.departures[0].code == "no_folder"]
    if broken:
        say(result=result)
        say("Sets that are there and cannot be run:", result=result)
        for found in broken:
            for each in found.departures:
                say(f"  {each.message}. {each.mend}", result=result)
    if absent:
        say(result=result)
        say(f"Missing sets, to be placed below {plan.data}/beans and {plan.data}/birdset:", result=result)
        for names, text in places([found.described for found in absent]):
            say(f"  {names}: {text}", result=result)
        for note in SIZES:
            say(f"  {note}", result=result)


def _tell_cost(plan: StudyPlan, result: bool) -> None:
    if not plan.work:
        return
    say(result=result)
    by_model = {at.model.name: [each for each in plan.work if each.model == at.model.name] for at in plan.models}
    rows = []
    for name, found in by_model.items():
        *costs, tuning = _costs(found)
        rows.append([name, *costs, plan.fits * len(found), sum(each.done for each in found), tuning])
    if len(rows) > 1:
        *costs, tuning = _costs(plan.work)
        rows.append(["all", *costs, plan.fits * len(plan.work), sum(each.done for each in plan.work), tuning])
    header = ["encoder", "to encode", "features", "most memory", "encoding", "fitting", "probes", "sets done"]
    header.append("fine-tuning" + ("" if plan.fine_tuning else " (not run)"))
    say_table(header, rows, result=result)
    say("Times are of one thread, estimated by arithmetic; memory is of the largest set.", result=result)
    large = [(each, reason) for each in plan.work if (reason := plan.too_large(each)) is not None]
    for each, reason in large:
        say(f"  skipped: {each.model} on {each.set}: {reason}", result=result)


def _costs(found: Sequence[Work]) -> list[str]:
    names = ("encode_cpu_h", "fit_cpu_h", "tune_cpu_h")
    times = [[getattr(each, name) for each in found] for name in names]
    return [
        _hours(sum(each.hours for each in found)),
        f"{sum(each.stored_gb for each in found):.3g} GB",
        f"{max(each.memory_gb for each in found):.3g} GB",
        *("-" if None in hours else _hours(sum(hours)) for hours in times),
    ]


def _tell_outcome(plan: StudyPlan, outcome: StudyOutcome) -> None:
    from tymbal.benchmarks.reproduce import cells, study_rows

    rows = []
    table = study_rows(plan, outcome.results)
    columns = cells(table)
    floors = "trained" not in table["weights"]  # nothing published stands beside random weights
    for (model, weights, name, metric), found in table.group_by(
        "model", "weights", "set", "metric", maintain_order=True
    ):
        values = {(row["layers"], row["head"]): row["value"] for row in found.iter_rows(named=True)}
        published = found["published"].drop_nulls()
        told = [f"{values[cell]:.3f}" if cell in values else "-" for cell in columns]
        told += [] if floors else ["-" if published.is_empty() else f"{published[0]:.3f}"]
        title = model if weights == "trained" else f"{model} ({weights}: floor)"
        star = "" if found["official"].all() else " *"
        rows.append([title, f"{name}{star}", metric, *told])
    say()
    header = ["encoder", "set", "metric", *(f"{head}, {layers}" for layers, head in columns)]
    say_table(header if floors else [*header, "published linear, last"], rows)
    say("*: what lies here is not the published set; such a number is not comparable.")
    say(f"intervals, gains and sources: {plan.out}/results.md (.csv, .parquet, .json)")


def _hours(hours: float) -> str:
    if hours < 1 / 60:
        return f"{max(1, round(3600 * hours))} s"
    if hours < 1.5:
        return f"{60 * hours:.0f} min"
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} days"
