"""A trained detector over recordings of a minute and of a day: times real time, and memory that does not grow.

Run: .venv/bin/python perf/detection.py [MINUTES ...]     (default 1 60; 1440 is a day: 1.4 GB of disk, 5 CPU minutes)

Zebra finch song (`zebra_finch_song` under TYMBAL_DATA, default ../shared/data) at 8 kHz: a detector is trained on it
(`spectral`, the default network, 20 epochs, half a CPU minute), and the same song end on end, two events a second, is
the long recording: what is found is dense, all tables are written. Every length runs in a process of its own, one
thread. Results go to perf/results/detection.txt by hand.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402 - after the number of threads is set
import soundfile  # noqa: E402

RATE = 8000
DATA = Path(os.environ.get("TYMBAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
BYTES_PER_MINUTE = 60 * RATE * 2


def prepare(folder: Path) -> None:
    """The song at 8 kHz, a corpus of it, a detector trained on it, and the song end on end as one array."""
    from tymbal.audio import AudioReader
    from tymbal.corpus import index
    from tymbal.detection import Detector, DetectorConfig
    from tymbal.encoders.source import open_encoder
    from tymbal.features import embed

    finches, song = DATA / "zebra_finch_song", []
    (folder / "song" / "audio").mkdir(parents=True)
    for path in sorted((finches / "audio").iterdir()):
        with AudioReader(path, channel=1, sample_rate_hz=RATE) as reader:
            song.append(reader.read(0, reader.samples))
        soundfile.write(folder / "song" / "audio" / path.name, song[-1], RATE, subtype="PCM_16")
    tables, metadata = finches / "annotations.csv", finches / "recordings.csv"
    corpus = index(
        folder / "song", out=folder / "corpus", annotations=tables, metadata=metadata, coverage="complete", workers=1
    )
    encoder = open_encoder("spectral").encoder
    store = embed(corpus, encoder, folder / "store", layers=["log_mel"], workers=1)
    birds = dict(corpus.recordings.select("recording", "individual").rows())
    detector = Detector(training=replace(DetectorConfig().training, epochs=20))
    start = time.process_time()
    detector.fit(store, corpus, groups=birds).save(folder / "finches.detector")
    print(f"trained in {time.process_time() - start:.0f} CPU s, validation F1 {detector.notes_['validation_f1']:.2f}")
    np.save(folder / "song.npy", np.concatenate(song))


def write(path: Path, song: np.ndarray, minutes: float) -> None:
    """The song end on end for so many minutes."""
    left = round(minutes * 60 * RATE)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        while left > 0:
            file.write(song[:left])
            left -= len(song)


def measure(folder: Path, minutes: float) -> None:
    """Print CPU seconds, times real time and peak memory of a whole run over the recording, tables and all."""
    import torch

    from tymbal.detection import Detector, run_detector
    from tymbal.encoders.source import open_encoder

    torch.set_num_threads(1)
    encoder, detector = open_encoder("spectral").encoder, Detector.load(folder / "finches.detector")
    start, wall = time.process_time(), time.perf_counter()
    found = run_detector(detector, encoder, folder / "long.wav", folder / "found")
    cpu, wall = time.process_time() - start, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    written = sum(each.stat().st_size for each in (folder / "found").rglob("*") if each.is_file())
    print(
        f"{minutes:6g} min: {cpu:7.1f} CPU s, {found.audio_s / cpu:5.0f} times real time, peak {peak:6.0f} MiB, "
        f"{found.events.height} events, {written / 1e6:.1f} MB of tables (wall {wall:.0f} s)",
        flush=True,
    )


def main() -> None:
    """Train once, then measure every length in a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        folder, lengths = Path(place), [float(word) for word in sys.argv[1:] or ["1", "60"]]
        free = shutil.disk_usage(folder).free
        if free < 2 * max(lengths) * BYTES_PER_MINUTE:
            sys.exit(f"{folder} has {free / 1e9:.1f} GB left; twice {max(lengths) * BYTES_PER_MINUTE / 1e9:.1f} needed")
        subprocess.run([sys.executable, __file__, "--prepare", place], check=True)
        for minutes in lengths:
            write(folder / "long.wav", np.load(folder / "song.npy"), minutes)
            subprocess.run([sys.executable, __file__, "--one", place, str(minutes)], check=True)
            shutil.rmtree(folder / "found")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--prepare"]:
        prepare(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["--one"]:
        measure(Path(sys.argv[2]), float(sys.argv[3]))
    else:
        main()
