"""Measured SNR on sounds made for it: tones of known level in noise of known level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from tymbal.annotations import make_events
from tymbal.corpus import index
from tymbal.evaluation.detection import DetectionSettings, score_against_corpus
from tymbal.evaluation.detection.snr import measure_snr

RATE = 16_000
WANTED_DB = (-5.0, 0.0, 6.0, 12.0, 25.0)


@pytest.fixture(scope="module")
def sounding(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pl.DataFrame]:
    """A minute of white noise with five tones of half a second, and one event of nothing at all."""
    folder = tmp_path_factory.mktemp("snr")
    random = np.random.default_rng(0)
    samples = random.normal(0, 0.01, 60 * RATE)
    time_s = np.arange(RATE // 2) / RATE
    onsets = [5.0, 15.0, 25.0, 35.0, 45.0, 55.0]
    for onset, level in zip(onsets, WANTED_DB, strict=False):
        power = 0.01**2 * 10 ** (level / 10)
        samples[round(onset * RATE) :][: len(time_s)] += np.sqrt(2 * power) * np.sin(2 * np.pi * 3000 * time_s)
    (folder / "audio").mkdir()
    soundfile.write(folder / "audio" / "a.wav", samples, RATE, subtype="FLOAT")
    table = {"recording": ["a.wav"] * 6, "onset_s": onsets, "offset_s": [onset + 0.5 for onset in onsets]}
    return folder, make_events({**table, "label": ["x"] * 6})


def test_tones_in_noise_have_the_snr_they_were_made_with(sounding: tuple[Path, pl.DataFrame]) -> None:
    folder, events = sounding
    corpus = index(folder / "audio", out=folder / "corpus")
    values, failed = measure_snr(corpus, events)
    assert failed == ()
    assert values[:5] == pytest.approx(WANTED_DB, abs=1.5)
    assert values[5] < -8
    # in an octave around the tone there is an eighth of the noise, so 9 dB more
    banded = events.with_columns(low_hz=pl.lit(2500.0), high_hz=pl.lit(3500.0))
    assert measure_snr(corpus, banded)[0][:5] == pytest.approx(np.array(WANTED_DB) + 9.0, abs=1.5)


def test_what_cannot_be_measured_is_nan_and_what_cannot_be_read_is_listed(
    sounding: tuple[Path, pl.DataFrame],
) -> None:
    folder, events = sounding
    corpus = index(folder / "audio", out=folder / "corpus2")
    crowded = pl.concat(
        [events.head(1), events.head(1).with_columns(onset_s=pl.lit(0.0), offset_s=pl.lit(20.0), event_id=pl.lit("z"))]
    )
    assert np.isnan(measure_snr(corpus, crowded)[0][0])
    lost = pl.concat([events.head(1), events.head(1).with_columns(recording=pl.lit("gone.wav"))])
    values, failed = measure_snr(corpus, lost)
    assert np.isfinite(values[0])
    assert np.isnan(values[1])
    assert [name for name, _ in failed] == ["gone.wav"]
    assert np.isnan(measure_snr(corpus, events.head(1).with_columns(onset_s=None))[0][0])


def test_recall_by_measured_snr(sounding: tuple[Path, pl.DataFrame]) -> None:
    folder, events = sounding
    corpus = index(folder / "audio", out=folder / "corpus3")
    loud = events.head(5).tail(2).with_columns(score=pl.lit(0.9))
    found = score_against_corpus(
        corpus,
        loud,
        references=events,
        by_snr=True,
        metrics=("recall@0.5",),
        settings=DetectionSettings(minimum_iou=(0.5,)),
    )
    rows = found.strata.filter(pl.col("by") == "SNR").select("stratum", "references", "found").rows()
    assert rows[-2:] == [("10 to 20 dB", 1, 1), ("20 dB or more", 1, 1)]
    assert sum(row[1] for row in rows) == 6
    assert sum(row[2] for row in rows) == 2
