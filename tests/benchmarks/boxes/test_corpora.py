"""Whatever clock recordings and tables come on, events lie on their sounds, native or slowed as asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from tests.benchmarks.boxes import replicas
from tests.benchmarks.boxes.test_checks import slowed_sound

from tymbal.benchmarks import verify
from tymbal.benchmarks.boxes.corpora import BoxCorpus, relabel, to_box_corpus
from tymbal.benchmarks.boxes.layout import BoxContents, BoxSet
from tymbal.errors import AudioError


def prepared(data: Path, described: BoxSet, slowed: bool) -> BoxCorpus:
    contents = verify(data, described).contents
    assert isinstance(contents, BoxContents)
    return to_box_corpus(described, contents, data / "out", slowed=slowed)


def on_their_sounds(made: BoxCorpus) -> bool:
    """Whether every event is loud from its onset to its offset, and quiet just before and after."""
    for recording, events in made.events.group_by("recording"):
        sound, rate = soundfile.read(made.root / str(recording[0]))
        level = np.abs(sound)
        for onset, offset in events.select("onset_s", "offset_s").iter_rows():
            length = offset - onset
            first, last = (round((at + sign * length / 20) * rate) for at, sign in ((onset, 1), (offset, -1)))
            before = level[max(0, first - round(length * rate / 5)) : first - round(length * rate / 10)]
            if level[first:last].mean() < 0.1 or before.mean() > 0.05:
                return False
    return True


@pytest.mark.parametrize("slowed", [False, True], ids=["native", "slowed"])
@pytest.mark.parametrize(("name", "lies"), [("OZF", "native"), ("Katy", "slowed"), ("BV10", "torn")])
def test_events_lie_on_their_sounds(name: str, lies: str, slowed: bool, tmp_path: Path) -> None:
    written = replicas.make(tmp_path, name)
    if lies == "torn":
        slowed_sound(written)
    factor = written.described.slowed
    made = prepared(tmp_path, written.described, slowed)
    assert on_their_sounds(made)
    wanted_rate = replicas.RATE // factor if slowed else replicas.RATE
    assert made.recordings["sample_rate_hz"].to_list() == pytest.approx(
        [wanted_rate] * made.recordings.height, abs=factor
    )
    copied = made.root.parent == tmp_path / "out"
    assert copied == (lies != ("slowed" if slowed else "native") and not (lies == "torn" and slowed))
    spans = made.corpus.coverage
    assert spans.height == made.recordings.height
    assert made.corpus.schemes == ["official"]
    assert f"run {'slowed' if slowed else 'native'}" in made.clock
    high = made.events["high_hz"].max()
    assert high == pytest.approx(1900 / (factor if slowed else 1), rel=0.02)


def test_a_copy_has_the_same_samples(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, (5000, 2))
    for kind, subtype in (("wav", "PCM_24"), ("flac", "PCM_16"), ("wav", "FLOAT")):
        source, target = tmp_path / f"{subtype}.{kind}", tmp_path / f"copies/{subtype}.{kind}"
        soundfile.write(source, sound, 8000, subtype=subtype)
        relabel(source, target, 16000)
        assert soundfile.info(target).samplerate == 16000
        assert np.array_equal(soundfile.read(target)[0], soundfile.read(source)[0])
        before = target.stat().st_mtime_ns
        relabel(source, target, 16000)  # what is there is kept
        assert target.stat().st_mtime_ns == before
    (tmp_path / "broken.wav").write_bytes(b"RIFF....")
    with pytest.raises(AudioError, match=r"broken.wav: cannot be copied with 16000 Hz"):
        relabel(tmp_path / "broken.wav", tmp_path / "copies/broken.wav", 16000)
    assert not (tmp_path / "copies/broken.wav").exists()


def test_other_recordings_of_the_folder_are_none_of_the_set(tmp_path: Path) -> None:
    written = replicas.make(tmp_path, "HbW")
    soundfile.write(written.folder / "audio/other.wav", np.zeros(4000), 4000)
    made = prepared(tmp_path, replace(written.described), False)
    assert "audio/other.wav" not in made.recordings["recording"]
    assert made.recordings.height == 7
    assert made.events.filter(pl.col("recording") == "audio/other.wav").is_empty()
