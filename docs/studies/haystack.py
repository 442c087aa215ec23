"""Haystacks: what finders cry where there is nothing, and how many candidates they give where nobody listened.

Negatives (recordings without the target): false alarms per hour with their exact Poisson interval. Elsewhere candidates
per hour: what is unlabelled is not absent, so these are no false alarms.
Run once, with the held-out sets (haystack.sh). On stand-ins, as often as you like:
    OMP_NUM_THREADS=1 .venv/bin/python docs/studies/haystack.py --stand-in [--data DATA] [--finders ...]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
from fewshot_tasks import FAR_S, SHOTS, birds, finders_of, log_reading, reader, sequence

from tymbal.annotations import read_events
from tymbal.audio import probe
from tymbal.benchmarks.fewshot.finding import fitted
from tymbal.evaluation.detection import poisson_rate
from tymbal.fewshot import Prompt, Shot
from tymbal.jobs import Worked, guarded

LOG = Path(__file__).with_suffix(".log")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@dataclass(frozen=True)
class Stack:
    """Recordings to search; `without` are the targets that are surely not in them."""

    name: str
    paths: tuple[str, ...]
    without: tuple[str, ...] = ()


def spinetail() -> Prompt:
    """The first five calls of the recording that ships with Tymbal."""
    path = str(EXAMPLES / "spinetail" / "spinetail.flac")
    events = read_events(EXAMPLES / "spinetail" / "spinetail.audacity.txt", recording=path).events
    rows = events.filter(pl.col("label") == "SP").sort("onset_s").head(SHOTS).iter_rows(named=True)
    shots = tuple(Shot(path, None, r["onset_s"], r["offset_s"], r["low_hz"], r["high_hz"]) for r in rows)
    return Prompt("spinetail", shots, (), (Shot(path, None, shots[-1].offset_s, FAR_S),))


def allowed(data: Path) -> Iterator[tuple[str, Prompt]]:
    """Examples of sets that may be looked at: a spinetail, and the first two syllable types of a finch."""
    yield "spinetail", spinetail()
    for task in list(birds(data, "Bird0"))[:2]:
        yield f"finch {task.name}", task.prompt


def recordings(
    folder: Path, column: str | None = None, word: str = "", table: str = "recordings.csv"
) -> tuple[str, ...]:
    """Paths of a set's recordings, those whose `column` begins with `word`."""
    rows = pl.read_csv(folder / table, infer_schema_length=None)
    if column is not None:
        rows = rows.filter(pl.col(column).str.starts_with(word))
    return tuple(str(folder / name) for name in rows["recording"].to_list())


def held_out(data: Path) -> tuple[list[tuple[str, Prompt]], list[Stack]]:
    """What is read once."""
    hoots = [("boobook", task.prompt) for task in sequence(lambda row: "boobook", data / "boobook_owl")]
    examples = [*hoots, *allowed(data)]
    names = tuple(name for name, _ in examples)
    return examples, [
        Stack("boobook, target absent", recordings(data / "boobook_owl", "role", "target absent"), names),
        Stack("soundscape_24h", recordings(data / "soundscape_24h")),
        Stack("Borneo soundscapes", recordings(data / "borneo_sulawesi", "kind", "soundscape")),
    ]


def stand_ins(data: Path) -> tuple[list[tuple[str, Prompt]], list[Stack]]:
    """The same forms: rain and wind hold no bird of the examples; a soundscape of North America may hold any."""
    folder = data / "esc50_subset"
    clips = pl.read_csv(folder / "clips.csv").filter(pl.col("label").is_in(["rain", "wind", "sea_waves", "train"]))
    examples = list(allowed(data))
    names = tuple(name for name, _ in examples)
    quiet = tuple(str(folder / name) for name in clips["recording"].to_list()[::4])
    return examples, [
        Stack("ESC-50: rain, wind, waves, train", quiet, names),
        Stack("bird_soundscape", recordings(data / "bird_soundscape")),
    ]


def search(prompt: Prompt, stack: Stack, finder: str) -> Worked[tuple[int, float, list[str]]]:
    """Events, hours, and what could not be searched."""
    searcher, count, hours, failed = fitted(finder, prompt), 0, 0.0, []
    for path in stack.paths:
        outcome = guarded(lambda each: Worked(searcher.predict(each).height, probe(each).duration_s), path)
        if outcome.worked is None:
            failed.append(f"{Path(path).name}: {outcome.failure.message if outcome.failure else ''}")
            continue
        count += outcome.worked.value
        hours += outcome.worked.audio_s / 3600
    return Worked((count, hours, failed))


def report(examples: Sequence[tuple[str, Prompt]], stacks: Sequence[Stack], finders: Sequence[str]) -> list[str]:
    """One table row per stack, examples and finder."""
    lines = ["| recordings | examples | finder | what | events | hours | per hour | 95 % |", f"|{'---|' * 8}"]
    failures: list[str] = []
    for stack in stacks:
        for name, prompt in examples:
            for finder in finders:
                outcome = guarded(partial(search, prompt, stack), finder)
                if outcome.worked is None:
                    why = outcome.failure.message if outcome.failure else ""
                    failures.append(f"- failed: {stack.name}, {name}, {finder}: {why}")
                    continue
                count, hours, failed = outcome.worked.value
                failures += [f"- failed: {stack.name}, {name}, {finder}: {each}" for each in failed]
                if not hours:
                    continue
                rate = poisson_rate(count, hours)
                what = "false alarms" if name in stack.without else "candidates"
                row = (stack.name, name, finder, what, count, f"{hours:.2f}", f"{rate.per_hour:.1f}")
                lines.append(f"| {' | '.join(map(str, row))} | {rate.low:.1f} to {rate.high:.1f} |")
                print(lines[-1], file=sys.stderr, flush=True)
    return [*lines, "", *failures]


def main() -> int:
    given = reader().parse_args()
    finders = finders_of(given)
    if given.stand_in:
        head, (examples, stacks) = "# Stand-ins", stand_ins(given.data)
    else:
        head = log_reading(LOG, finders, given.again)
        examples, stacks = held_out(given.data)
    print("\n".join([head, "", *report(examples, stacks, finders)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
