"""Training examples: what they hold, that they are functions of their number, and that parts can be left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tymbal.errors import UsageError
from tymbal.fewshot.network.labels import NEG, POS, UNK, UNLABELLED
from tymbal.fewshot.network.scenes import (
    FLOOR_DB,
    LENGTHS,
    PARTS,
    QUERY_FRAMES,
    SUPPORT_FRAMES,
    Example,
    ExampleWork,
    SceneSettings,
    as_bytes,
    make_example,
    training_generator,
    training_plan,
)

SETTINGS = SceneSettings(seed=3, ramp=10)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    folder = tmp_path_factory.mktemp("scenes")
    return [make_example(SETTINGS, index, folder) for index in range(8)]


def test_examples_are_whole(examples: list[Example]) -> None:
    for each in examples:
        assert each.support.shape == (len(each.labels), 48)
        assert len(each.support) <= SUPPORT_FRAMES
        assert len(each.query) == len(each.target) == len(each.curves) <= QUERY_FRAMES
        assert (each.labels == POS).any()
        assert set(np.unique(each.labels)) <= {NEG, POS, UNLABELLED, UNK}
        assert set(np.unique(each.target)) <= {0, POS, UNK}
        assert np.isfinite(each.curves).all()
        assert (each.events[:, 1] > each.events[:, 0]).all()
        for onset, offset in each.events.tolist():  # the frames of every call are marked, whatever overlaps it
            inside = each.target[max(0, int(np.ceil(onset + 1))) : max(0, int(offset) - 1)]
            assert (inside == POS).all()
    assert any((each.labels == UNLABELLED).any() for each in examples)


def test_a_median_call_is_about_24_frames_or_hops_are_at_their_bounds(examples: list[Example]) -> None:
    assert all(15 <= each.median <= 120 for each in examples)
    assert np.median([each.median for each in examples]) == pytest.approx(24, abs=6)


def test_an_example_is_a_function_of_its_number(examples: list[Example]) -> None:
    work = ExampleWork(SETTINGS)
    again = work(5)
    assert again.support.tobytes() == examples[5].support.tobytes()
    assert again.curves.tobytes() == examples[5].curves.tobytes()
    assert work(4).query.tobytes() != again.query.tobytes()


def test_the_floor_of_the_level_falls_along_the_ramp() -> None:
    def floor(settings: SceneSettings, index: int) -> float:
        return training_generator(settings, index, np.random.default_rng(0)).plan.levels.snr_db.bounds[0]

    assert [floor(SETTINGS, index) for index in (0, 10, 500)] == [FLOOR_DB[0], FLOOR_DB[1], FLOOR_DB[1]]
    assert floor(SceneSettings(without=("ramp",)), 0) == FLOOR_DB[1]


@pytest.mark.parametrize("name", [name for name in PARTS if name != "ramp"])
def test_every_part_can_be_left_out(name: str) -> None:
    for length in range(len(LENGTHS)):
        plain, without = (training_plan(SceneSettings(without=each), length, 0.0) for each in ((), (name,)))
        without.check()
        assert plain != without


def test_unknown_parts_are_refused() -> None:
    with pytest.raises(UsageError, match="mutants, rooms"):
        SceneSettings(without=("birds",))


def test_levels_keep_to_their_step_in_bytes() -> None:
    from tymbal.fewshot.network.batches import levels

    pixels = np.linspace(-1, 14, 997, dtype=np.float32).reshape(1, -1)
    assert np.abs(levels(as_bytes(pixels)) - pixels).max() <= 1 / 32 + 1e-6


def test_folder_is_left_empty(tmp_path: Path) -> None:
    make_example(SETTINGS, 1, tmp_path)
    assert not list(tmp_path.iterdir())
