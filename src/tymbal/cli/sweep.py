"""`tymbal sweep`: every probe of a plan, compared honestly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tymbal.cli.common import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    Json,
    Quiet,
    Workers,
    save_parameters,
    say,
    say_failures,
    say_json,
    say_table,
)

if TYPE_CHECKING:
    from tymbal.probes.sweep import SweepOutline


def sweep(
    plan: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    audit: bool = True,
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Fit every probe of a plan (tasks × encoders × layers × fusions × heads × rates × seeds); run again to go on.

    Parameters
    ----------
    plan
        A PLAN.toml with [[tasks]], [[encoders]] and [[probes]]; paths in it are relative to its folder.
    out
        Folder of the sweep: results.parquet, .csv and .md, report.html, the stores and one study per task and encoder.
    dry_run
        Say what would be done, how many fits that are and about how long they take, and do nothing.
    audit
        Listen to every corpus for leaks and confounds of its label and split.
    """
    from tymbal.jobs import make_progress
    from tymbal.probes.sweep import load_plan, outline_sweep, run_sweep

    read = load_plan(plan)
    if dry_run:
        outline = outline_sweep(read, out, workers=workers)
        if json:
            say_json({"seconds": outline.seconds, "studies": outline.studies, "failures": outline.failures})
        else:
            _tell_outline(outline)
        return EXIT_SOME_FAILED if outline.failures else EXIT_OK
    results = run_sweep(read, out, audited=audit, workers=workers, progress=make_progress(quiet=quiet))
    page = _draw(out)
    save_parameters(out, "sweep", {"plan": str(plan), "out": str(out), "audit": audit})
    if json:
        say_json({"sweep": out, "report": page, **results})
    elif not quiet:
        _tell(results, out, page)
    failures = [(f"{row['task']} × {row['encoder']}", row["message"]) for row in results["failures"]]
    if not json:
        say_failures(failures, kept_in=out / "results.json")
    return EXIT_SOME_FAILED if failures else EXIT_OK


def _draw(out: Path) -> Path | None:
    """The page, where what draws it is installed."""
    from tymbal.errors import MissingExtraError
    from tymbal.report import write_report

    try:
        return write_report(out, out / "report.html").path
    except MissingExtraError as error:
        say(f"no report.html: {error}")
        return None


def _tell_outline(outline: SweepOutline) -> None:
    rows = [
        [
            each.task,
            each.encoder,
            "there" if each.embedded else f"{each.audio_s / 60:.1f} min of sound",
            str(each.layers),
            f"{each.examples} ({each.labels} labels, {each.units} units)",
            str(each.folds),
            str(each.probes),
            f"{each.inner} + {each.tested}" + (f" ({each.kept} done)" if each.kept else ""),
            _time(each.embed_cpu_s + each.fit_cpu_s),
        ]
        for each in outline.studies
    ]
    header = ["task", "encoder", "to embed", "layers", "examples", "folds", "probes", "fits (choosing + testing)"]
    say_table([*header, "CPU time"], rows, result=True)
    say_failures(list(outline.failures))
    probes, fits = (sum(getattr(each, name) for each in outline.studies) for name in ("probes", "inner"))
    fits += sum(each.tested for each in outline.studies)
    people = "process" if outline.workers == 1 else "processes"
    say(f"{probes} probes, {fits} fits, about {_time(outline.seconds)} with {outline.workers} {people}")
    say("Times are estimates from one fit of each kind on noise. Nothing was done.")


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _tell(results: dict[str, Any], out: Path, page: Path | None) -> None:
    from tymbal.probes.sweep.words import number

    rows = []
    for name, task in results["tasks"].items():
        for encoder, found in task["encoders"].items():
            heads = [f"{family} {number(row['picked'])}" for family, row in found["families"].items()]
            rows.append([name, encoder, str(found["probes"]), number(found["picked"]), ", ".join(heads)])
    say_table(["task", "encoder", "probes", f"picked ({results['metric']})", "picked of each head"], rows)
    for part in results["words"]:
        say()
        say(f"{part['about']}: {part['text']}")
    say()
    say(f"table: {out / 'results.md'} (.csv, .parquet)" + (f"; report: {page}" if page is not None else ""))
