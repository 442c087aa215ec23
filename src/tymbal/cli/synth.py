"""`tymbal synth`: scenes with known truth, and the banks of recorded calls they may be made of."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
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
    say,
    say_failures,
    say_json,
    say_table,
)
from tymbal.cli.corpus import NO_RIGHTS, Rights
from tymbal.errors import UsageError

if TYPE_CHECKING:
    from tymbal.jobs import Failure
    from tymbal.synthesis import ScenePlan

Out = Annotated[Path, Parameter(name=["--out", "-o"])]


@dataclass(frozen=True)
class Cuts:
    """How `synth cuts` cuts recordings.

    Parameters
    ----------
    rate
        Sample rate in Hz of the bank, and so of the scenes made of it.
    reference_rate
        The rate in Hz that times and frequencies of plan and settings are written for.
    above_db
        How far a call stands above its band's floor.
    most
        Calls kept of one recording.
    background
        Seconds of background kept of one recording.
    """

    rate: int = 16_000
    reference_rate: int = 16_000
    above_db: float = 12.0
    most: int = 500
    background: float = 60.0


@dataclass(frozen=True)
class Mixing:
    """How `synth mixtures` mixes whole recordings of two individuals each.

    Parameters
    ----------
    overlap
        Ratios, with commas: pairs of events that share time, per event.
    snr
        By how many decibels one individual is louder than the other, with commas.
    by
        The column that tells individuals apart.
    split
        A split of the corpus that no mixture crosses; the mixtures get it too.
    recordings
        Whole recordings in a mixture, of the two individuals by turns; more reach higher ratios.
    per_level
        Sets of recordings for each fold; each is mixed at every ratio and SNR.
    """

    overlap: str = "0,0.2,0.4,0.6,0.8,1"
    snr: str = "0,10"
    by: str = "individual"
    split: str | None = None
    recordings: int = 2
    per_level: int = 8


def synth(
    action: Literal["plan", "scenes", "draw", "cuts", "mixtures"],
    source: Path | None = None,
    *,
    out: Out,
    kind: Literal["scenes", "fewshot", "boxes"] = "scenes",
    scenes: int | None = None,
    seed: int | None = None,
    cuts: Annotated[Cuts, Parameter(name="*")] = Cuts(),
    mixing: Annotated[Mixing, Parameter(name="*")] = Mixing(),
    rights: Annotated[Rights, Parameter(name="*")] = NO_RIGHTS,
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Make scenes with known truth: a plan to edit, a corpus of it, pictures of it; or cut a bank of your recordings.

    Parameters
    ----------
    action
        Plan writes a plan with every distribution; scenes writes the corpus of a plan; draw draws its first scenes;
        cuts makes a bank of a folder or corpus of recordings; mixtures lays whole recordings of a corpus over each
        other and packs them as a dataset.
    source
        The plan (TOML) for scenes and draw, the recordings for cuts, a corpus for mixtures.
    out
        The plan's file, the corpus' folder, the picture (PNG), the bank's or the dataset's folder.
    kind
        For plan: new classes in every scene, a prompt with its query, or a vocabulary for detection.
    scenes
        How many, instead of the plan's number (10 are drawn).
    seed
        Instead of the plan's.
    """
    if action == "plan":
        if source is not None:
            raise UsageError("synth plan takes no source", where=source, mend="Say: tymbal synth plan -o PLAN.toml")
        return _plan(out, kind, scenes, seed, quiet)
    if source is None:
        known = {"cuts": ("recordings", "RECORDINGS"), "mixtures": ("a corpus", "CORPUS")}
        what, shown = known.get(action, ("a plan", "PLAN.toml"))
        raise UsageError(f"synth {action} needs {what}", mend=f"Say: tymbal synth {action} {shown} -o OUT")
    if action == "cuts":
        return _cuts(source, out, cuts, workers, quiet, json)
    if action == "mixtures":
        return _mixtures(source, out, mixing, rights, seed or 0, workers, quiet, json)
    plan = _loaded(source, scenes, seed)
    if action == "draw":
        return _draw(plan, out, 10 if scenes is None else scenes, quiet)
    return _scenes(plan, out, workers, quiet, json)


def _loaded(source: Path, scenes: int | None, seed: int | None) -> ScenePlan:
    from tymbal.synthesis import load_plan

    return _with(load_plan(source), scenes, seed)


def _with(plan: ScenePlan, scenes: int | None, seed: int | None) -> ScenePlan:
    """The plan with what the command line says in its place, checked."""
    plan = replace(plan, scenes=plan.scenes if scenes is None else scenes, seed=plan.seed if seed is None else seed)
    plan.check()
    return plan


def _plan(out: Path, kind: str, scenes: int | None, seed: int | None, quiet: bool) -> int:
    from tymbal.jobs import write_text
    from tymbal.synthesis import ScenePlan, boxes_plan, fewshot_plan, plan_text

    if out.exists():
        raise UsageError("there is a file already", where=out, mend="Delete it, or choose another name (-o FILE).")
    plan = ScenePlan() if kind == "scenes" else fewshot_plan() if kind == "fewshot" else boxes_plan()
    plan = _with(plan, scenes, seed)
    head = "# A plan of scenes. What each line means: the docstrings of tymbal.synthesis.plan and its sections.\n"
    write_text(out, head + plan_text(plan))
    if not quiet:
        say(f"wrote {out}; edit it, then: tymbal synth scenes {shlex.quote(str(out))} -o CORPUS")
    return EXIT_OK


def _scenes(plan: ScenePlan, out: Path, workers: int | None, quiet: bool, json: bool) -> int:
    from tymbal.jobs import make_progress
    from tymbal.synthesis import write_scenes

    corpus, failures = write_scenes(plan, out, workers=workers, progress=make_progress(quiet=quiet))
    recordings, events = corpus.recordings, corpus.events
    truth = dict(events["truth"].value_counts().sort("truth").iter_rows()) if events.height else {}
    if json:
        told = {"corpus": str(out), "recordings": recordings.height, "events": events.height, "truth": truth}
        say_json({**told, "digest": corpus.digest, "failures": failures})
    elif not quiet:
        minutes = float(recordings["duration_s"].sum()) / 60
        counted = ", ".join(f"{number} {name}" for name, number in truth.items())
        sizes = count(recordings.height, "recording"), f"{minutes:.1f} minutes", count(events.height, "event")
        say(f"{', '.join(sizes)} ({counted}), in {out}")
    return _end(failures, json)


def _draw(plan: ScenePlan, out: Path, scenes: int, quiet: bool) -> int:
    from tymbal.jobs import write_bytes
    from tymbal.report.scenes import draw_scenes
    from tymbal.synthesis import SceneGenerator

    generator = SceneGenerator(plan)
    drawn = [part for index in range(min(scenes, plan.scenes)) for part in generator.parts(index)]
    write_bytes(out, draw_scenes(drawn))
    if not quiet:
        say(f"drew {count(len(drawn), 'recording')} into {out}")
    return EXIT_OK


def _cuts(source: Path, out: Path, cuts: Cuts, workers: int | None, quiet: bool, json: bool) -> int:
    from tymbal.jobs import make_progress
    from tymbal.synthesis import Cutting, make_bank
    from tymbal.synthesis.activity import Activity

    settings = Cutting(cuts.rate, cuts.reference_rate, Activity(above_db=cuts.above_db), cuts.most, cuts.background)
    bank, failures = make_bank(source, out, settings, workers=workers, progress=make_progress(quiet=quiet))
    sizes = {name: int(bank.calls[name].n_unique()) for name in bank.granularities}
    seconds = float(bank.backgrounds["samples"].sum()) / bank.sample_rate_hz
    if json:
        told = {"bank": str(out), "calls": bank.calls.height, "background_s": seconds, "clusters": sizes}
        say_json({**told, "digest": bank.digest, "failures": failures})
    elif not quiet:
        grouped = ", ".join(f"{number} of about {name.removeprefix('cluster_')}" for name, number in sizes.items())
        say(f"{bank.calls.height} calls, {seconds:.0f} s of background, in {out}")
        say(f"clusters: {grouped or 'too few calls for any'}")
    return _end(failures, json)


def _mixtures(
    source: Path, out: Path, mixing: Mixing, rights: Rights, seed: int, workers: int | None, quiet: bool, json: bool
) -> int:
    from tymbal.corpus import Corpus
    from tymbal.corpus.packing import Terms
    from tymbal.jobs import make_progress
    from tymbal.synthesis.mixtures import MixturePlan, make_mixtures

    overlap, snr_db = _numbers(mixing.overlap, "overlap"), _numbers(mixing.snr, "snr_db")
    plan = MixturePlan(overlap, snr_db, mixing.by, mixing.split, mixing.recordings, mixing.per_level, seed)
    made = make_mixtures(
        Corpus.open(source),
        out,
        plan,
        terms=Terms(rights.licence, rights.author, rights.source_url),
        allow_unlicensed=rights.allow_unlicensed,
        workers=workers,
        progress=make_progress(quiet=quiet),
    )
    if json:
        told = {"dataset": str(out), "levels": made.levels.to_dicts(), "left_out": made.left_out}
        say_json({**told, "digest": made.corpus.digest, "unlicensed": made.unlicensed, "failures": made.failures})
    elif not quiet:
        header = ["overlap asked", "reached", "SNR (dB)", "mixtures", "events", "minutes"]
        columns = ("overlap_asked", "overlap_reached", "snr_db", "mixtures", "events", "seconds")
        rows = made.levels.select(columns).iter_rows()
        say_table(header, [(f"{a:g}", f"{b:.3f}", f"{c:g}", d, e, f"{f / 60:.1f}") for a, b, c, d, e, f in rows])
        if made.left_out:
            say(f"left out: {made.left_out} recordings without an event, an individual or complete coverage")
        say(f"{made.corpus.recordings.height} mixtures in {out}; how they were made: {out / 'DATASHEET.md'}")
    return _end(made.failures, json)


def _numbers(text: str, name: str) -> tuple[float, ...]:
    """Numbers with commas between them. Raises UsageError where one is none."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"{name} is {text!r}", parameter=name, allowed="numbers with commas, such as 0,0.5,1"
        ) from error


def _end(failures: tuple[Failure, ...], json: bool) -> int:
    if not json:
        say_failures([(failure.item, failure.message) for failure in failures])
    return EXIT_SOME_FAILED if failures else EXIT_OK
