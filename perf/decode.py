"""Decode and resample, in times real time per CPU second, against plain soundfile and soxr in the same run.

.venv/bin/python perf/decode.py
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

from machine import probe_line
from tymbal import audio

RATE_HZ, SECONDS = 44100, 120
BLOCK = 10 * RATE_HZ
FORMATS = {
    "wav": {"format": "WAV", "subtype": "PCM_16"},
    "flac": {"format": "FLAC", "subtype": "PCM_16"},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "mp3": {"format": "MP3", "subtype": "MPEG_LAYER_III"},
}


def make(folder: Path) -> dict[str, Path]:
    """Two minutes of noise under slow swells, mono, in every format."""
    dice = np.random.default_rng(0)
    swell = 0.2 + 0.15 * np.sin(np.arange(RATE_HZ * SECONDS) / RATE_HZ)
    sound = swell * np.cumsum(dice.standard_normal(RATE_HZ * SECONDS)) % 0.5 - 0.25
    paths = {}
    for name, options in FORMATS.items():
        paths[name] = folder / f"sound.{name}"
        with soundfile.SoundFile(paths[name], "w", RATE_HZ, 1, **options) as file:
            for start in range(0, len(sound), RATE_HZ):
                file.write(sound[start : start + RATE_HZ])
    return paths


def ours(path: Path, rate_hz: int | None) -> None:
    """Stream the file in ten-second blocks."""
    with audio.AudioReader(path, sample_rate_hz=rate_hz) as reader:
        for _ in reader.blocks(10 * reader.sample_rate_hz):
            pass


def plain(path: Path, rate_hz: int | None) -> None:
    """soundfile in ten-second blocks, through one soxr stream where a rate is wanted."""
    with soundfile.SoundFile(path) as file:
        stream = None if rate_hz is None else soxr.ResampleStream(RATE_HZ, rate_hz, 1, dtype="float32", quality="HQ")
        while len(block := file.read(BLOCK, dtype="float32")):
            if stream is not None:
                stream.resample_chunk(block)


def windows(path: Path, read: Callable[[Path, int], None]) -> None:
    """Forty random windows of five seconds."""
    for start in np.random.default_rng(1).integers(0, (SECONDS - 5) * RATE_HZ, 40):
        read(path, int(start))


def best_s(*jobs: Callable[[], None], rounds: int = 5) -> list[float]:
    """Least CPU seconds of each job, the jobs taking turns so that noise meets them alike."""
    best = [float("inf")] * len(jobs)
    for _ in range(rounds):
        for number, job in enumerate(jobs):
            start = time.process_time()
            job()
            best[number] = min(best[number], time.process_time() - start)
    return best


def main() -> None:
    """Print one line per format and rate."""
    print(probe_line())
    print(
        f"{SECONDS} s mono at {RATE_HZ} Hz; times real time per CPU second; ratio = ours / plain soundfile (+ soxr HQ)"
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = make(Path(folder))
        for name, path in paths.items():
            for rate_hz in (None, 16000, 32000, 48000):
                mine, peer = best_s(lambda p=path, r=rate_hz: ours(p, r), lambda p=path, r=rate_hz: plain(p, r))
                what = "decode" if rate_hz is None else f"to {rate_hz} Hz"
                speeds = f"{SECONDS / mine:8.0f} x  plain {SECONDS / peer:8.0f} x"
                print(f"{name:5} {what:12} {speeds}  ratio {peer / mine:.2f}")
        for name in ("wav", "flac"):
            with audio.AudioReader(paths[name]) as reader, soundfile.SoundFile(paths[name]) as file:

                def peer_read(_: Path, start: int, file: soundfile.SoundFile = file) -> None:
                    file.seek(start)
                    file.read(5 * RATE_HZ, dtype="float32")

                def our_read(_: Path, start: int, reader: audio.AudioReader = reader) -> None:
                    reader.read(start, 5 * RATE_HZ)

                mine, peer = best_s(
                    lambda p=paths[name]: windows(p, our_read), lambda p=paths[name]: windows(p, peer_read)
                )
            speeds = f"{mine / 40 * 1e3:6.2f} ms  plain {peer / 40 * 1e3:6.2f} ms"
            print(f"{name:5} 5 s windows  {speeds}  ratio {peer / mine:.2f}")
        (probing,) = best_s(lambda: [audio.probe(path) for path in paths.values()] and None)
        print(f"probe: {probing / len(paths) * 1e3:.2f} ms a file")


if __name__ == "__main__":
    main()
