from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from tests.probes.finetuning.conftest import RATE_HZ, build

from tymbal.corpus import Corpus
from tymbal.encoders.spectral import SpectralEncoder
from tymbal.errors import EncoderError, RecordingChangedError
from tymbal.probes.finetuning import EventSounds
from tymbal.units import FrameGrid


@pytest.fixture
def sounds(long: tuple[Corpus, pl.DataFrame]) -> EventSounds:
    corpus, events = long
    return EventSounds(corpus, events, build("hubert"), segment_s=0.5)


def test_windows_are_segments(sounds: EventSounds) -> None:
    bounds = [[(each.window.start, each.window.end) for each in sounds.windows(row)] for row in range(len(sounds))]
    half = RATE_HZ // 2
    assert bounds[0] == [(0, half)]
    assert bounds[1] == [(0, half), (half, 2 * half)]
    assert bounds[2] == [(number * half, (number + 1) * half) for number in range(3)]
    assert bounds[5] == [(3 * half, int(1.73 * RATE_HZ))]
    assert len(bounds[6]) == 4
    assert sounds.windows(0)[0] == sounds.windows(0)[0]
    assert sounds.windows(0)[0].sound is sounds.windows(0)[0].sound


def test_training_hears_short_events_whole_and_a_share_of_long_ones(sounds: EventSounds) -> None:
    torch.manual_seed(0)
    assert [each.key for each in sounds.drawn(1)] == [each.key for each in sounds.windows(1)]
    drawn = [sounds.drawn(2) for _ in range(300)]  # 0.3 to 1.2 s: 0.2, 0.5 and 0.2 s of three segments
    assert all(len(each) == 1 for each in drawn)
    counts = np.bincount([each[0].key[2] for each in drawn], minlength=3) / 300
    np.testing.assert_allclose(counts, np.array([0.2, 0.5, 0.2]) / 0.9, atol=0.08)
    spans = {(each[0].onset_s, each[0].offset_s) for each in drawn}
    assert spans == {(0.3, 0.5), (0.5, 1.0), (1.0, 1.2)}


def test_an_event_that_ends_with_its_recording_has_the_frames_behind(sounds: EventSounds) -> None:
    grid = FrameGrid(0.01, 0.0, 0.02)  # one frame more than hops: the last is centred where the sound ends
    last, whole = sounds.windows(5)[-1], sounds.windows(0)[-1]
    assert last.frames(grid, 24)[0] == slice(10, 24)  # 1.60 to 1.73 s of a segment that begins at 1.50 s
    assert whole.frames(grid, 51)[0] == slice(10, 31)


def test_taking_keeps_the_numbers_of_events(sounds: EventSounds) -> None:
    some = sounds.take([5, 2])
    assert some.rows == [5, 2]
    assert len(some) == 2
    assert some.windows(0)[0].key == sounds.windows(5)[0].key


def test_a_file_that_changed_is_told(long: tuple[Corpus, pl.DataFrame], sounds: EventSounds) -> None:
    place = sounds.places[0]
    place.check()
    with pytest.raises(RecordingChangedError, match="not the one that was indexed"):
        type(place)(**{**place.__dict__, "size_bytes": 3}).check()


def test_a_rate_is_needed(long: tuple[Corpus, pl.DataFrame]) -> None:
    with pytest.raises(EncoderError, match="any rate"):
        EventSounds(long[0], long[1], SpectralEncoder.tiny())
