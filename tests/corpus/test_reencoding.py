"""One format for all: places and names kept, the codec's mark on every recording, work resumed, bad files listed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from tymbal.audio import AudioReader, read
from tymbal.corpus import index, reencode
from tymbal.corpus.reencoding import BLOCK, CODECS, recode
from tymbal.errors import NothingDoneError, UsageError

RATE = 24_000


def noise(seed: int, seconds: float = 4.0) -> np.ndarray:
    """Noise of -40 dB with a click of a tone at 1 s."""
    sound = 0.01 * np.random.default_rng(seed).normal(size=round(seconds * RATE))
    sound[RATE : RATE + 480] += 0.3 * np.sin(2 * np.pi * 900 * np.arange(480) / RATE)
    return sound.astype(np.float32)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """The confound in small: what has calls is lossless, what has none is Vorbis; and one file that is no sound."""
    root = tmp_path / "mixed"
    (root / "deep").mkdir(parents=True)
    for number in range(2):
        soundfile.write(root / f"call{number}.wav", noise(number), RATE, subtype="PCM_24")
        soundfile.write(root / "deep" / f"none{number}.ogg", noise(10 + number), RATE)
    stereo = np.stack([noise(20), 0 * noise(20)], axis=1)
    soundfile.write(root / "stereo.flac", stereo, 2 * RATE)
    (root / "broken.wav").write_bytes(b"RIFF" + bytes(60))
    return root


def test_all_end_in_one_format_and_bad_files_are_listed(mixed: Path, tmp_path: Path) -> None:
    done = reencode(mixed, tmp_path / "out")
    assert done.sample_rate_hz == RATE  # the lowest
    assert done.names == ("call0.flac", "call1.flac", "deep/none0.flac", "deep/none1.flac", "stereo.flac")
    assert [failure.item for failure in done.failures] == ["broken.wav"]
    assert any("mixed to one" in note for note in done.notes)
    assert any("some were lossless" in note for note in done.notes)
    for name in done.names:
        told = soundfile.info(tmp_path / "out" / name)
        assert (told.format, told.subtype, told.samplerate, told.channels) == ("FLAC", "PCM_16", RATE, 1)
    assert not list((tmp_path / "out").rglob("*.tymbal-tmp"))


@pytest.mark.parametrize("codec", list(CODECS))
@pytest.mark.parametrize("samples", [100, BLOCK, 3 * BLOCK + 7])
def test_every_sample_keeps_its_place(codec: str, samples: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    sound = (0.2 * np.convolve(rng.normal(size=samples + 31), np.ones(32) / 8, "valid")).clip(-1, 1)  # low frequencies
    soundfile.write(tmp_path / "in.wav", sound, RATE, subtype="FLOAT")
    with AudioReader(tmp_path / "in.wav") as reader:
        recode(reader, tmp_path / "out.flac", CODECS[codec])
    found = read(tmp_path / "out.flac").samples
    assert len(found) == samples
    if codec == "none":
        np.testing.assert_allclose(found, sound, atol=0.5001 / 2**15)
    elif samples > 1000:
        middle = slice(2000, samples - 2000)  # a shift by one sample would leave less
        assert np.corrcoef(found[middle], sound[middle])[0, 1] > 0.985


def test_what_told_lossless_from_vorbis_is_gone_under_noise(tmp_path: Path) -> None:
    # The same sound lossless and as Ogg: far apart in fine detail before, alike by comparison after.
    root = tmp_path / "twins"
    root.mkdir()
    hertz = np.fft.rfftfreq(8 * RATE, 1 / RATE)  # wind: what it leaves of the upper bands the codec drops
    wind = np.fft.irfft(np.fft.rfft(noise(5, 8.0)) / (1 + hertz / 300) ** 3)
    sound = 0.1 * wind / wind.std()
    soundfile.write(root / "lossless.wav", sound, RATE, subtype="PCM_16")
    soundfile.write(root / "coded.ogg", sound, RATE)

    def quiet_cells(path: Path) -> float:
        """Share of spectral cells that a codec has emptied: 20 dB and more under the median of their band."""
        samples = read(path).samples
        cut = np.lib.stride_tricks.sliding_window_view(samples, 512)[::256] * np.hanning(512)
        level = 20 * np.log10(np.abs(np.fft.rfft(cut)) + 1e-9)
        return float((level < np.median(level, axis=0) - 20).mean())

    before = quiet_cells(root / "coded.ogg") - quiet_cells(root / "lossless.wav")

    def gap(noise_db: float | None) -> float:
        out = reencode(root, tmp_path / f"out{noise_db}", noise_db=noise_db).path
        return abs(quiet_cells(out / "coded.flac") - quiet_cells(out / "lossless.flac"))

    assert before > 0.05
    assert gap(20.0) < 0.02 * before
    assert gap(20.0) < gap(None)


def test_noise_is_as_loud_as_asked_and_the_same_again(tmp_path: Path) -> None:
    root = tmp_path / "sounds"
    root.mkdir()
    sound = (0.2 * np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE)).astype(np.float32)
    for name in ("a", "b"):
        soundfile.write(root / f"{name}.wav", sound, RATE, subtype="FLOAT")
    out = reencode(root, tmp_path / "out", codec="none", noise_db=20.0).path
    left = [read(out / f"{name}.flac").samples - sound for name in ("a", "b")]
    assert 20 * np.log10(left[0].std() / sound.std()) == pytest.approx(-20, abs=0.1)
    assert abs(np.corrcoef(left)[0, 1]) < 0.02  # every recording its own
    again = reencode(root, tmp_path / "again", codec="none", noise_db=20.0).path
    assert (again / "a.flac").read_bytes() == (out / "a.flac").read_bytes()


def test_same_bytes_again_and_nothing_made_twice(mixed: Path, tmp_path: Path) -> None:
    first = reencode(mixed, tmp_path / "a")
    reencode(mixed, tmp_path / "b", workers=2)
    for name in first.names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    kept = tmp_path / "a" / "call0.flac"
    (tmp_path / "a" / "call1.flac").unlink()  # as if killed before it
    os.utime(mixed / "deep" / "none0.ogg")  # the source has changed
    stamps = {name: (tmp_path / "a" / name).stat().st_mtime_ns for name in ("call0.flac", "deep/none0.flac")}
    assert reencode(mixed, tmp_path / "a").names == first.names
    assert kept.stat().st_mtime_ns == stamps["call0.flac"]
    assert (tmp_path / "a" / "deep" / "none0.flac").stat().st_mtime_ns > stamps["deep/none0.flac"]


def test_tables_still_fit_and_events_keep_their_times(mixed: Path, tmp_path: Path) -> None:
    pl.DataFrame(
        {"recording": ["call0.wav", "deep/none0.ogg"], "begin_time_s": [1.0, 2.0], "end_time_s": [1.02, 2.5]}
    ).write_csv(tmp_path / "events.csv")
    out = reencode(mixed, tmp_path / "out").path
    corpus = index(out, out=tmp_path / "corpus", annotations=tmp_path / "events.csv")
    assert corpus.events.select("recording", "onset_s").rows() == [("call0.flac", 1.0), ("deep/none0.flac", 2.0)]
    assert corpus.recordings["codec"].n_unique() == 1


def test_what_cannot_be_is_refused(mixed: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown codec"):
        reencode(mixed, tmp_path / "out", codec="nope")
    with pytest.raises(UsageError, match="noise -3 dB"):
        reencode(mixed, tmp_path / "out", noise_db=-3)
    with pytest.raises(UsageError, match="cannot code 250000 Hz"):
        reencode(mixed, tmp_path / "out", sample_rate_hz=250_000)  # libsndfile would crash
    with pytest.raises(UsageError, match="among the recordings"):
        reencode(mixed, mixed / "out")
    reencode(mixed, tmp_path / "out", sample_rate_hz=8000)
    with pytest.raises(UsageError, match="another codec, rate or noise"):
        reencode(mixed, tmp_path / "out")
    (mixed / "call0.flac").write_bytes((mixed / "stereo.flac").read_bytes())
    with pytest.raises(UsageError, match=r"both become call0\.flac"):
        reencode(mixed, tmp_path / "other")
    broken = tmp_path / "only"
    broken.mkdir()
    (broken / "a.wav").write_bytes(b"nothing")
    with pytest.raises(NothingDoneError, match="no recording that can be read"):
        reencode(broken, tmp_path / "third")
