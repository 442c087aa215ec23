from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
import soxr
from numpy.typing import NDArray
from tests.corpus.conftest import write_sound
from tests.reference.corpus import votes

from tymbal.corpus import Corpus, audit, index
from tymbal.corpus.auditing import duplicates
from tymbal.corpus.auditing.duplicates import Duplicate, candidates, find_duplicates, likeness
from tymbal.corpus.auditing.listen import measures
from tymbal.jobs import Silent


def song(seed: int, seconds: float = 3.0, rate: int = 16000) -> NDArray[np.float64]:
    """Chirps at random times and pitches over faint noise: different for every seed."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    sound = 0.003 * rng.standard_normal(len(time))
    for start in rng.uniform(0, seconds - 0.2, round(5 * seconds)):
        inside = (time >= start) & (time < start + 0.15)
        along = time[inside] - start
        pitch = rng.uniform(800, 4000) + rng.uniform(-8000, 8000) * along
        sound[inside] += 0.2 * np.sin(2 * np.pi * pitch * along) * np.hanning(inside.sum())
    return np.clip(sound, -1, 1)


def find(root: Path, out: Path) -> tuple[Corpus, list[Duplicate]]:
    corpus = index(root, out=out, workers=1)
    durations = dict(zip(corpus.recordings["recording"], corpus.recordings["duration_s"], strict=True))
    found, failures = find_duplicates(measures(corpus)[0], durations, corpus.root)
    assert failures == []
    return corpus, found


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    root = tmp_path / "sounds"
    root.mkdir()
    for seed in range(6):
        soundfile.write(root / f"song{seed}.flac", song(seed), 16000, subtype="PCM_16")
    one = soundfile.read(root / "song0.flac", dtype="int16")[0]
    soundfile.write(root / "same_bytes.flac", one, 16000, subtype="PCM_16")
    soundfile.write(root / "same_samples.wav", one, 16000, subtype="PCM_16")
    soundfile.write(root / "lossy.ogg", song(1), 16000, subtype="VORBIS")
    soundfile.write(root / "quiet.flac", 0.1 * song(2), 16000, subtype="PCM_16")
    soundfile.write(root / "later.flac", np.concatenate([np.zeros(1234), song(3)]), 16000, subtype="PCM_16")
    soundfile.write(root / "excerpt.ogg", song(4)[16000:32000], 16000, subtype="VORBIS")
    soundfile.write(root / "slower_rate.flac", soxr.resample(song(5), 16000, 11025), 11025, subtype="PCM_16")
    return root


def test_every_kind_of_copy_is_found_and_nothing_else(copies: Path, tmp_path: Path) -> None:
    _, found = find(copies, tmp_path / "c")
    pairs = {tuple(sorted((each.first, each.second))): each for each in found}
    assert set(pairs) == {
        ("same_bytes.flac", "same_samples.wav"),
        ("same_bytes.flac", "song0.flac"),
        ("lossy.ogg", "song1.flac"),
        ("quiet.flac", "song2.flac"),
        ("later.flac", "song3.flac"),
        ("excerpt.ogg", "song4.flac"),
        ("slower_rate.flac", "song5.flac"),
    }
    assert pairs["same_bytes.flac", "song0.flac"].kind == "file"
    assert pairs["same_bytes.flac", "same_samples.wav"].kind == "samples"
    excerpt = pairs["excerpt.ogg", "song4.flac"]
    assert excerpt.overlap_s == pytest.approx(1.0, abs=0.02)
    assert excerpt.lag_s == pytest.approx(-1.0, abs=0.02)  # song4 began 1 s before the excerpt
    assert pairs["later.flac", "song3.flac"].lag_s == pytest.approx(1234 / 16000, abs=0.02)
    assert all(each.likeness > 0.8 for each in found)


def test_silence_is_no_copy_of_silence(tmp_path: Path) -> None:
    for name in ("a.wav", "b.flac"):
        write_sound(tmp_path / "s" / name, gain=0.0)
    assert find(tmp_path / "s", tmp_path / "c")[1] == []


def test_candidates_are_what_comparing_all_pairs_gives() -> None:
    rng = np.random.default_rng(0)
    marks = {f"r{n}": (rng.integers(0, 60, 12).tolist(), np.sort(rng.integers(0, 40, 12)).tolist()) for n in range(5)}
    shared = rng.integers(1000, 9000, 15).tolist()
    for name, shift in (("r1", 0), ("r4", 7)):
        values, frames = marks[name]
        marks[name] = (values + shared, frames + [place + shift for place in range(100, 115)])
    table = pl.DataFrame(
        {
            "recording": list(marks),
            "landmarks": [v for v, _ in marks.values()],
            "landmark_frames": [f for _, f in marks.values()],
        },
        schema_overrides={"landmarks": pl.List(pl.UInt32), "landmark_frames": pl.List(pl.UInt32)},
    )
    best = candidates(table)[0]
    assert (best.first, best.second) == ("r1", "r4")
    slow = votes(marks["r1"], marks["r4"])
    lag = max(slow, key=lambda each: slow[each])
    assert lag == -7
    assert best.lag_s == pytest.approx(lag * duplicates.HOP_S)
    assert best.votes == sum(slow.get(lag + near, 0) for near in (-1, 0, 1))
    assert best.around_s == pytest.approx(107 * duplicates.HOP_S, abs=0.02)
    assert candidates(table[:1].with_columns(landmarks=pl.lit([], dtype=pl.List(pl.UInt32)))) == []


def test_likeness_ignores_gain_sign_and_hum_and_knows_strangers() -> None:
    rng = np.random.default_rng(1)
    one = rng.standard_normal(4000)
    inside = -0.01 * np.concatenate([rng.standard_normal(100), one, rng.standard_normal(100)]).astype(np.float32)
    assert likeness(one.astype(np.float32), inside, 8000) == pytest.approx(1, abs=0.02)
    other = rng.standard_normal(4200)
    assert likeness(one.astype(np.float32), other.astype(np.float32), 8000) < 0.2
    hum = 10 * np.sin(2 * np.pi * 50 * np.arange(4200) / 8000)
    assert likeness((one + hum[:4000]).astype(np.float32), (other + hum).astype(np.float32), 8000) < 0.3
    assert likeness(np.zeros(4000, np.float32), inside, 8000) == 0


def test_work_grows_with_recordings_not_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """All recordings share the same landmarks at other times: the worst case stays within NEIGHBOURS pairs each."""
    rng = np.random.default_rng(2)
    count = 300
    table = pl.DataFrame(
        {
            "recording": [f"r{n:03d}" for n in range(count)],
            "landmarks": [list(range(40))] * count,
            "landmark_frames": [np.sort(rng.integers(0, 60, 40)).tolist() for _ in range(count)],
        },
        schema_overrides={"landmarks": pl.List(pl.UInt32), "landmark_frames": pl.List(pl.UInt32)},
    )
    found = candidates(table)
    assert len(found) <= count * duplicates.BEST_PAIRS


def test_the_search_tells_how_far_it_is(copies: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    class Log(Silent):
        def start(self, title: str, total: int, *, resumed: int = 0) -> None:
            told.append((title, total, 0))

        def advance(self, items: int, *, audio_s: float = 0.0, failures: int = 0) -> None:
            title, total, done = told.pop()
            told.append((title, total, done + items))

    corpus = index(copies, out=tmp_path / "c", workers=1)
    audit(corpus, progress=Log())
    assert [title for title, _, _ in told] == [
        "audit: listening",
        "audit: looking for likely copies",
        "audit: comparing likely copies",
    ]
    assert all(done == total > 0 for _, total, done in told)


def test_a_recording_that_is_gone_stops_nothing(copies: Path, tmp_path: Path) -> None:
    corpus = index(copies, out=tmp_path / "c", workers=1)
    whole = audit(corpus)
    (copies / "lossy.ogg").unlink()
    findings = {found.code: found for found in audit(corpus)}
    assert "lossy.ogg and song1.flac" in findings["not_compared"].message
    before = {found.code: found.details["pairs"] for found in whole}
    assert len(findings["near_duplicates"].details["pairs"]) == len(before["near_duplicates"]) - 1
