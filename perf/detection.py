"""A detector over recordings of a minute and of many: times real time, and memory that does not grow.

Run: .venv/bin/python perf/detection.py [MINUTES ...]        (default 1 and 30; each in its own process, one thread)

`spectral` at 8 kHz, the default network with random weights: what it finds does not matter, what it costs does.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402 - after the number of threads is set
import soundfile  # noqa: E402

RATE = 8000


def measure(minutes: float) -> None:
    """Print CPU seconds, times real time and peak memory of one run over `minutes` of noise with bursts."""
    import torch

    from tymbal.detection import Calibration, Detector, detect_sound
    from tymbal.detection.fitting import Fitted, build_network
    from tymbal.encoders.source import open_encoder

    torch.set_num_threads(1)
    encoder = open_encoder("spectral").encoder
    detector = Detector()
    detector.labels_, detector.layers_ = ("event",), (("log_mel", 64),)
    detector.encoder_checksum_ = encoder.checksum
    facts = {"segment_s": 10.0, "margin_s": None, "precision": "float16", "layers": ["log_mel"]}
    detector.provenance_ = {**facts, "sample_rate_hz": None}
    network = build_network(detector.layers_, detector.config, 1)
    calibration = Calibration((1.0,) * 3, (0.0,) * 3, 0.5)
    detector.fitted_ = Fitted(network.state_dict(), calibration)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        random = np.random.default_rng(0)
        with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
            for _ in range(round(minutes)):
                minute = 0.01 * random.normal(size=60 * RATE)
                for onset in random.integers(0, 59 * RATE, 100):
                    minute[onset : onset + 1000] += 0.2 * np.sin(np.arange(1000))
                file.write(minute)
        start, wall = time.process_time(), time.perf_counter()
        boxes, seconds = detect_sound(detector, encoder, path, channel=1, threshold=0.0)
        cpu, wall = time.process_time() - start, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{minutes:6g} min: {cpu:7.1f} CPU s, {seconds / cpu:5.0f} times real time, peak {peak:6.0f} MiB, "
        f"{len(boxes)} candidates (wall {wall:.0f} s)",
        flush=True,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(float(sys.argv[2]))
    else:
        for each in sys.argv[1:] or ["1", "30"]:
            subprocess.run([sys.executable, __file__, "--one", each], check=True)
