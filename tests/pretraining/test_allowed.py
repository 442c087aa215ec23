"""What is trained on and what is evaluated never meet."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.conftest import DATA, data_path

from tymbal.errors import ConfigError, DataError
from tymbal.pretraining.allowed import (
    AllowList,
    EvaluationFolder,
    TrainingFolder,
    allowed_recordings,
    load_allowed,
    meetings,
)

LIST = Path(__file__).resolve().parents[2] / "docs/studies/default-encoder/allowed.toml"


@pytest.fixture
def planted(tmp_path: Path) -> tuple[AllowList, Path]:
    """A list and its data: one recording to train on, two to evaluate, all different."""
    generator = np.random.default_rng(0)
    for name in ("wood/dawn.wav", "birds/a.flac", "birds/b.flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, generator.normal(size=800) / 10, 8000)
    (tmp_path / "birds/clips.csv").write_text("recording,src_file\na.flac,1234\nb.flac,Dusk\n")
    allowed = AllowList(
        ("MIT",), (TrainingFolder("wood", "MIT", "a wood"),), (EvaluationFolder("birds", ("src_file",)),)
    )
    return allowed, tmp_path


def test_the_default_encoder_reads_nothing_that_is_evaluated() -> None:
    allowed = load_allowed(LIST)
    for source in (*allowed.training, *allowed.evaluation):
        data_path(source.folder)
    assert meetings(allowed, DATA, samples=False) == []
    assert len(allowed_recordings(allowed, DATA)) > 100


@pytest.mark.full
def test_nor_the_same_sound_in_another_container() -> None:
    allowed = load_allowed(LIST)
    for source in (*allowed.training, *allowed.evaluation):
        data_path(source.folder)
    assert meetings(allowed, DATA) == []


def test_a_real_recording_of_an_evaluation_is_found_where_it_is_planted(tmp_path: Path) -> None:
    cats = data_path("cat_meows")
    meow = sorted((cats / "audio").iterdir())[0]
    (tmp_path / "wood").mkdir()
    (tmp_path / "cat_meows").symlink_to(cats)
    shutil.copy(meow, tmp_path / "wood/renamed.flac")
    allowed = replace(
        load_allowed(LIST),
        training=(TrainingFolder("wood", "MIT", "a wood"),),
        evaluation=(EvaluationFolder("cat_meows"),),
    )
    (found,) = meetings(allowed, tmp_path, samples=False)
    assert (found.training, found.same) == ("wood/renamed.flac", "bytes")
    assert found.evaluation.endswith(meow.name)


def test_apart(planted: tuple[AllowList, Path]) -> None:
    allowed, data = planted
    assert meetings(allowed, data) == []
    assert allowed_recordings(allowed, data) == ["wood/dawn.wav"]


def test_the_same_bytes(planted: tuple[AllowList, Path]) -> None:
    allowed, data = planted
    shutil.copy(data / "birds/a.flac", data / "wood/other.flac")
    found = meetings(allowed, data)
    assert {each.same for each in found} == {"bytes", "samples"}
    assert {(each.training, each.evaluation) for each in found} == {("wood/other.flac", "birds/a.flac")}


def test_the_same_samples_in_another_container(planted: tuple[AllowList, Path]) -> None:
    allowed, data = planted
    sound, rate = soundfile.read(data / "birds/b.flac")
    soundfile.write(data / "wood/other.wav", sound, rate, subtype="PCM_24")
    (found,) = meetings(allowed, data)
    assert (found.training, found.evaluation, found.same) == ("wood/other.wav", "birds/b.flac", "samples")


@pytest.mark.parametrize(
    ("evaluated", "trained"),
    [
        ("XC882096-Diclidurus.flac", "bats_xc882096.wav"),
        ("SITE1_20190522_000000_30_0.flac", "S4A03895_20190522T000000.wav"),
        ("Yawn.flac", "yawn.wav"),
    ],
)
def test_one_original_by_name(planted: tuple[AllowList, Path], evaluated: str, trained: str) -> None:
    allowed, data = planted
    shutil.copy(data / "birds/a.flac", data / "birds" / evaluated)
    shutil.move(data / "wood/dawn.wav", data / "wood" / trained)
    (found,) = meetings(allowed, data)
    assert (found.training, found.same) == (f"wood/{trained}", "original")


def test_one_original_by_a_column(planted: tuple[AllowList, Path]) -> None:
    allowed, data = planted
    shutil.move(data / "wood/dawn.wav", data / "wood/dusk.wav")
    (found,) = meetings(allowed, data)
    assert (found.evaluation, found.same) == ("birds/b.flac", "original")


def test_files_left_out_are_not_read(planted: tuple[AllowList, Path]) -> None:
    allowed, data = planted
    shutil.copy(data / "birds/a.flac", data / "wood/other.flac")
    without = replace(allowed, training=(replace(allowed.training[0], without=("other.flac",)),))
    assert meetings(without, data) == []
    lost = replace(allowed, training=(replace(allowed.training[0], without=("gone.flac",)),))
    with pytest.raises(DataError, match=r"gone\.flac"):
        allowed_recordings(lost, data)


def test_lists_that_cannot_be(planted: tuple[AllowList, Path]) -> None:
    allowed, data = planted
    with pytest.raises(ConfigError, match="under CC-BY-NC"):
        replace(allowed, training=(TrainingFolder("wood", "CC-BY-NC", ""),)).check()
    with pytest.raises(ConfigError, match="for training and for evaluation"):
        replace(allowed, evaluation=(EvaluationFolder("wood"),)).check()
    with pytest.raises(DataError, match="no such folder"):
        meetings(replace(allowed, evaluation=(EvaluationFolder("nowhere"),)), data)
    with pytest.raises(DataError, match="no columns"):
        meetings(replace(allowed, evaluation=(EvaluationFolder("birds", ("tape",)),)), data)
