"""F1 at IoU > 0.3 of finders on made scenes and on two Bengalese finches: what the plan allows to tune on.

Run: OMP_NUM_THREADS=1 .venv/bin/python docs/studies/fewshot_tuning.py [--scenes 60] [--seed 101] [--birds DATA]
     [--within 14] [--finders ncc lda ...] [--set calibrate.LEAST_WAY=0.4 calibrate.BOUNDS=-3,3 share.ncc=1 ...]
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import soundfile

from tymbal.audio import AudioReader
from tymbal.evaluation.detection import match_boxes
from tymbal.fewshot import Finder, Prompt, Shot, TemplateMatching, choose_scale
from tymbal.fewshot import scale as scale_module
from tymbal.fewshot.calibrate import Boxes, candidates, options, pick
from tymbal.fewshot.finder import Detection, detections
from tymbal.fewshot.finders import KINDS, find_kind
from tymbal.fewshot.picture import pictures
from tymbal.fewshot.support import look
from tymbal.synthesis import SceneGenerator, fewshot_plan

BIRDS = ("Bird0", "gy6or6")
SHOTS = 5
QUERIES = 4  # recordings of a bird that are searched for each type
LEAST = 12  # renditions of a syllable type


@dataclass(frozen=True)
class Task:
    """A prompt, and per recording the references (n, 2) that are to be found; what lies before `after_s` is no find."""

    name: str
    prompt: Prompt
    queries: tuple[tuple[str, np.ndarray, np.ndarray], ...]  # path, references, unknown
    after_s: float = 0.0


def scenes(folder: Path, count: int, seed: int, step: int) -> Iterator[Task]:
    """Made scenes: the first five calls of target0 in the prompt are the examples. Kept in `folder`."""
    generator = SceneGenerator(fewshot_plan(prompt_s=60, query_s=60, scenes=count, seed=seed))
    for index in range(0, count, step):
        kept = folder / f"{index}.json"
        if not kept.exists():
            rows = []
            for scene in generator.parts(index):
                soundfile.write(folder / f"{scene.name}.wav", scene.waveform, scene.sample_rate_hz, subtype="PCM_16")
                mine = [c for c in scene.calls if c.label == "target0"]
                rows.append([scene.name, [[c.truth, c.onset_s, c.offset_s, c.family] for c in mine]])
            kept.write_text(json.dumps(rows))
        (prompt, calls), (query, others) = json.loads(kept.read_text())
        path = str(folder / f"{prompt}.wav")
        shown = [c for c in calls if c[0] == "POS"]
        if len(shown) < 3:
            continue
        shots = tuple(Shot(path, None, c[1], c[2]) for c in shown[:SHOTS])
        unknown = [Shot(path, None, c[1], c[2]) for c in calls if c[0] == "UNK"]
        if len(shown) > SHOTS:
            unknown.append(Shot(path, None, shots[-1].offset_s, 60.0))
        wanted, spared = (boxes((c[1], c[2]) for c in others if c[0] == truth) for truth in ("POS", "UNK"))
        told = Prompt("target0", shots, (), tuple(unknown))
        yield Task(f"{index}:{shown[0][3]}", told, ((str(folder / f"{query}.wav"), wanted, spared),))


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
            queries = tuple(
                (path_of(data, p), boxes(found[p]), boxes([])) for p in [p for p in paths if p not in used][:QUERIES]
            )
            yield Task(f"{bird}:{label}", Prompt(label, shots, (), unknown), queries)


def alone(data: Path, count: int) -> Iterator[Task]:
    """The birds in the form of FASD13: `count` recordings and types of each, five examples first, then the rest."""
    from fewshot_tasks import within

    seen: dict[str, int] = defaultdict(int)
    for task in within(lambda row: f"{row['individual']} within", data / "bengalese_finch_song"):
        seen[task.set] += 1
        if task.set.removesuffix(" within") in BIRDS and seen[task.set] <= count:
            (query,) = task.queries
            told = (query.path, query.references, boxes([]))
            yield Task(f"{task.set}:{task.name}", task.prompt, (told,), query.after_s)


def path_of(data: Path, name: str) -> str:
    return str(data / "bengalese_finch_song" / name)


def boxes(rows) -> np.ndarray:
    return np.array(list(rows), dtype=np.float64).reshape(-1, 2)


def answers(task: Task, finders: list[str]) -> dict[str, tuple[int, int, int]]:
    """True and false positives and false negatives of each finder, of their fusion and of what is chosen."""
    scale = choose_scale(task.prompt.shots, bands=scale_module.BANDS)
    support = look(task.prompt, scale)
    ways = options(support, finders)
    everyone = range(len(support.places))
    models = tuple(find_kind(name).fit(support, list(everyone)) for name in finders)
    names = [*finders, "fused"][: len(ways)]
    finder = Finder(task.prompt.label, scale, ways[-1], models, None, len(task.prompt.shots))
    total = {name: [0, 0, 0] for name in names}
    for path, references, unknown in task.queries:
        found: dict[str, list[Detection]] = defaultdict(list)
        with AudioReader(path, None, scale.sample_rate_hz) as reader:
            samples = reader.samples
            for picture in pictures(reader, scale, finder.halo):
                boxes = candidates([model.respond(picture.pixels) for model in models])
                for column, (name, way) in enumerate(zip(names, ways, strict=True)):
                    mine = boxes if name == "fused" else boxes.take(boxes.by == column)
                    if name != "fused":
                        mine = Boxes(mine.starts, mine.stops, mine.by, mine.ratings[:, [column]])
                    found[name] += detections(mine, way.height(mine), picture, 0.5)
        for name in names:
            events = finder.table(found[name], path, None, samples).select("onset_s", "offset_s").to_numpy()
            events = events[events.mean(axis=1) >= task.after_s]
            for at, count in enumerate(judge(events, references, unknown)):
                total[name][at] += count
    chosen = names[ways.index(pick(ways))]
    return {**{name: tuple(counts) for name, counts in total.items()}, "chosen": tuple(total[chosen])}


def baseline(task: Task) -> tuple[int, int, int]:
    """The same of plain template matching."""
    model, total = TemplateMatching.fit(task.prompt), [0, 0, 0]
    for path, references, unknown in task.queries:
        found = model.predict(path).select("onset_s", "offset_s").to_numpy()
        total = [one + other for one, other in zip(total, judge(found, references, unknown), strict=True)]
    return total[0], total[1], total[2]


def judge(found: np.ndarray, references: np.ndarray, unknown: np.ndarray) -> tuple[int, int, int]:
    """True positives, false positives, false negatives; what falls on unknown calls counts as neither."""
    pairs = match_boxes(references, found, minimum_iou=0.3)
    rest = np.delete(found, pairs.prediction, axis=0)
    spared = len(match_boxes(unknown, rest, minimum_iou=0.3).prediction) if len(unknown) and len(rest) else 0
    return len(pairs.prediction), len(rest) - spared, len(references) - len(pairs.prediction)


def f1(counts: tuple[int, int, int]) -> float:
    hits, false, missed = counts
    return hits / max(hits + 0.5 * (false + missed), 1e-9) if hits + false + missed else 1.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--birds", type=Path)
    parser.add_argument("--within", type=int, default=0, help="tasks of each bird in the form of FASD13")
    parser.add_argument("--finders", nargs="+", default=["ncc", "lda"])
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--template", action="store_true", help="template matching beside them")
    parser.add_argument("--set", nargs="*", default=[], help="module.NAME=value of tymbal.fewshot, to try it")
    parser.add_argument("--step", type=int, default=1, help="every so many tasks")
    given = parser.parse_args()
    for change in given.set:
        name, _, value = change.partition("=")
        if name.startswith("share."):
            kind = name.removeprefix("share.")
            KINDS[kind] = replace(KINDS[kind], share=float(value))
            continue
        module, _, constant = name.rpartition(".")
        target = importlib.import_module(f"tymbal.fewshot.{module}")
        assert hasattr(target, constant), name
        numbers = [type(getattr(target, constant))(float(value))] if "," not in value else map(float, value.split(","))
        setattr(target, constant, tuple(numbers) if "," in value else next(iter(numbers)))
    folder = Path(tempfile.gettempdir()) / f"fewshot-scenes-{given.seed}"
    folder.mkdir(exist_ok=True)
    sources = {"scenes": list(scenes(folder, given.scenes, given.seed, given.step))} if given.scenes else {}
    if given.birds:
        for task in (*birds(given.birds), *alone(given.birds, given.within)):
            sources.setdefault(task.name.partition(":")[0], []).append(task)
    for source, tasks in sources.items():
        rows, empty = [], []
        for task in tasks[:: given.step if source != "scenes" else 1]:
            found = answers(task, given.finders)
            if given.template:
                found["template"] = baseline(task)
            wanted = sum(len(references) for _, references, _ in task.queries)
            if wanted:
                rows.append({name: f1(counts) for name, counts in found.items()})
            else:
                empty.append({name: counts[1] for name, counts in found.items()})
            if given.every:
                print(f"  {task.name:14s} ", dict(found), flush=True)
        names = rows[0]
        print(f"{source}, {len(rows)} tasks, F1:", {n: round(float(np.mean([r[n] for r in rows])), 3) for n in names})
        if empty:
            print(f"  {len(empty)} without a call, false:", {n: sum(r[n] for r in empty) for n in names}, flush=True)


if __name__ == "__main__":
    main()
