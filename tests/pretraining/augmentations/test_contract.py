"""What holds of every augmentation."""

from __future__ import annotations

import pytest
import torch

from tymbal.encoders.pictures import PictureConfig
from tymbal.errors import ConfigError, UsageError
from tymbal.pretraining.augmentations import AUGMENTATIONS, create_augmentation, create_augmentations
from tymbal.pretraining.objectives.contract import PictureBatch

CONFIG = PictureConfig(bands=16, high_hz=4000.0)
NAMES = sorted(AUGMENTATIONS)
ALTERING = [name for name in NAMES if name != "masked_branch"]


def batch(size: int = 6, frames: int = 40) -> PictureBatch:
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(size, frames, 16, generator=generator).clamp_min(-2)
    real = torch.ones(size, frames, dtype=torch.bool)
    real[-1, frames // 2 :] = False
    return PictureBatch(torch.where(real.unsqueeze(-1), pictures, 0.0), real, torch.eye(size))


@pytest.mark.parametrize("name", NAMES)
def test_it_repeats_with_the_generator_and_stays_a_picture(name: str) -> None:
    altered, given = create_augmentation(name, CONFIG), batch()
    torch.manual_seed(3)
    first = altered(given)
    torch.manual_seed(3)
    again = altered(given)
    assert torch.equal(first.pictures, again.pictures)
    assert torch.equal(first.real, again.real)
    assert first.labels is not None
    assert first.pictures.shape == given.pictures.shape
    assert first.pictures.dtype == torch.float32
    assert bool(torch.isfinite(first.pictures).all())
    assert float(first.pictures.min()) >= -2.0 - 1e-5
    assert bool((first.pictures[~first.real] == 0).all())
    assert bool((first.real.any(1)).all())
    for row in first.real:  # real frames first, then none
        assert bool((row[:-1] | ~row[1:]).all())
    assert torch.equal(given.pictures, batch().pictures)  # what was given is not written into
    if name in ALTERING:
        assert not torch.equal(first.pictures, given.pictures)
    else:
        assert first is given


@pytest.mark.parametrize("name", ALTERING)
def test_probability_says_how_many_clips_are_altered(name: str) -> None:
    given = batch(200)
    torch.manual_seed(0)
    for probability, low, high in ((0.0, 0, 0), (0.3, 40, 80), (1.0, 200, 200)):
        found = create_augmentation(name, CONFIG, probability=probability)(given)
        changed = (found.pictures != given.pictures).any(2).any(1)
        assert low <= int(changed.sum()) <= high
        assert found.labels is not None
        assert torch.equal(found.labels[~changed], torch.eye(200)[~changed])


@pytest.mark.parametrize("name", ALTERING)
def test_what_stands_in_padding_changes_nothing(name: str) -> None:
    given = batch()
    other = given._replace(pictures=torch.where(given.real.unsqueeze(-1), given.pictures, 1.5))
    altered = create_augmentation(name, CONFIG)
    torch.manual_seed(5)
    first = altered(given)
    torch.manual_seed(5)
    second = altered(other)
    torch.testing.assert_close(first.pictures, second.pictures)


@pytest.mark.parametrize("name", ["noise", "recorder"])
def test_bands_above_half_the_sample_rate_stay_silent(name: str) -> None:
    given = batch()
    pictures = given.pictures.clone()
    pictures[..., 12:] = -2.0
    found = create_augmentation(name, CONFIG)(given._replace(pictures=pictures, real=torch.ones_like(given.real)))
    assert bool((found.pictures[..., 12:] == -2).all())
    assert bool((found.pictures[..., :12] > -2).any())


def test_without_labels_they_work_as_well() -> None:
    for name in NAMES:
        assert create_augmentation(name, CONFIG)(batch()._replace(labels=None)).labels is None


def test_what_cannot_be_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"no augmentation is called 'echo'.*reverberation"):
        create_augmentation("echo")
    with pytest.raises(ConfigError, match=r"unknown field 'snr'"):
        create_augmentation("noise", snr=3.0)
    with pytest.raises(ConfigError, match=r"table 2 has no name"):
        create_augmentations([{"name": "noise"}, {"probability": 0.5}], CONFIG)
    impossible = (
        ("noise", {"snr_db": (10.0, 5.0)}),
        ("noise", {"probability": 1.5}),
        ("quantisation", {"levels": 1}),
        ("stretch", {"time": 0.8}),
        ("reverberation", {"decay_s": (0.0, 1.0)}),
        ("recorder", {"tilt_db": -1.0}),
        ("recorder", {"low_pass_hz": (9.0, 4.0)}),
        ("masked_branch", {"share": 1.0}),
    )
    for name, fields in impossible:
        with pytest.raises(ConfigError, match=name):
            create_augmentation(name, **fields)  # type: ignore[arg-type]


def test_tables_of_a_recipe_in_their_order() -> None:
    made = create_augmentations([{"name": "stretch", "time": 1.5}, {"name": "noise", "probability": 0.25}], CONFIG)
    assert [each.name for each in made] == ["stretch", "noise"]
    assert (made[0].config.time, made[1].probability) == (1.5, 0.25)
    assert made[0].picture is CONFIG


@pytest.mark.parametrize(
    ("bands", "window_s", "hop_s", "low_hz", "high_hz"),
    [(8, 0.032, 0.01, 50.0, 16000.0), (200, 0.005, 0.005, 0.0, 8000.0), (64, 0.1, 0.01, 20.0, 2000.0)],
)
def test_any_picture_silence_and_clips_of_a_frame_are_taken(
    bands: int, window_s: float, hop_s: float, low_hz: float, high_hz: float
) -> None:
    config = PictureConfig(bands, low_hz, high_hz, window_s, hop_s)
    pictures, real = torch.randn(4, 30, bands).clamp_min(-2), torch.ones(4, 30).bool()
    real[2, 1:], real[3], pictures[1] = False, False, -2.0
    for name in NAMES:
        found = create_augmentation(name, config)(PictureBatch(pictures, real))
        assert bool(torch.isfinite(found.pictures).all()), name
        assert bool(found.real[:3].any(1).all()), name


@pytest.mark.parametrize("table", [{}, {"name": ["noise"]}, {"name": 3}, {"name": "noise", "picture": 3}])
def test_a_table_that_cannot_be_is_told_by_its_number(table: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="table 2"):
        create_augmentations([{"name": "noise"}, table], CONFIG)
