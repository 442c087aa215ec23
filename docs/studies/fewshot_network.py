"""F1 at IoU > 0.3 of networks against the training-free default, task by task: held-out scenes, two birds, bats.

Run: OMP_NUM_THREADS=1 .venv/bin/python docs/studies/fewshot_network.py WORK MODEL ... [--scenes 24] [--birds DATA]
WORK keeps every task's answer: run it again to go on after a stop. Needs models that `tymbal fewshot train` wrote.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import fewshot_tuning as tuning
import numpy as np
from scipy import stats

from tymbal.evaluation.intervals import resample, standard_error
from tymbal.jobs import write_json
from tymbal.training import read_tensors

SEED = 404  # scenes that nothing was settled on
DEFAULT = ["ncc", "lda"]
UNTOUCHED = ("bats_neotropical", "hermit_hummingbirds")  # recordings on which nothing of either was settled


def counts(work: Path, name: str, finders: list[str], task: tuning.Task) -> dict[str, list[int]]:
    """True, false and missed of each finder of `finders` and of what is chosen, and CPU seconds; kept in `work`."""
    place = work / f"answers-{SEED}" / name / f"{task.name.replace(':', '-')}.json"
    if not place.is_file():
        begin = time.process_time()
        found = {key: list(each) for key, each in tuning.answers(task, finders).items()}
        write_json(place, {**found, "cpu_s": time.process_time() - begin})
    return json.loads(place.read_text())


def untouched(data: Path) -> Iterator[tuning.Task]:
    """Five examples at the beginning of a recording, then its rest."""
    from fewshot_tasks import within

    for name in UNTOUCHED:
        for task in within(lambda row, name=name: name, data / name):
            (query,) = task.queries
            told = (query.path, query.references, tuning.boxes([]))
            yield tuning.Task(f"{name}:{task.name}", task.prompt, (told,), query.after_s)


def gap(first: np.ndarray, second: np.ndarray) -> str:
    """Mean difference of two sets of values of the same tasks, with its interval (bootstrap, Student's t)."""
    away = first - second
    if len(away) < 8:
        return f"{away.mean():+.3f} (no interval: {len(away)} tasks)"
    error = standard_error(resample(lambda w: (w * away).sum(axis=1) / w.sum(axis=1), len(away), 2000, 0), len(away))
    half = float(stats.t.ppf(0.975, len(away) - 1)) * float(error)
    return f"{away.mean():+.3f} ({away.mean() - half:+.3f} to {away.mean() + half:+.3f})"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--birds", type=Path)
    parser.add_argument("--fused", action="store_true", help="also ncc + lda + network")
    given = parser.parse_args()
    folder = given.work / f"scenes-{SEED}"
    folder.mkdir(parents=True, exist_ok=True)
    tasks = list(tuning.scenes(folder, given.scenes, SEED, 1)) if given.scenes else []
    tasks += [*tuning.birds(given.birds), *untouched(given.birds)] if given.birds else []
    ways = {"default": DEFAULT} | {model.stem: [f"network:{model}"] for model in given.models}
    if given.fused:
        ways |= {f"{model.stem} fused": [*DEFAULT, f"network:{model}"] for model in given.models}
    for model in given.models:
        about = read_tensors(model, mend="Train it.")[1]["about"]
        print(f"{model.stem}: frames' average precision {about['average_precision']:.3f}, before {about['curves']:.3f}")
    answers = {name: [counts(given.work, name, finders, task) for task in tasks] for name, finders in ways.items()}
    known = (*tuning.BIRDS, *UNTOUCHED)
    sources = [task.name.partition(":")[0] if task.name.startswith(known) else "scenes" for task in tasks]
    wanted = np.array([bool(sum(len(references) for _, references, _ in task.queries)) for task in tasks])
    for source in dict.fromkeys(sources):
        here = np.array([each == source for each in sources])
        rows, empty = np.flatnonzero(here & wanted), np.flatnonzero(here & ~wanted)
        scores = {
            name: np.array([tuning.f1(tuple(each[row]["chosen"])) for row in rows]) for name, each in answers.items()
        }
        print(f"{source}, {len(rows)} tasks with calls to find, {len(empty)} without")
        for name, own in scores.items():
            false = sum(answers[name][row]["chosen"][1] for row in empty)
            against = "" if name == "default" else f", less default {gap(own, scores['default'])}"
            cpu = np.mean([answers[name][row]["cpu_s"] for row in np.flatnonzero(here)])
            print(f"  {name}: F1 {own.mean():.3f}{against}; {false} false in the empty ones; {cpu:.1f} CPU s a task")
        if len(rows) < 20:
            for row in rows:
                print(
                    "   ",
                    tasks[row].name,
                    {name: round(tuning.f1(tuple(a[row]["chosen"])), 2) for name, a in answers.items()},
                )


if __name__ == "__main__":
    main()
