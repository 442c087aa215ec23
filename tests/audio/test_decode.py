"""Every odd file behaves as its manifest says; every container is random access to the sample."""

from __future__ import annotations

import csv
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.conftest import DATA

from tymbal.audio import AudioReader, examine, probe, read, resample
from tymbal.errors import AudioError, UsageError

Odd = Callable[[str], Path]


def _rows(table: Path) -> list[dict[str, str]]:
    if not table.exists():  # the fixtures skip, or fail under CI, with the reason
        return []
    with open(table, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ODD = _rows(DATA / "broken" / "manifest.csv")
FORMATS = _rows(DATA / "audio_formats" / "recordings.csv")

# Where the manifest's truth is not what can be read; each argued in docs/decisions/0004-odd-audio-files.md.
READABLE = {
    "generated/header/truncated_mid_sample.wav": 4000,  # 8001 bytes of 16-bit mono are 4000 samples, not 2000
    "generated/compressed/truncated.flac": 28672,  # 64000 is what the header promises; 7 whole frames are there
}
# Faults that suspect files must name, at least this one of them; codes not listed here need only be some fault.
CODES = {
    "generated/compressed/chained.ogg": "chained",
    "generated/compressed/corrupt_middle.flac": "damaged",
    "generated/compressed/corrupt_page.ogg": "damaged",
    "generated/compressed/garbage_in_front.mp3": "leading_bytes",
    "generated/compressed/leading_id3.flac": "leading_tag",
    "generated/compressed/md5_wrong.flac": "md5",
    "generated/compressed/total_samples_unknown.flac": "length_unknown",
    "generated/compressed/truncated.flac": "truncated",
    "generated/compressed/truncated.mp3": "truncated",
    "generated/compressed/truncated.ogg": "truncated",
    "generated/header/bits_17.wav": "odd_bits",
    "generated/header/block_align_zero.wav": "block_align",
    "generated/header/both_sizes_zero.wav": "data_size_zero",
    "generated/header/byte_rate_wrong.wav": "byte_rate",
    "generated/header/channels_2_align_2.wav": "block_align",
    "generated/header/crlf_mangled.wav": "text_mode",
    "generated/header/data_size_3gb.wav": "truncated",
    "generated/header/data_size_double.wav": "truncated",
    "generated/header/data_size_ffffffff.wav": "size_unknown",
    "generated/header/data_size_half.wav": "trailing_bytes",
    "generated/header/data_size_plus_one.wav": "truncated",
    "generated/header/data_size_zero.wav": "data_size_zero",
    "generated/header/odd_length_data_unpadded.wav": "missing_pad",
    "generated/header/rf64_size_lies.wav": "truncated",
    "generated/header/riff_size_ffffffff.wav": "riff_size",
    "generated/header/riff_size_too_small.wav": "riff_size",
    "generated/header/riff_size_zero.wav": "riff_size",
    "generated/header/trailing_garbage.wav": "trailing_bytes",
    "generated/header/truncated_24bit.wav": "truncated",
    "generated/header/truncated_mid_sample.wav": "truncated",
    "generated/header/truncated_stereo_odd.wav": "truncated",
    "generated/header/two_data_chunks.wav": "two_data_chunks",
    "generated/header/two_fmt_chunks.wav": "two_fmt_chunks",
    "generated/header/two_wavs_joined.wav": "joined",
    "generated/metadata/audiomoth_comment_bad_date.wav": "bad_date",
    "generated/metadata/guano_empty.wav": "guano_empty",
    "generated/metadata/guano_garbage_lines.wav": "guano_lines",
    "generated/metadata/guano_not_utf8.wav": "guano_encoding",
    "generated/metadata/guano_rate_disagrees.wav": "guano_rate",
    "generated/metadata/guano_truncated_chunk.wav": "chunk_overrun",
    "generated/metadata/list_size_lies.wav": "chunk_overrun",
    "generated/metadata/wamd_bad_lengths.wav": "wamd_length",
    "generated/name/flac_named.wav": "extension",
    "generated/name/mp3_named.wav": "extension",
    "generated/name/ogg_named.wav": "extension",
    "generated/name/wav_named.flac": "extension",
    "generated/name/wav_named.mp3": "extension",
    "generated/samples/all_zeros.wav": "all_zeros",
    "generated/samples/clipped_full_scale.wav": "clipped",
    "generated/samples/constant_dc.wav": "constant",
    "generated/samples/dc_offset.wav": "dc_offset",
    "generated/samples/double_nan_stretch.wav": "nan_samples",
    "generated/samples/dropout_zeros_in_middle.wav": "dropout",
    "generated/samples/float_all_inf.wav": "nan_samples",
    "generated/samples/float_all_nan.wav": "nan_samples",
    "generated/samples/float_all_neg_inf.wav": "nan_samples",
    "generated/samples/float_beyond_one.wav": "beyond_full_scale",
    "generated/samples/float_huge.wav": "beyond_full_scale",
    "generated/samples/float_int16_scale.wav": "integer_scale",
    "generated/samples/float_one_inf.wav": "nan_samples",
    "generated/samples/float_one_nan.wav": "nan_samples",
    "generated/samples/float_one_neg_inf.wav": "nan_samples",
    "generated/samples/int16_min.wav": "constant",
    "generated/samples/zero_frames.flac": "no_samples",
    "generated/samples/zero_frames.wav": "no_samples",
    "real/flac_test_files/01 - wrong max blocksize.flac": "block_size",
    "real/flac_test_files/02 - increasing number of channels.flac": "format_changes",
    "real/flac_test_files/04 - changing bitdepth.flac": "bit_depth",
    "real/mutagen/52-too-short-block-size.flac": "metadata_length",
    "real/mutagen/id3v1v2-combined.mp3": "truncated",
    "real/mutagen/xing.mp3": "truncated",
    "real/mutagen/vbri.mp3": "truncated",
    "real/mutagen/no-tags.m4a": "second_decoder",
    "real/mutagen/alac.m4a": "second_decoder",
    "real/opensoundscape/empty_2c.wav": "no_samples",
    "real/pydub/test1_empty.wav": "no_samples",
    "real/scipy/test-8000Hz-le-3ch-5S-64bit.wav": "unusual_encoding",
}


def _of(*kinds: str) -> list[str]:
    return [row["file"] for row in ODD if row["kind"] in kinds]


def test_the_manifest_is_there_and_whole(manifest: list[dict[str, str]], odd: Odd) -> None:
    assert [row["kind"] for row in manifest].count("ok") == 172
    assert all(odd(row["file"]).is_file() for row in manifest)
    assert set(_of("suspect")) == set(CODES)


@pytest.mark.parametrize("name", _of("ok", "suspect"))
def test_readable_files_are_read_as_the_manifest_says(name: str, odd: Odd, manifest: list[dict[str, str]]) -> None:
    row = next(row for row in manifest if row["file"] == name)
    info = examine(odd(name))
    sound = read(odd(name))
    if row["true_rate"]:
        assert info.sample_rate_hz == int(row["true_rate"])
    if row["true_channels"]:
        assert info.channels == int(row["true_channels"])
    if row["true_frames"]:
        assert info.samples == READABLE.get(name, int(row["true_frames"]))
    assert len(sound.samples) == info.samples
    assert sound.samples.dtype == np.float32
    assert np.isfinite(sound.samples).all()
    assert {fault.code for fault in sound.faults} == {fault.code for fault in info.faults}
    if row["kind"] == "suspect":
        assert CODES[name] in {fault.code for fault in info.faults}
        assert all(fault.message and "\n" not in fault.message for fault in info.faults)


@pytest.mark.parametrize("name", _of("broken", "notaudio"))
def test_unreadable_files_are_refused_by_one_error(name: str, odd: Odd) -> None:
    path = odd(name)
    for refuse in (probe, read, examine, AudioReader):
        with pytest.raises(AudioError) as caught:
            refuse(path)
        error = caught.value
        assert str(error).startswith(str(path)), "the error names the file"
        assert error.what, "and the fault"
        assert error.mend, "and the mend"
        assert "\n" not in str(error)


def test_headers_that_claim_gigabytes_cost_no_memory(odd: Odd) -> None:
    for name in ("header/data_size_3gb.wav", "header/rf64_size_lies.wav", "header/data_size_ffffffff.wav"):
        tracemalloc.start()
        read(odd(f"generated/{name}"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 << 20, name


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row["recording"].rsplit("/", 1)[-1])
def test_every_container_gives_the_reference_sound(row: dict[str, str], data: Callable[[str], Path]) -> None:
    folder = data("audio_formats")
    info = examine(folder / row["recording"])
    found = (info.container, info.codec, info.sample_rate_hz, info.channels, info.samples)
    wanted = tuple(row[key] for key in ("format", "subtype", "sample_rate_hz", "channels", "frames"))
    assert tuple(str(item) for item in found) == wanted
    reference = "bird_10s/21100_36_48.wav" if "bird_10s" in row["recording"] else "one_second/wav_double.wav"
    truth = read(folder / "audio" / reference).samples
    sound = read(folder / row["recording"]).samples[: len(truth)]
    # libsndfile decodes caf_alac_32 to other samples; the second decoder gives what was encoded.
    least = 0.999 if row["subtype"] == "ALAC_32" else float(row["correlation_with_reference"]) - 1e-3
    assert np.corrcoef(truth, sound)[0, 1] >= least
    lossless = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_16", "ALAC_24", "ALAC_32")
    if row["subtype"] in lossless:
        assert np.abs(truth - sound).max() < (1e-4 if "16" in row["subtype"] else 1e-6)


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row["recording"].rsplit("/", 1)[-1])
def test_reading_anywhere_gives_the_slice_of_the_whole(row: dict[str, str], data: Callable[[str], Path]) -> None:
    path = data("audio_formats") / row["recording"]
    whole = read(path).samples
    places = np.random.default_rng(len(row["recording"]))
    with AudioReader(path) as reader:
        for _ in range(12):
            start, count = int(places.integers(0, len(whole))), int(places.integers(1, 4000))
            np.testing.assert_array_equal(reader.read(start, count), whole[start : start + count])
        assert reader.read(len(whole), 10).shape == (0,)


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("stereo") / "two.wav"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (200_003, 2)).astype(np.float32)
    soundfile.write(path, noise, 44099, subtype="FLOAT")
    return path


def test_channels_and_their_mix(stereo: Path) -> None:
    truth = soundfile.read(stereo, dtype="float32")[0]
    np.testing.assert_array_equal(read(stereo, channel=1).samples, truth[:, 0])
    np.testing.assert_array_equal(read(stereo, channel=2).samples, truth[:, 1])
    np.testing.assert_allclose(read(stereo).samples, truth.mean(axis=1), atol=1e-7)
    with pytest.raises(UsageError, match=r"channel 3 .*allowed: 1 to 2"):
        AudioReader(stereo, channel=3)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.integers(0, 80_000),
    count=st.integers(0, 40_000),
    to_hz=st.sampled_from([16000, 48000, 8000, 22050, 44099]),
)
def test_resampled_windows_are_cut_from_one_resampled_whole(stereo: Path, start: int, count: int, to_hz: int) -> None:
    whole = _whole(stereo, to_hz)
    with AudioReader(stereo, channel=2, sample_rate_hz=to_hz) as reader:
        assert reader.samples == len(whole) == -(-200_003 * to_hz // 44099)
        np.testing.assert_array_equal(reader.read(start, count), whole[start : start + count])


_WHOLES: dict[int, NDArray[np.float32]] = {}


def _whole(path: Path, to_hz: int) -> NDArray[np.float32]:
    if to_hz not in _WHOLES:
        _WHOLES[to_hz] = resample(soundfile.read(path, dtype="float32")[0][:, 1], 44099, to_hz)
    return _WHOLES[to_hz]


def test_streamed_blocks_of_any_size_join_to_the_same_bytes(stereo: Path) -> None:
    whole = read(stereo, channel=2, sample_rate_hz=16000).samples
    np.testing.assert_array_equal(whole, _whole(stereo, 16000))
    for size in (999, 16000, 100_000):
        with AudioReader(stereo, channel=2, sample_rate_hz=16000) as reader:
            assert b"".join(block.tobytes() for block in reader.blocks(size)) == whole.tobytes()


def test_a_part_in_seconds(stereo: Path) -> None:
    whole = read(stereo, channel=1, sample_rate_hz=16000).samples
    part = read(stereo, channel=1, sample_rate_hz=16000, start_s=0.5, end_s=1.25)
    np.testing.assert_array_equal(part.samples, whole[8000:20000])
    assert read(stereo, start_s=99).samples.shape == (0,)
    with pytest.raises(UsageError, match="seconds 2 to 1"):
        read(stereo, start_s=2, end_s=1)


def test_memory_is_that_of_the_window(tmp_path: Path) -> None:
    path = tmp_path / "hour.wav"
    with soundfile.SoundFile(path, "w", 16000, 1, subtype="PCM_16") as file:
        block = np.random.default_rng(1).uniform(-0.1, 0.1, 160_000)
        for _ in range(90):
            file.write(block)
    with AudioReader(path, sample_rate_hz=24000) as reader:
        reader.read(0, 24000)
        tracemalloc.start()
        for start in range(0, reader.samples, 240_000):
            reader.read(start, 240_000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 12 << 20  # 15 minutes as float32 at 24 kHz are 86 MB


@pytest.mark.parametrize("start", range(0, 240, 40))
def test_mutated_files_are_read_or_refused_and_nothing_else(start: int, odd: Odd, tmp_path: Path) -> None:
    names = [row["file"] for row in ODD if row["kind"] in ("ok", "suspect")][start : start + 40]
    dice, refused = np.random.default_rng(start), 0
    for name in names:
        whole = odd(name).read_bytes()
        if not whole or len(whole) > 150_000:
            continue
        mutant = bytearray(whole[: int(dice.integers(1, len(whole) + 1))] if dice.random() < 0.3 else whole)
        for place in dice.integers(0, min(len(mutant), int(dice.choice([64, 300, 1 << 20]))), int(dice.integers(1, 9))):
            mutant[place] = int(dice.integers(0, 256))
        path = tmp_path / f"mutant{odd(name).suffix}"
        path.write_bytes(bytes(mutant))
        try:
            with AudioReader(path) as reader:
                count = min(reader.samples, 300_000 // reader.info.channels)
                sound = reader.read(0, count)
                assert np.isfinite(sound).all()
                assert len(sound) == count
                np.testing.assert_array_equal(reader.read(count // 2, 500), sound[count // 2 : count // 2 + 500][:500])
        except AudioError:
            refused += 1
    assert refused < 40  # most mutants can be read
