"""`tymbal find`: a few examples, find the rest."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from tymbal.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tymbal.fewshot import Finder
    from tymbal.fewshot.asking import Asked
    from tymbal.fewshot.job import Found

PAGE = "report.html"
NOTES = 20  # oddities of recordings that are told one by one


@dataclass(frozen=True)
class Wanted:
    """What is looked for.

    Parameters
    ----------
    label
        Look for this label only; several may be named. Default: every label of the examples. Examples of other
        labels count as something else.
    shots
        Use the first so many examples of each label.
    marked
        A table that find wrote (or the folder of them) with right or wrong in its column `mark`: right ones become
        examples, wrong ones counter-examples. Several may be named: the marks of every round.
    sounds
        Folder with the recordings of the examples, if neither among RECORDINGS nor beside the table.
    label_column
        The column of the examples that holds the labels.
    score
        Tell of events from this score on (0 to 1; 0.5 is where the examples put the threshold). No probability.
    encoder
        Look at the frames of an encoder instead of a spectrogram: see tymbal encoders list. Needs torch.
    layer
        Which layer of the encoder; by default its last.
    finders
        What to try, with commas between them: ncc, lda, transductive, prototypes, network. The best of them or their
        fusion is chosen on the examples. Default: ncc,lda; with an encoder prototypes.
    model
        The weights of the finder called network, a file that tymbal fewshot train wrote. Default: those that ship.
    """

    label: tuple[str, ...] = ()
    shots: int | None = None
    marked: tuple[Path, ...] = ()
    sounds: Path | None = None
    label_column: str | None = None
    score: float = 0.5
    encoder: str | None = None
    layer: str | None = None
    finders: str = "default"
    model: Path | None = None


def find(
    recordings: Annotated[list[Path], Parameter(negative="", help="Recordings, or folders that are walked for them.")],
    *,
    examples: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    wanted: Annotated[Wanted, Parameter(name="*")] = Wanted(),
    report: bool = True,
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Find what sounds like a few examples, in recordings of any length: Raven tables, CSV, Parquet and a report.

    Nothing is trained and nothing is fetched. Run it again to go on after a stop.

    Parameters
    ----------
    examples
        A table of examples: Raven, Audacity, CSV or any other that `tymbal convert` reads.
    out
        Folder for the tables and the report.
    report
        Also draw report.html (needs matplotlib).
    """
    from tymbal.fewshot.asking import ask
    from tymbal.fewshot.finder import fit_all
    from tymbal.fewshot.job import find_all
    from tymbal.jobs import make_progress

    options = asdict(wanted)
    names = _finders(wanted)
    keys = ("labels", "shots", "marked", "sounds", "label_column")
    asked = ask(recordings, examples, **dict(zip(keys, list(options.values())[:5], strict=True)))
    for fault in asked.faults if not quiet else ():
        say(f"note: {fault.message}")
    finders = fit_all(asked.prompts, finders=names, encoder=wanted.encoder, layer=wanted.layer, model=wanted.model)
    if not quiet and not json:
        _tell_finders(finders)
    found = find_all(
        finders, asked.targets, out, least=wanted.score, workers=workers, progress=make_progress(quiet=quiet)
    )
    given = {"recordings": [str(path) for path in recordings], "examples": str(examples), "out": str(out)}
    save_parameters(out, "find", {**given, **{key: value for key, value in options.items() if value is not None}})
    failures = [(failure.item, failure.message) for failure in found.failures]
    (out / PAGE).unlink(missing_ok=True)  # that of an earlier run does not speak of these tables
    if report:
        _draw(out, asked, finders, found, wanted.score, quiet)
    if json:
        _tell_machines(out, asked, finders, found)
    for name, fault in found.faults[:NOTES] if not quiet else ():
        say(f"note: {name}: {fault.message}")
    if len(found.faults) > NOTES and not quiet:
        say(f"note: {len(found.faults) - NOTES} more like these are in {out / 'faults.csv'}")
    if not quiet and not json:
        _tell(out, found)
    if not json:
        say_failures(failures, kept_in=out / "failures.csv")
    return EXIT_SOME_FAILED if failures else EXIT_OK


def _finders(wanted: Wanted) -> tuple[str, ...]:
    """The finders that are asked for. Raises UsageError for what does not go together."""
    from tymbal.fewshot.finder import check_finders, default_finders

    chosen = tuple(name.strip() for name in wanted.finders.split(","))
    names = default_finders(wanted.encoder) if chosen == ("default",) else chosen
    check_finders(names)
    if wanted.model is not None and "network" not in names:
        raise UsageError("the network is not asked for", parameter="model", mend="Say: --finders network --model FILE")
    if wanted.layer is not None and wanted.encoder is None:
        raise UsageError("a layer is that of an encoder", parameter="layer", mend="Say: --encoder NAME --layer LAYER")
    if not 0 <= wanted.score <= 1:
        raise UsageError(f"score is {wanted.score}", parameter="score", allowed="0 to 1")
    return names


def _draw(out: Path, asked: Asked, finders: Sequence[Finder], found: Found, score: float, quiet: bool) -> None:
    """The page, where matplotlib is there; without it the tables are all the same."""
    from tymbal.errors import MissingExtraError
    from tymbal.report.found import FoundPage, write_found

    paths = {target.name: target.path for target in asked.targets}
    try:
        searched = FoundPage(found.events, finders, asked.prompts, paths, found.failures, found.audio_s)
        write_found(replace(searched, recordings=found.recordings, least=score), out / PAGE)
    except MissingExtraError as error:
        if not quiet:
            say(f"note: no {PAGE}: {error}")


def _tell_finders(finders: Sequence[Finder]) -> None:
    for finder in finders:
        what = f"{count(finder.shots, 'example')}, {finder.view}"
        known = [f"{name} {f1:.2f}" for name, f1 in finder.choice.table if f1 is not None]
        tried = f"examples left out, F1: {', '.join(known)}"
        if not known:
            tried = "one example cannot be left out: nothing is measured, the threshold is a fixed one"
        say(f"{finder.label}: {what}; {' + '.join(finder.choice.names)} ({tried})")
        for note in finder.notes:
            say(f"note: {finder.label}: {note}")


def _tell(out: Path, found: Found) -> None:
    rows = found.events.group_by("label").len().sort("label").rows()
    say_table(("label", "found"), rows)
    words = f"{count(found.events.height, 'event')} in {count(found.recordings, 'recording')}"
    say(f"{words} ({found.audio_s / 3600:.2f} h), in {out}")


def _tell_machines(out: Path, asked: Asked, finders: Sequence[Finder], found: Found) -> None:
    labels = dict(found.events.group_by("label").len().sort("label").rows())
    told = [
        {
            "label": each.label,
            "shots": each.shots,
            "scale": each.scale,
            "choice": _measured(each),
            "notes": each.notes,
            "digest": each.digest,
        }
        for each in finders
    ]
    about = {"out": str(out), "recordings": found.recordings, "audio_s": found.audio_s, "events": labels}
    odd = [{"recording": name, "code": fault.code, "message": fault.message} for name, fault in found.faults]
    notes = [fault.message for fault in asked.faults]
    say_json({**about, "finders": told, "failures": found.failures, "notes": notes, "faults": odd})


def _measured(finder: Finder) -> dict[str, object]:
    """The choice, its F1 null where a single example left nothing to measure it on."""
    told = asdict(finder.choice)
    if finder.shots < 2:
        for each in (*told["calibrations"], told["total"]):
            each["f1"] = None
    return told
