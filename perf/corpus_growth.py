"""How the time and memory of indexing and auditing grow with the corpus: 1x, 10x, 100x as many recordings.

Run: .venv/bin/python perf/corpus_growth.py [SMALLEST]     (recordings of the smallest corpus, default 100)

Every corpus is made of generated half-second WAV files, all different, with a metadata table and an event each.
Each step runs in a process of its own; CPU seconds and peak memory are those of the step, imports left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from machine import probe_line

FACTORS = (1, 10, 100)


def make(folder: Path, count: int) -> None:
    """`count` recordings in folders of a hundred, clips.csv and events.csv."""
    clips, events = ["recording,site"], ["recording,onset_s,offset_s,label"]
    for number in range(count):
        name = f"{number // 100:04d}/{number:06d}.wav"
        path = folder / "sounds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = 0.1 * np.random.default_rng(number).standard_normal(4000)
        soundfile.write(path, samples, 8000, subtype="PCM_16")
        clips.append(f"{name},s{number % 7}")
        events.append(f"{name},0.1,0.2,{'ab'[number % 2]}")
    (folder / "clips.csv").write_text("\n".join(clips) + "\n")
    (folder / "events.csv").write_text("\n".join(events) + "\n")


def measure(folder: Path, what: str) -> None:
    """Run one step and print its CPU seconds and the growth of this process's peak memory as JSON."""
    from tymbal.corpus import Corpus, audit, index, make_split

    before = peak_kb()
    start = time.process_time()
    if what == "audit":
        audit(Corpus.open(folder / "corpus"), label="label", workers=1)
    elif what == "split":
        make_split(Corpus.open(folder / "corpus"), "folds", by="recording", folds=5, stratify="label")
    else:  # "index" on an empty folder, "again" on a finished corpus
        tables = {"annotations": folder / "events.csv", "metadata": folder / "clips.csv"}
        index(folder / "sounds", out=folder / "corpus", workers=1, **tables)  # type: ignore[arg-type]
    seconds = time.process_time() - start
    print(json.dumps({"cpu_s": seconds, "peak_mb": (peak_kb() - before) / 1024}))


def peak_kb() -> int:
    """Greatest resident memory of this process so far (Linux; 0 elsewhere)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def main() -> None:
    """Measure every step at every size and print the growth from one size to the next."""
    if len(sys.argv) == 4 and sys.argv[1] == "--step":
        measure(Path(sys.argv[2]), sys.argv[3])
        return
    smallest = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(probe_line())
    found: dict[str, list[dict[str, float]]] = {step: [] for step in ("index", "again", "split", "audit")}
    for factor in FACTORS:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), smallest * factor)
            for step in found:
                command = [sys.executable, __file__, "--step", folder, step]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                found[step].append(json.loads(output))
    for step, rows in found.items():
        for factor, row in zip(FACTORS, rows, strict=True):
            each = 1e3 * row["cpu_s"] / (smallest * factor)
            print(
                f"{step:6s} {smallest * factor:7,d} recordings: {row['cpu_s']:8.2f} CPU s, {each:6.2f} ms each, "
                f"peak +{row['peak_mb']:.0f} MB"
            )
        print(f"{step:6s} from {FACTORS[1]}x to {FACTORS[2]}x: time {rows[2]['cpu_s'] / rows[1]['cpu_s']:.1f}x")


if __name__ == "__main__":
    main()
