"""A sweep of 60 probes over cached features of 400 clips × 13 layers × 49 frames × 768, on two cores.

30 linear, 22 folded attention at 256 dims, 6 in closed form, 2 self-attention as published (768 wide), every choice
made on validation, so that candidates are fitted once to choose by and once per seed to be tested. Clips are synthetic
calls of 10 kinds in noise; the encoder is HuBERT's base with random weights, so scores mean nothing.

Run: .venv/bin/python perf/sweep.py            (about 15 minutes of CPU time)
     .venv/bin/python perf/sweep.py --repeat   (twice, and the bytes are compared)
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import soundfile

from machine import probe_line

CLIPS, KINDS, GROUPS, RATE_HZ = 400, 10, 50, 16_000
WORKERS = 2

PLAN = """
metric = "balanced_accuracy"
seeds = 2
frames = 0
baseline = ""

[[tasks]]
corpus = "corpus"
label = "call"
split = "folds"
unit_name = "session"

[[encoders]]
name = "hubert-random"
encoder = "hubert"
random_weights = true
embed = { segment_s = 1.0 }

[settings]
dim = 256
training = { epochs = 60, patience = 10 }

[[probes]]
head = "linear"
layers = ["each", "all", "FIRST+LAST"]

[[probes]]
head = "query_attention"
layers = ["all", "last"]
learning_rates = [3e-4, 1e-3, 3e-3]

[[probes]]
name = "query_attention-single"
head = "query_attention"
layers = [SINGLE]

[[probes]]
name = "ridge"
head = "ridge"
layers = ["last", "all", "FIRST+LAST"]
settings = { statistics = ["mean", "std"] }

[[probes]]
name = "nearest_mean"
head = "nearest_mean"
layers = ["last", "all", "FIRST+LAST"]
settings = { statistics = ["mean", "std"] }

[[probes]]
name = "published"
head = "self_attention"
layers = ["all"]
fusion_options = { adapters = "where_needed", standardise = false }
settings = { training = { learning_rate = 1e-4, epochs = 50, warmup_epochs = 5, patience = 10 } }
"""


def make_corpus(folder: Path) -> None:
    """400 clips of 1 s: one of ten chirps at a random place in noise and the hum of its session; splits by session."""
    from tymbal.corpus import index, make_split

    random = np.random.default_rng(0)
    time_s = np.arange(RATE_HZ) / RATE_HZ
    clips = folder / "clips"
    clips.mkdir(parents=True)
    rows = []
    for number in range(CLIPS):
        kind, session = number % KINDS, number * GROUPS // CLIPS
        start, length_s = random.uniform(0.0, 0.7), random.uniform(0.15, 0.3)
        pitch = 600 * 1.28**kind * random.uniform(0.95, 1.05)
        inside = (time_s >= start) & (time_s < start + length_s)
        call = np.sin(2 * np.pi * pitch * (time_s - start) * (1 + 0.3 * (kind % 3 - 1) * (time_s - start))) * inside
        hum = np.sin(2 * np.pi * (80 + 7 * session) * time_s)
        wave = 0.15 * call + 0.05 * hum + 0.05 * random.normal(size=RATE_HZ)
        soundfile.write(clips / f"{number:03d}.wav", wave.astype(np.float32), RATE_HZ, subtype="PCM_16")
        rows.append({"recording": f"{number:03d}.wav", "call": f"kind{kind}", "session": f"s{session:02d}"})
    pl.DataFrame(rows).write_csv(folder / "calls.csv")
    corpus = index(clips, out=folder / "corpus", metadata=[folder / "calls.csv"], workers=1)
    make_split(corpus, "folds", by="session", folds={"train": 0.6, "validation": 0.2, "test": 0.2}, stratify="call")


def write_plan(folder: Path) -> Path:
    """The plan, with the names of the encoder's layers in it."""
    from tymbal.encoders.source import open_encoder

    names = [layer.name for layer in open_encoder("hubert", random_weights=True).encoder.layers]
    if len(names) != 13:
        sys.exit(f"{len(names)} layers, the plan is for 13")
    single = ", ".join(f'"{name}"' for name in names[2:12:2])
    text = PLAN.replace("FIRST", names[0]).replace("LAST", names[-1]).replace("SINGLE", single)
    (folder / "plan.toml").write_text(text)
    return folder / "plan.toml"


def spent() -> tuple[float, float]:
    """CPU seconds of this process and of the workers that have ended, user and system together."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, workers = (each.ru_utime + each.ru_stime for each in both)
    return own, workers


def contents(out: Path) -> Iterator[tuple[str, bytes]]:
    """Every file that a repeated sweep must give again: all but clocks and locks, wherever the folder lies."""
    for path in sorted(out.rglob("*")):
        clock = path.name.endswith(".cost.json") or path.name == "costs.csv"
        if path.is_file() and not clock and path.name != ".tymbal-lock" and "stores" not in path.parts:
            yield path.relative_to(out).as_posix(), path.read_bytes().replace(out.as_posix().encode(), b"OUT")


def timed(folder: Path, out: Path) -> None:
    """One sweep over stored features; prints wall and CPU seconds."""
    from tymbal.jobs import PlainLines
    from tymbal.probes.sweep import run_sweep

    wall, (own, workers) = time.monotonic(), spent()
    run_sweep(folder / "plan.toml", out, audited=False, workers=WORKERS, progress=PlainLines())
    wall, (own_after, workers_after) = time.monotonic() - wall, spent()
    costs = pl.read_csv(out / "costs.csv")
    table = pl.read_parquet(out / "results.parquet").join(costs, on=["task", "encoder", "probe", "seed"])
    total = own_after - own + workers_after - workers
    print(f"{table.height} probes in {wall:.0f} s with {WORKERS} workers: {total:.0f} CPU s, of which "
          f"{own_after - own:.0f} in the leading process")  # fmt: skip
    print(f"on two cores of its own that is {total / WORKERS:.0f} s at best; the load of the machine was "
          f"{os.getloadavg()[0]:.1f}")  # fmt: skip
    by = table.group_by("family", maintain_order=True).agg(
        pl.len(), pl.col("cpu_s").sum(), pl.col("choosing_cpu_s").sum(), pl.col("epochs").mean(),
        pl.col("score").max(), pl.col("parameters").max(),
    )  # fmt: skip
    for name, rows, testing, choosing, epochs, score, size in by.iter_rows():
        stopped = "" if epochs is None else f"{epochs:5.1f} epochs"
        print(f"  {name:<24} {rows:3d} probes {choosing + testing:8.1f} CPU s  {stopped:<13} {size or 0:>10,} "
              f"parameters, best score {score:.2f}")  # fmt: skip


def main() -> None:
    """Make the features, then the sweep, once or twice."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, help="keep everything there (and the features for the next time)")
    parser.add_argument("--repeat", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="tymbal-sweep-"))
    print(probe_line())
    try:
        if not (folder / "corpus").is_dir():
            make_corpus(folder)
        plan, first = write_plan(folder), folder / "out"
        began, before = time.monotonic(), sum(spent())
        _embed(plan, first)
        print(f"features: {time.monotonic() - began:.0f} s, {sum(spent()) - before:.0f} CPU s (not counted below)\n")
        timed(folder, first)
        if arguments.repeat:
            second = folder / "again"
            shutil.copytree(first / "stores", second / "stores")
            timed(folder, second)
            same = dict(contents(first)) == dict(contents(second))
            print(f"the same bytes again: {'yes' if same else 'NO'}, {len(dict(contents(first)))} files")
            sys.exit(0 if same else 1)
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


def _embed(plan: Path, out: Path) -> None:
    from tymbal.corpus import Corpus
    from tymbal.probes.sweep import load_plan
    from tymbal.probes.sweep.places import store_folder
    from tymbal.probes.sweep.stores import open_source

    read = load_plan(plan)
    corpus, entry = Corpus.open(read.tasks[0].corpus), read.encoders[0]
    store = open_source(entry, corpus, store_folder(out, entry, corpus), workers=WORKERS).store
    shapes = {store.layer(name).width for name in store.layers}
    frames = store.rows(store.layers[-1]) / store.units.height
    print(f"{store.units.height} clips × {len(store.layers)} layers × {frames:g} frames × {shapes}")


if __name__ == "__main__":
    main()
