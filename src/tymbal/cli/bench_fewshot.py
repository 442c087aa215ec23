"""The few-shot benchmarks of `tymbal bench`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tymbal.cli.common import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    save_parameters,
    say,
    say_failures,
    say_json,
    say_table,
)
from tymbal.errors import UsageError

if TYPE_CHECKING:
    from tymbal.benchmarks.fewshot import FewshotOutcome
    from tymbal.benchmarks.verify import Departure

FEWSHOT = ("fasd13", "dcase5")


@dataclass(frozen=True)
class Searched:
    """What is searched how.

    Parameters
    ----------
    finders
        For fasd13 and dcase5: what is compared, with commas between them: template, default, a finder of tymbal
        find (network:FILE with weights of its own), or several joined by +.
    protocols
        For fasd13 and dcase5: within (examples from the recording itself) and cross (from another one of its set).
    shots
        For fasd13 and dcase5: numbers of examples with commas between them, judged on the same stretch.
    """

    finders: str = "template,ncc,lda,transductive,prototypes,default"
    protocols: str = "within,cross"
    shots: str = "5,2,1"


EVERYTHING = Searched()


def bench_fewshot(
    benchmark: str,
    data: Path,
    out: Path | None,
    sets: str,
    searched: Searched,
    *,
    check: bool,
    workers: int | None,
    quiet: bool,
    json: bool,
) -> int:
    """Look at a few-shot benchmark's folder, or run it; arguments as of `bench`."""
    from tymbal.benchmarks.fewshot import FewshotConfig, run_fewshot
    from tymbal.jobs import make_progress

    if check:
        return _check(benchmark, data, sets, json)
    if out is None:
        raise UsageError(
            "no folder for the results", where="--out", mend="Give one with -o, or only look with --check."
        )
    config = FewshotConfig(_names(searched.finders), _names(searched.protocols), _numbers(searched.shots))
    outcome = run_fewshot(
        benchmark,
        data,
        out,
        sets=_names(sets),
        config=config,
        workers=workers,
        progress=make_progress(quiet=quiet),
    )
    given: dict[str, Any] = {"benchmark": benchmark, "data": str(data), "out": str(out), "sets": sets}
    save_parameters(out, "bench", {**given, **asdict(searched)})
    if json:
        _tell_machines(outcome, out)
    elif not quiet:
        _tell(outcome, out)
    say_failures([(failure.item, failure.message) for failure in outcome.failures])
    return EXIT_SOME_FAILED if outcome.failures else EXIT_OK


def _check(benchmark: str, data: Path, sets: str, json: bool) -> int:
    """Say what is there, and what is not as published."""
    from tymbal.benchmarks.fewshot import find_fewshot, look

    layout, departures = look(data, find_fewshot(benchmark), _names(sets))
    counts = {name: sum(truth.set == name for truth in layout.truths) for name in layout.sets()}
    if json:
        say_json({"targets": counts, "departures": [asdict(each) for each in departures]})
    else:
        say(", ".join(f"{name}: {found} targets" for name, found in counts.items()) or "nothing is there")
        _tell_departures(departures)
    return EXIT_OK


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in _names(text))
    except ValueError as error:
        raise UsageError(f"{text!r} is no list of numbers", where="--shots", allowed="such as 5,2,1") from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _tell_departures(departures: Sequence[Departure]) -> None:
    for each in departures:
        say(f"  {each.severity}: {each.message}. {each.mend}")


def _tell_machines(outcome: FewshotOutcome, out: Path) -> None:
    from tymbal.benchmarks.fewshot.published import published_rows

    rows = [
        {
            **asdict(each),
            "scores": {
                "f1": each.scores.f1,
                "arithmetic": dict(each.scores.arithmetic),
                "ap": each.scores.ap,
                "sets": each.scores.subsets.to_dicts(),
            },
        }
        for each in outcome.scored
    ]
    published = published_rows(outcome.benchmark.name).to_dicts()
    say_json({"scores": rows, "published": published, "failures": outcome.failures, "out": str(out)})


def _tell(outcome: FewshotOutcome, out: Path) -> None:
    from tymbal.benchmarks.fewshot.page import interval

    _tell_departures(outcome.departures)
    rows = [
        (
            each.finder,
            each.protocol,
            each.shots,
            interval(each.scores.f1),
            f"{each.scores.arithmetic['f1']:.3f}",
            interval(each.scores.ap),
            each.tasks,
        )
        for each in outcome.scored
    ]
    say_table(("finder", "protocol", "examples", "F1, harmonic over sets", "arithmetic", "AP", "recordings"), rows)
    say(f"by set, and published numbers beside ours: {out / 'results.md'}")
