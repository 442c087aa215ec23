"""The one reading of the held-out sets: F1 at IoU > 0.3 of template matching, every finder, the default, the network.

Run once, after the last change of any default (fewshot-held-out.md says how): docs/studies/fewshot_held_out.sh
On stand-ins, as often as you like:
    OMP_NUM_THREADS=1 .venv/bin/python docs/studies/fewshot_held_out.py --stand-in [--data DATA] [--finders ...]
The reading is logged (date, commit, finders) in fewshot_held_out.log beside this file; with a line there the script
refuses to read again without --again REASON.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from fewshot_tasks import Task, finders_of, held_out, log_reading, reader, stand_ins
from fewshot_tuning import judge

from tymbal.benchmarks.fewshot.finding import fitted
from tymbal.evaluation.intervals import t_quantile
from tymbal.jobs import Worked, guarded

LOG = Path(__file__).with_suffix(".log")
ALONE = 10  # events to find that a set needs to stand alone; others are pooled
POOLED = "pooled small sets"
DRAWS, SEED = 2000, 0
GOAL = 1.5

Counts = dict[tuple[str, str], np.ndarray]  # (set, recording) -> (finders, 3): true, false, missed


def search(task: Task, finder: str) -> Worked[list[np.ndarray]]:
    """What the finder finds in each query of the task, (n, 2) s."""
    searcher, found = fitted(finder, task.prompt), []
    for query in task.queries:
        boxes = searcher.predict(query.path).select("onset_s", "offset_s").to_numpy()
        found.append(boxes[boxes.mean(axis=1) >= query.after_s])
    return Worked(found)


def count(tasks: Sequence[Task], finders: Sequence[str]) -> tuple[Counts, list[str]]:
    """Counts of every finder in every recording, summed over its targets; and what failed."""
    counts: Counts = defaultdict(lambda: np.zeros((len(finders), 3), np.int64))
    failed = []
    for task in tasks:
        told = []
        for row, finder in enumerate(finders):
            mine = np.zeros(3, np.int64)
            outcome = guarded(partial(search, task), finder)
            if outcome.failure is not None:
                failed.append(f"{task.set} {task.name}, {finder}: {outcome.failure.message}")
            found = outcome.worked.value if outcome.worked is not None else [np.zeros((0, 2))] * len(task.queries)
            for query, boxes in zip(task.queries, found, strict=True):
                here = np.array(judge(boxes, query.references, np.zeros((0, 2))))
                counts[task.set, query.path][row] += here
                mine += here
            told.append(f"{finder} {f1(mine):.2f}")
        print(f"  {task.set} {task.name} ({task.events} to find): {', '.join(told)}", file=sys.stderr, flush=True)
    return dict(counts), failed


def f1(counts: np.ndarray) -> np.ndarray:
    """F1 of (..., 3) counts; 1 where there is neither an event nor a prediction."""
    true, false, missed = np.moveaxis(counts.astype(np.float64), -1, 0)
    whole = true + 0.5 * (false + missed)
    return np.where(whole > 0, true / np.maximum(whole, 0.5), 1.0)


def by_set(counts: Counts) -> dict[str, np.ndarray]:
    """(recordings, finders, 3) of each set that has events enough to stand alone, the others pooled."""
    groups: dict[str, list[np.ndarray]] = defaultdict(list)
    sizes: dict[str, int] = defaultdict(int)
    for (name, _), each in counts.items():
        sizes[name] += int(each[0, 0] + each[0, 2])
    for (name, _), each in counts.items():
        groups[name if sizes[name] >= ALONE else POOLED].append(each)
    return {name: np.stack(rows) for name, rows in groups.items()}


def difference(sets: dict[str, np.ndarray], one: int, other: int) -> tuple[np.ndarray, np.ndarray]:
    """F1 of finder `one` less that of `other` in each set, and the mean over sets in draws of recordings in sets."""
    whole = {name: f1(rows.sum(axis=0)) for name, rows in sets.items()}
    gaps = np.array([each[one] - each[other] for each in whole.values()])
    random = np.random.default_rng(SEED)
    draws = np.zeros(DRAWS)
    for rows in sets.values():
        picked = random.integers(len(rows), size=(DRAWS, len(rows)))
        drawn = f1(rows[picked].sum(axis=1))
        draws += (drawn[:, one] - drawn[:, other]) / len(sets)
    return gaps, draws


def page(sets: dict[str, np.ndarray], finders: Sequence[str], failed: Sequence[str], head: str) -> str:
    """What was found, as Markdown."""
    lines = [head, "", f"| set | recordings | to find | {' | '.join(finders)} |", f"|{'---|' * (3 + len(finders))}"]
    for name, rows in sets.items():
        total = rows.sum(axis=0)
        cells = " | ".join(f"{value:.3f}" for value in f1(total))
        lines.append(f"| {name} | {len(rows)} | {total[0, 0] + total[0, 2]} | {cells} |")
    means = np.mean([f1(rows.sum(axis=0)) for rows in sets.values()], axis=0)
    recordings = sum(len(rows) for rows in sets.values())
    lines += [f"| **mean over sets** | {recordings} | | {' | '.join(f'{value:.3f}' for value in means)} |", ""]
    base = list(finders).index("template")
    for number, finder in enumerate(finders):
        if number == base:
            continue
        gaps, draws = difference(sets, number, base)
        low, high = np.quantile(draws, [0.025, 0.975])
        spread = over_sets(gaps)
        ratio = means[number] / means[base] if means[base] else float("inf")
        losing = [name for name, gap in zip(sets, gaps, strict=True) if gap < 0]
        lost = ", ".join(losing) or "none"
        goal = f" (goal {GOAL}: {'reached' if ratio >= GOAL else 'not reached'})" if finder == "default" else ""
        lines.append(
            f"- {finder} less template matching: {gaps.mean():+.3f}; 95 % over sets {spread}, over recordings within "
            f"sets {low:+.3f} to {high:+.3f}; ratio of means {ratio:.2f}{goal}; losing sets: {lost}."
        )
    lines += [f"- failed: {each}" for each in failed]
    return "\n".join(lines) + "\n"


def over_sets(gaps: np.ndarray) -> str:
    """Student's interval of the mean over sets; none below eight sets."""
    if len(gaps) < 8:
        return f"none ({len(gaps)} sets)"
    half = t_quantile(len(gaps), 0.95) * gaps.std(ddof=1) / np.sqrt(len(gaps))
    return f"{gaps.mean() - half:+.3f} to {gaps.mean() + half:+.3f} ({len(gaps)} sets)"


def main() -> int:
    parser = reader()
    parser.add_argument("--out", type=Path, help="write the page there too")
    given = parser.parse_args()
    finders = finders_of(given)
    if "template" not in finders:
        parser.error("template is what the others are compared with")
    if given.stand_in:
        head = "# Stand-ins"
        with tempfile.TemporaryDirectory() as folder:
            tasks = list(stand_ins(given.data, Path(folder)))
            counts, failed = count(tasks, finders)
    else:
        head = f"# The reading\n\n{log_reading(LOG, finders, given.again)}"
        counts, failed = count(list(held_out(given.data)), finders)
    told = page(by_set(counts), finders, failed, head)
    print(told, end="")
    if given.out:
        given.out.write_text(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
