"""Scenes per CPU second on one core: by plan, by sample rate, by stage; and that a stream's memory does not grow.

Run: OMP_NUM_THREADS=1 .venv/bin/python perf/synthesis.py        (about a minute)

"x real time" is seconds of scene per CPU second of this process, which is one thread. Figures are of the whole road
from plan to waveform and truth; nothing is cached but what a generator keeps anyway.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from machine import probe_line
from tymbal.synthesis import Part, SceneGenerator, ScenePlan, boxes_plan, fewshot_plan, stream_scenes
from tymbal.synthesis.distributions import constant, log_uniform
from tymbal.synthesis.levels import BandPower

SCENES = 150


def crowded() -> ScenePlan:
    """60 s with 130 calls of about 0.12 s at an overlap ratio of 0.89."""
    plan = ScenePlan(parts=(Part(duration_s=60.0),))
    voices = replace(plan.voices, duration_s=log_uniform(0.08, 0.17))
    calls = replace(plan.calls, events=constant(130), overlap_ratio=constant(0.89))
    classes = replace(plan.classes, distractors=constant(2))
    return replace(plan, voices=voices, calls=calls, classes=classes)


def measure(plan: ScenePlan, scenes: int) -> tuple[float, float, float]:
    """(x real time, calls per scene, CPU milliseconds of the slowest scene)."""
    generator = SceneGenerator(plan)
    generator.parts(0)
    seconds, calls, slowest = 0.0, 0, 0.0
    begin = time.process_time()
    for index in range(scenes):
        one = time.process_time()
        made = generator.parts(index)
        slowest = max(slowest, time.process_time() - one)
        seconds += sum(scene.duration_s for scene in made)
        calls += sum(len(scene.calls) for scene in made)
    return seconds / (time.process_time() - begin), calls / scenes, 1000 * slowest


def best(work: Callable[[], object], repeat: int = 7) -> float:
    """Least CPU milliseconds of one call."""
    times = []
    for _ in range(repeat):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return 1000 * min(times)


def brick_wall(sound: np.ndarray, low: float, high: float, start: int, stop: int) -> float:
    """What `BandPower` stands for, done plainly: filter everything, then average."""
    spectrum = np.fft.rfft(sound)
    hertz = np.arange(len(spectrum)) * 16_000 / len(sound)
    spectrum[(hertz < low) | (hertz > high)] = 0
    return float(np.mean(np.fft.irfft(spectrum, len(sound))[start:stop] ** 2))


def main() -> None:
    print(probe_line())
    plans = {
        "default, 10 s": (ScenePlan(), SCENES),
        "prompt 30 s and query 10 s": (fewshot_plan(), SCENES // 3),
        "vocabulary of 8, 10 s": (boxes_plan(8), SCENES),
        "130 calls in 60 s, overlap ratio 0.89": (crowded(), 12),
    }
    for name, (plan, scenes) in plans.items():
        speed, calls, slowest = measure(plan, scenes)
        print(f"{name}: {speed:.0f} x real time, {calls:.1f} calls per scene, slowest scene {slowest:.0f} ms")
    for rate in (8_000, 48_000, 96_000, 256_000, 500_000):
        speed, _, _ = measure(replace(ScenePlan(), sample_rate_hz=rate), SCENES // 3)
        print(f"default at {rate} Hz (relative): {speed:.1f} x real time, {speed * rate / 1e6:.2f} M samples/s")
    noise = np.random.default_rng(0).standard_normal(160_000).astype(np.float32)
    power = BandPower(noise, 16_000.0)
    fast = best(lambda: power(1000.0, 2000.0, 40_000, 50_000))
    slow = best(lambda: brick_wall(noise, 1000.0, 2000.0, 40_000, 50_000))
    print(f"noise power of one call's octave in 10 s: {fast:.2f} ms; filtering everything {slow:.2f} ms")
    peaks = []
    for number, _ in enumerate(stream_scenes(ScenePlan(), stop=300), 1):
        if number in (50, 300):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(f"peak memory of this process after 50 scenes of a stream {peaks[0]:.0f} MB, after 300 {peaks[1]:.0f} MB")


if __name__ == "__main__":
    main()
