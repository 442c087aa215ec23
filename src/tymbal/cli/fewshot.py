"""`tymbal fewshot`: train the in-context network on made scenes, and score any finder on a corpus."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
from tymbal.errors import UsageError

if TYPE_CHECKING:
    from tymbal.evaluation.detection import FewshotScores
    from tymbal.evaluation.intervals import Estimate
    from tymbal.fewshot.evaluating import Evaluated

SHOTS = 5


@dataclass(frozen=True)
class Learning:
    """How `fewshot train` trains.

    Parameters
    ----------
    size
        Small, base, large (0.8, 2.1 and 5.4 million parameters), or cluster, which is about as large as DRASDIC.
    scenes
        How many scenes are made; each is used three times.
    validation
        Held-out scenes.
    seed
        Of scenes, weights and order.
    without
        Parts of the generator to leave out: mutants, rooms, backgrounds, families, jitter, faults, empty, ramp.
    kept
        Where made scenes are kept, to be used by other runs too. Default: beside MODEL.
    device
        Where the network is: cpu, cuda, cuda:1.
    """

    size: str = "small"
    scenes: int = 2400
    validation: int = 100
    seed: int = 0
    without: tuple[str, ...] = ()
    kept: Path | None = None
    device: str = "cpu"


def fewshot(
    action: Literal["train", "eval"],
    sources: Annotated[list[str] | None, Parameter(negative="")] = None,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    learning: Annotated[Learning, Parameter(name="*")] = Learning(),
    shots: int = SHOTS,
    label: tuple[str, ...] = (),
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Train the in-context network on scenes that are made for it, or score a finder; run again to go on after a stop.

    Parameters
    ----------
    action
        Train writes the network to the file OUT (checkpoints and scenes to OUT.run); eval scores a finder.
    sources
        For eval: a finder (default, ncc, lda, ncc+lda …) or the file of a network, then corpora.
    out
        The file of the network, or the folder of the scores.
    shots
        For eval: so many first events of a label in a recording are the examples.
    label
        For eval: these labels only.
    """
    if action == "train":
        if shots != SHOTS or label:
            raise UsageError("--shots and --label are those of fewshot eval", mend="Leave them out.")
        if sources:
            mend = "Say: tymbal fewshot train -o MODEL"
            raise UsageError("fewshot train takes no source", where=sources[0], mend=mend)
        return _train(out, learning, workers, quiet, json)
    if learning != Learning():
        given = [field.name for field in fields(learning) if getattr(learning, field.name) != field.default]
        raise UsageError(f"--{given[0]} is that of fewshot train", mend="Leave it out.")
    if not sources or len(sources) < 2:
        raise UsageError(
            "fewshot eval needs a finder and a corpus", mend="Say: tymbal fewshot eval default CORPUS -o OUT"
        )
    return _eval(sources[0], [Path(each) for each in sources[1:]], out, shots, label, workers, quiet, json)


def _train(out: Path, learning: Learning, workers: int | None, quiet: bool, json: bool) -> int:
    from tymbal.fewshot.network.scenes import SceneSettings
    from tymbal.fewshot.network.training import FewshotRecipe, train_network
    from tymbal.jobs import make_progress

    settings = SceneSettings(seed=learning.seed, without=learning.without)
    recipe = FewshotRecipe(learning.size, learning.scenes, learning.validation, settings, learning.seed)
    found = train_network(
        recipe, out, scenes=learning.kept, device=learning.device, workers=workers, progress=make_progress(quiet=quiet)
    )
    if json:
        told = {"model": str(out), "parameters": found.parameters, "steps": found.report.steps}
        say_json({**told, "average_precision": found.best, "curves": found.curves, "history": found.report.history})
    elif not quiet:
        say(f"{found.parameters / 1e6:.2f} M parameters, {found.report.steps} steps on {learning.scenes} scenes")
        say(
            f"average precision of frames on {learning.validation} scenes held out: {found.best:.3f} "
            f"(before training, by the training-free curves: {found.curves:.3f})"
        )
        model = shlex.quote(str(out))
        say(f"network: {out}; use it: tymbal find RECORDINGS --examples TABLE --finders network --model {model} -o OUT")
    return EXIT_OK


def _eval(
    finder: str,
    corpora: list[Path],
    out: Path,
    shots: int,
    label: tuple[str, ...],
    workers: int | None,
    quiet: bool,
    json: bool,
) -> int:
    from tymbal.fewshot.evaluating import evaluate
    from tymbal.jobs import make_progress

    progress = make_progress(quiet=quiet)
    found = evaluate(finder, corpora, out, shots=shots, labels=label, workers=workers, progress=progress)
    sources = [finder, *(str(each) for each in corpora)]
    given = {"sources": sources, "out": str(out), "shots": shots, "label": list(label)}
    save_parameters(out, "fewshot", {"action": "eval", **given})
    failures = [(failure.item, failure.message) for failure in found.failures]
    if json:
        _tell_machines(out, found)
    elif not quiet and found.scores is not None:
        _tell(out, found, found.scores, shots)
    if not json:
        say_failures(failures)
    return EXIT_SOME_FAILED if failures else EXIT_OK


def _tell(out: Path, found: Evaluated, scores: FewshotScores, shots: int) -> None:
    from tymbal.fewshot.evaluating import FEWEST

    counts, shares = ("true", "false", "missed"), ("precision", "recall", "f1", "ap")
    rows = [
        (row["subset"], row["recordings"], *(row[name] for name in counts), *(_share(row[name]) for name in shares))
        for row in scores.subsets.to_dicts()
    ]
    say_table(("corpus", "tasks", *counts, *shares), rows)
    say(f"F1 at IoU > 0.3, harmonic mean over corpora: {_spread(scores.f1)}")
    if scores.ap is not None:
        say(f"average precision, which needs no threshold, arithmetic mean over corpora: {_spread(scores.ap)}")
    say(f"tasks, each one label in one recording with {shots} examples and the rest to be found: {found.tasks}")
    if found.too_few:
        say(f"left out, with fewer than {shots + FEWEST} events: {found.too_few}")
    if found.failures:
        say(f"failed, and counted as if nothing had been found: {len(found.failures)}")
    say(f"by task: {out / 'recordings.csv'}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _spread(found: Estimate) -> str:
    """`0.512 (95 %: 0.400 to 0.600, 12 recordings)`, or that there is no interval."""
    if found.low is None or found.high is None:
        return f"{found.value:.3f} (no interval: {found.units} recording{'s'[: found.units != 1]})"
    return f"{found.value:.3f} (95 %: {found.low:.3f} to {found.high:.3f}, {found.units} recordings)"


def _tell_machines(out: Path, found: Evaluated) -> None:
    scores = found.scores
    told = {} if scores is None else {"f1": scores.f1, "ap": scores.ap, "subsets": scores.subsets.to_dicts()}
    say_json({"out": str(out), "tasks": found.tasks, "too_few": found.too_few, **told, "failures": found.failures})
