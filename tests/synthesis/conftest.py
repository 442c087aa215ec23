"""A small folder of recordings whose calls are known, and the bank cut from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import soundfile
from tests.synthesis.plans import dry_plan

from tymbal.synthesis import Bank, SceneGenerator, make_bank
from tymbal.synthesis.backgrounds import Backgrounds
from tymbal.synthesis.distributions import choice, constant, log_uniform


def loud_scenes(folder: Path, number: int) -> pl.DataFrame:
    """Recordings of loud calls, apart from each other, over steady noise; returns the truth."""
    plan = dry_plan(20.0)
    calls = replace(plan.calls, events=constant(8), overlap_ratio=constant(0.0))
    levels = replace(plan.levels, snr_db=constant(25.0), spread_db=constant(0.0))
    voices = replace(plan.voices, families={"tone": 1.0, "harmonic": 1.0, "noise": 1.0}, am_depth=constant(0.0))
    voices = replace(voices, f0_hz=log_uniform(600, 4000), duration_s=log_uniform(0.1, 0.5), syllables=constant(1))
    voices = replace(voices, attack=constant(0.05), release=constant(0.05))
    classes = replace(plan.classes, pool=3, targets=choice(3), distractors=constant(0))
    still = Backgrounds(
        slope=constant(0.5), tilt_db=constant(0.0), swell_db=constant(0.0), rain=constant(0), hum=0, mixed=0
    )
    plan = replace(plan, calls=calls, levels=levels, voices=voices, classes=classes, backgrounds=still, scenes=number)
    generator = SceneGenerator(plan)
    truth = []
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(number):
        scene = generator.scene(index)
        soundfile.write(folder / f"{scene.name}.wav", scene.waveform, scene.sample_rate_hz, subtype="PCM_16")
        truth.append(scene.events)
    return pl.concat(truth)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pl.DataFrame]:
    folder = tmp_path_factory.mktemp("loud") / "recordings"
    truth = loud_scenes(folder, 10)
    (folder / "broken.wav").write_bytes(b"RIFF not really")
    return folder, truth


@pytest.fixture(scope="session")
def bank(recordings: tuple[Path, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Bank:
    found, failures = make_bank(recordings[0], tmp_path_factory.mktemp("bank") / "bank")
    assert [failure.item for failure in failures] == ["broken.wav"]
    return found
