"""Two animals, a microphone each, and each voice also in the other's: whose is whose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from tests.detection.conftest import RATE, SMALL

from tymbal.corpus import Corpus, index
from tymbal.detection import Detector, NetworkConfig, detect_channels, evaluate, run_detector
from tymbal.encoders.spectral import SpectralEncoder
from tymbal.errors import DataError
from tymbal.features import FeatureStore, embed

SECONDS, CALLS, LEAK = 20.0, 24, 10 ** (-10 / 20)
TRAINED, HELD = 5, 3


def two_voices(seed: int) -> tuple[np.ndarray, list[dict[str, object]]]:
    """(samples, 2) and a row per call: either voice calls whenever it likes, at any pitch and within 16 dB."""
    random = np.random.default_rng(seed)
    own = np.zeros((2, round(SECONDS * RATE)))
    rows: list[dict[str, object]] = []
    for channel in range(2):
        free = 0.2
        for _ in range(CALLS):
            onset = free + random.uniform(0.05, 0.7)
            duration = random.uniform(0.1, 0.3)
            free = onset + duration
            if free > SECONDS - 0.2:
                break
            first, stop = round(onset * RATE), round(free * RATE)
            loud = 0.2 * 10 ** (-random.uniform(0, 16) / 20)
            own[channel, first:stop] += loud * np.sin(
                2 * np.pi * random.uniform(500, 3500) * np.arange(stop - first) / RATE
            )
            rows.append({"channel": channel + 1, "begin_time_s": onset, "end_time_s": free, "label": "call"})
    heard = own + LEAK * own[::-1] + 0.002 * random.normal(size=own.shape)
    return heard.T.astype(np.float32), rows


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, FeatureStore]:
    root = tmp_path_factory.mktemp("pairs")
    (root / "sounds").mkdir()
    rows: list[dict[str, object]] = []
    for number in range(TRAINED + HELD):
        sound, own = two_voices(number)
        soundfile.write(root / "sounds" / f"{number}.wav", sound, RATE)
        rows += [{"recording": f"{number}.wav", **row} for row in own]
    pl.DataFrame(rows).write_csv(root / "events.csv")
    corpus = index(
        root / "sounds", out=root / "corpus", annotations=[root / "events.csv"], coverage="complete", workers=1
    )
    store = embed(corpus, SpectralEncoder.tiny(), root / "store", layers=["log_mel"], segment_s=5.0, channels="each")
    return corpus, store


def trained(pairs: tuple[Corpus, FeatureStore], *, stereo: bool, epochs: int = 24) -> Detector:
    config = replace(
        SMALL,
        stereo=stereo,
        classes=False,
        network=NetworkConfig(width=24, dilations=(1, 2, 4), dropout=0.0),
        training=replace(SMALL.training, epochs=epochs),
    )
    return Detector(config).fit(pairs[1], pairs[0], recordings=[f"{number}.wav" for number in range(TRAINED)])


def right_share(corpus: Corpus, found: pl.DataFrame) -> float:
    """Of the detections that fit a call of either voice, the share told at the channel of a call that they fit."""
    right, wrong = 0, 0
    for recording, channel, onset, offset in found.select("recording", "channel", "onset_s", "offset_s").iter_rows():
        calls = corpus.events.filter(pl.col("recording") == recording)
        shared = np.minimum(calls["offset_s"], offset) - np.maximum(calls["onset_s"], onset)
        whole = np.maximum(calls["offset_s"], offset) - np.minimum(calls["onset_s"], onset)
        fits = calls.filter(pl.Series(shared / whole > 0.5))["channel"].to_list()
        right += channel in fits
        wrong += bool(fits) and channel not in fits
    return right / (right + wrong)


@pytest.fixture(scope="module")
def stereo(pairs: tuple[Corpus, FeatureStore]) -> Detector:
    """A detector that has learned next to nothing: enough where only the way of the numbers matters."""
    return trained(pairs, stereo=True, epochs=1)


@pytest.mark.full
def test_both_channels_in_view_tell_whose_call_it_is(pairs: tuple[Corpus, FeatureStore]) -> None:
    stereo, alone = (trained(pairs, stereo=both) for both in (True, False))
    held = [f"{number}.wav" for number in range(TRAINED, TRAINED + HELD)]
    shares = [right_share(pairs[0], each.predict(pairs[1], recordings=held)) for each in (stereo, alone)]
    print(shares, end=" ")
    assert shares[0] > 0.95
    assert shares[1] < 0.9
    encoder = SpectralEncoder.tiny()
    wanted = {"recordings": held, "metrics": ["f1@0.5"], "channels": "each"}
    f1 = [evaluate(each, encoder, pairs[0], **wanted).estimates["f1@0.5"] for each in (stereo, alone)]
    print([each.value for each in f1])
    assert f1[0].value > f1[1].value + 0.1
    assert f1[0].value > 0.8


def test_sound_gives_what_the_store_gives_and_the_file_keeps_it(
    pairs: tuple[Corpus, FeatureStore], stereo: Detector, tmp_path: Path
) -> None:
    loaded = Detector.load(stereo.save(tmp_path / "pairs.detector"))
    assert (loaded.channels_, loaded.config.stereo) == (2, True)
    folder = pairs[0].file("5.wav").parent
    found = run_detector(loaded, SpectralEncoder.tiny(), folder, tmp_path / "out", threshold=0.0)
    assert found.events.equals(stereo.predict(pairs[1], all=True))
    assert set(found.events["channel"]) == {1, 2}


def test_other_numbers_of_channels_and_events_without_are_told(
    pairs: tuple[Corpus, FeatureStore], stereo: Detector, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "one.wav", np.zeros(RATE, dtype=np.float32), RATE)
    with pytest.raises(DataError, match="1 channel"):
        detect_channels(stereo, SpectralEncoder.tiny(), tmp_path / "one.wav")
    tables = [tmp_path / "one.csv"]
    tables[0].write_text("recording,begin_time_s,end_time_s,channel,label\none.wav,0.1,0.2,1,call\n")
    single = index(tmp_path, out=tmp_path / "single", annotations=tables, coverage="complete", workers=1)
    only = embed(single, SpectralEncoder.tiny(), tmp_path / "only", layers=["log_mel"], channels="each")
    with pytest.raises(DataError, match="has one channel, and none beside it"):
        Detector(SMALL, stereo=True).fit(only, single)
    corpus, store = pairs
    events = corpus.events.select("recording", begin_time_s="onset_s", end_time_s="offset_s", label="label")
    events.write_csv(tmp_path / "events.csv")
    sounds = corpus.file("0.wav").parent
    tables = [tmp_path / "events.csv"]
    silent = index(sounds, out=tmp_path / "silent", annotations=tables, coverage="complete", workers=1)
    with pytest.raises(DataError, match="say no channel"):
        Detector(SMALL, stereo=True).fit(store, silent)
    mixed = embed(corpus, SpectralEncoder.tiny(), tmp_path / "mixed", layers=["log_mel"], channels="mix")
    with pytest.raises(DataError, match="mix of its channels"):
        Detector(SMALL, stereo=True).fit(mixed, corpus)
