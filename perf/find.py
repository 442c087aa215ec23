"""`tymbal find`: times real time and peak memory, from one minute to many hours of one recording.

Run: OMP_NUM_THREADS=1 .venv/bin/python perf/find.py [HOURS ...]        (default 1/60 1/6 1 6; 24 takes 2.8 GB of disk)

A recording of noise with a call every ten seconds (16 kHz, 16 bit) is written, five of its calls are the examples, and
the command runs in processes of its own: first one (CPU seconds of it, so that a busy machine counts little, the least
of REPEATS runs for short recordings; its peak memory is the largest resident set), then two workers by the clock. The
page is not drawn. Results go to perf/results/find.txt by hand.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from machine import probe_line

RATE = 16_000
CALL_S = 0.2
EVERY_S = 10.0
REPEATS = 7  # runs of short recordings, of which the least CPU time counts: other work on the machine only adds to it


def write(path: Path, hours: float) -> None:
    """Noise with a rising chirp every ten seconds, minute by minute."""
    random = np.random.default_rng(1)
    length = round(CALL_S * RATE)
    at = np.arange(length) / RATE
    call = 0.2 * np.hanning(length) * np.sin(2 * np.pi * (2000 * at + 2500 * at**2))
    with soundfile.SoundFile(path, "w", RATE, 1, subtype="PCM_16") as file:
        for _ in range(max(1, round(hours * 60))):
            minute = 0.02 * random.standard_normal(60 * RATE)
            for onset in np.arange(2.0, 60.0, EVERY_S):
                start = round(onset * RATE)
                minute[start : start + length] += call
            file.write(minute)


def find(folder: Path, workers: int, out: str) -> tuple[float, float, float, int]:
    """(seconds, CPU seconds, peak MB of the largest process, events)."""
    command = [sys.executable, "-m", "tymbal", "find", str(folder / "x.wav"), "--examples", str(folder / "x.csv")]
    command += ["-o", str(folder / out), "--workers", str(workers), "--quiet", "--no-report"]
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)"
    )
    begin = time.perf_counter()
    told = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True).stdout
    seconds = time.perf_counter() - begin
    cpu, peak = (float(word) for word in told.split())
    events = len((folder / out / "events.csv").read_text().splitlines()) - 1
    return seconds, cpu, peak, events


def main() -> None:
    print(probe_line())
    for hours in [float(word) for word in sys.argv[1:]] or [1 / 60, 1 / 6, 1.0, 6.0]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(folder / "x.wav", hours)
            rows = [f"x.wav,{onset},{onset + CALL_S},chirp" for onset in np.arange(2.0, 52.0, EVERY_S)]
            (folder / "x.csv").write_text("recording,onset_s,offset_s,label\n" + "\n".join(rows) + "\n")
            runs = [find(folder, 1, f"one{number}") for number in range(REPEATS if hours < 1 else 1)]
            _, cpu, peak, events = min(runs, key=lambda run: run[1])
            two, _, largest, _ = find(folder, 2, "two")
            sound_s = max(60.0, hours * 3600)
            print(
                f"{sound_s / 60:6.0f} min: {sound_s / cpu:4.0f} x real time per CPU second of one process, "
                f"{peak:.0f} MB; two workers {sound_s / two:4.0f} x by the clock, {largest:.0f} MB the largest; "
                f"{events} events of {round(sound_s / EVERY_S)}",
                flush=True,
            )
    print(f"this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
