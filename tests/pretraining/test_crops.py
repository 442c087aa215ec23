"""Crops: where they are drawn, what they hold, which labels they carry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tymbal.pretraining.crops import Crops
from tymbal.pretraining.sources import SourceConfig, labels_of, open_source
from tymbal.pretraining.stored import LAYER, StoredSource


def opened(root: Path, **config: object) -> StoredSource:
    source = open_source(SourceConfig(store="store", **config), root)  # type: ignore[arg-type]
    assert isinstance(source, StoredSource)
    return source


def test_crops_are_rows_of_the_store_and_repeat_with_the_generator(pictures: Path) -> None:
    source = opened(pictures)
    assert source.hours == pytest.approx(16 / 3600)
    crops = Crops([source], frames=50, examples=30)
    torch.manual_seed(1)
    first = crops.batch(torch.arange(30))
    torch.manual_seed(1)
    again = crops.batch(torch.arange(30))
    assert torch.equal(first.pictures, again.pictures)
    assert first.labels is None
    assert bool(first.real.all())
    everything = source.store.read_range(LAYER, 0, source.store.rows(LAYER)).astype(np.float32)
    at = {row.tobytes(): number for number, row in enumerate(everything)}
    starts = set()
    for crop in first.pictures.numpy():
        start = at[crop[0].tobytes()]
        np.testing.assert_array_equal(crop, everything[start : start + 50])
        starts.add(start)
        assert start // 200 == (start + 49) // 200  # no crop crosses two recordings
    assert len(starts) > 20


def test_crops_longer_than_a_recording_are_filled_up_and_masked(pictures: Path) -> None:
    batch = Crops([opened(pictures)], frames=300, examples=4).batch(torch.arange(4))
    assert batch.real.sum(1).tolist() == [200] * 4
    assert bool((batch.pictures[:, 200:] == 0).all())


def test_labels_are_those_of_the_events_that_a_crop_holds_enough_of(pictures: Path) -> None:
    source = opened(pictures, corpus="corpus")
    labels = labels_of([source])
    assert labels == ("high", "low")
    crops = Crops([source], frames=40, examples=200, labels=labels)
    torch.manual_seed(0)
    pictures_, _, told = crops.batch(torch.arange(200))
    assert told is not None
    assert set(map(tuple, told.tolist())) <= {(1.0, 0.0), (0.0, 1.0)}  # 0.4 s: never both
    assert 60 < int(told[:, 0].sum()) < 140
    # A high tone has its power in the upper bands: the label is that of what is heard.
    upper, lower = (pictures_[:, :, part].amax((1, 2)) for part in (slice(10, 16), slice(0, 6)))
    assert torch.equal(upper > lower, told[:, 0] == 1)


def test_weights_share_out_an_epoch(pictures: Path) -> None:
    two = [opened(pictures, weight=3.0), opened(pictures)]
    crops = Crops(two, frames=20, examples=100)
    assert len(crops) == 100
    assert crops.ends.tolist() == [75, 100]


def test_each_of_several_processes_draws_crops_of_its_own(pictures: Path) -> None:
    """All start from one generator: with the same draws they would train on the same crops."""
    source, found, rest = opened(pictures), [], []
    for rank in range(2):
        torch.manual_seed(0)
        crops = Crops([source], frames=50, examples=30, replica=(rank, 2))
        found.append(crops.batch(torch.arange(rank, 16, 2)).pictures)
        rest.append(float(torch.rand(())))
    assert not torch.equal(*found)
    assert rest[0] == rest[1]  # the shared generator goes on alike, whatever each has drawn
