"""F1 at IoU > 0.3 of finders on made scenes and on two Bengalese finches: what the plan allows to tune on.

Run: OMP_NUM_THREADS=1 .venv/bin/python docs/studies/fewshot_tuning.py [--scenes 60] [--seed 101] [--birds DATA]
     [--finders ncc lda ncc+lda ...]
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import soundfile

from tymbal.evaluation.detection import match_boxes
from tymbal.fewshot import Finder, Prompt, Shot
from tymbal.synthesis import SceneGenerator, fewshot_plan

BIRDS = ("Bird0", "gy6or6")
SHOTS = 5
LEAST = 12  # renditions of a syllable type


@dataclass(frozen=True)
class Task:
    """A prompt, and per recording the references (n, 2) that are to be found."""

    name: str
    prompt: Prompt
    queries: tuple[tuple[str, np.ndarray, np.ndarray], ...]  # path, references, unknown


def scenes(folder: Path, count: int, seed: int) -> Iterator[Task]:
    """Made scenes: the first five calls of target0 in the prompt are the examples."""
    generator = SceneGenerator(fewshot_plan(prompt_s=60, query_s=60, scenes=count, seed=seed))
    for index in range(count):
        parts = generator.parts(index)
        paths = []
        for scene in parts:
            path = folder / f"{scene.name}.wav"
            if not path.exists():
                soundfile.write(path, scene.waveform, scene.sample_rate_hz, subtype="PCM_16")
            paths.append(str(path))
        calls = [[c for c in scene.calls if c.label == "target0"] for scene in parts]
        shown = [c for c in calls[0] if c.truth == "POS"]
        if len(shown) < 3:
            continue
        shots = tuple(Shot(paths[0], None, c.onset_s, c.offset_s) for c in shown[:SHOTS])
        last = shots[-1].offset_s
        unknown = [Shot(paths[0], None, c.onset_s, c.offset_s) for c in calls[0] if c.truth == "UNK"]
        if len(shown) > SHOTS:
            unknown.append(Shot(paths[0], None, last, parts[0].duration_s))
        refs = boxes((c.onset_s, c.offset_s) for c in calls[1] if c.truth == "POS")
        unk = boxes((c.onset_s, c.offset_s) for c in calls[1] if c.truth == "UNK")
        families = next((c.family for c in shown), "")
        yield Task(f"{index}:{families}", Prompt("target0", shots, (), tuple(unknown)), ((paths[1], refs, unk),))


def birds(data: Path) -> Iterator[Task]:
    """Each syllable type of the two birds: five examples, the rest of its recordings to search."""
    table = pl.read_csv(data / "bengalese_finch_song" / "annotations.csv", infer_schema_length=None)
    for bird in BIRDS:
        own = table.filter(pl.col("individual") == bird).sort("recording", "begin_time_s")
        paths = own["recording"].unique().sort().to_list()
        for label in sorted(own["label"].cast(pl.String).unique().to_list()):
            rows = (
                own.filter(pl.col("label").cast(pl.String) == label)
                .select("recording", "begin_time_s", "end_time_s")
                .rows()
            )
            if len(rows) < LEAST:
                continue
            shots = tuple(Shot(path_of(data, r[0]), None, r[1], r[2]) for r in rows[:SHOTS])
            used = {r[0] for r in rows[:SHOTS]}
            last = rows[SHOTS - 1]
            unknown = (Shot(path_of(data, last[0]), None, last[2], 1e6),)
            found: dict[str, list[tuple[float, float]]] = defaultdict(list)
            for r in rows[SHOTS:]:
                found[r[0]].append((r[1], r[2]))
            queries = tuple((path_of(data, p), boxes(found[p]), boxes([])) for p in paths if p not in used)
            yield Task(f"{bird}:{label}", Prompt(label, shots, (), unknown), queries)


def path_of(data: Path, name: str) -> str:
    return str(data / "bengalese_finch_song" / name)


def boxes(rows) -> np.ndarray:
    return np.array(list(rows), dtype=np.float64).reshape(-1, 2)


def judge(finder: Finder, task: Task) -> tuple[int, int, int]:
    """True positives, false positives, false negatives; what falls on unknown calls counts as neither."""
    hits, false, missed = 0, 0, 0
    for path, references, unknown in task.queries:
        found = finder.predict(path).select("onset_s", "offset_s").to_numpy()
        pairs = match_boxes(references, found, minimum_iou=0.3)
        rest = np.delete(found, pairs.prediction, axis=0)
        spared = len(match_boxes(unknown, rest, minimum_iou=0.3).prediction) if len(unknown) and len(rest) else 0
        hits += len(pairs.prediction)
        false += len(rest) - spared
        missed += len(references) - len(pairs.prediction)
    return hits, false, missed


def f1(counts: tuple[int, int, int]) -> float:
    hits, false, missed = counts
    return hits / max(hits + 0.5 * (false + missed), 1e-9) if hits + false + missed else 1.0


def run(tasks: list[Task], finders: list[str]) -> dict[str, np.ndarray]:
    """F1 (tasks, finders)."""
    rows = []
    for task in tasks:
        row = []
        for name in finders:
            finder = Finder.fit(task.prompt, finders=name.split("+"))
            row.append(f1(judge(finder, task)))
        rows.append(row)
    return np.array(rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--birds", type=Path)
    parser.add_argument("--finders", nargs="+", default=["ncc", "lda", "ncc+lda"])
    parser.add_argument("--every", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.gettempdir()) / f"fewshot-scenes-{given.seed}"
    folder.mkdir(exist_ok=True)
    sources = {"scenes": list(scenes(folder, given.scenes, given.seed))} if given.scenes else {}
    if given.birds:
        for task in birds(given.birds):
            sources.setdefault(task.name.partition(":")[0], []).append(task)
    for name, tasks in sources.items():
        table = run(tasks, given.finders)
        if given.every:
            for task, row in zip(tasks, table, strict=True):
                print(f"  {task.name:18s} " + " ".join(f"{value:.2f}" for value in row))
        told = ", ".join(f"{f} {v:.3f}" for f, v in zip(given.finders, table.mean(axis=0), strict=True))
        print(f"{name} ({len(tasks)} tasks): {told}", flush=True)


if __name__ == "__main__":
    main()
