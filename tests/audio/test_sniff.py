"""What a file is, by its bytes; and what stands in the way of opening it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tymbal.audio import probe
from tymbal.audio.sniff import container_of, lying_extension, sniff
from tymbal.errors import AudioError

SAID = {
    "notaudio/html_error_page.wav": "an HTML page",
    "notaudio/json_error.mp3": "JSON text, not sound: .*rate limited",
    "notaudio/git_lfs_pointer.wav": "Git LFS pointer .*git lfs pull",
    "notaudio/png.wav": "a PNG picture",
    "notaudio/zip.wav": "an empty ZIP archive",
    "notaudio/text.wav": "plain text, not sound: 'This is not a sound file",
    "notaudio/macos_resource_fork/._recording.wav": "AppleDouble",
    "notaudio/utf16_csv.csv": "UTF-16",
    "notaudio/Thumbs.db": "compound document",
    "notaudio/random.wav": "no sound format that is known",
    "header/zero_bytes.wav": r"empty \(0 bytes\)",
    "header/one_byte.wav": "ends after 1 byte, before any header",
    "header/preallocated_zeros.wav": "reserved and never written",
    "header/header_all_zeros.wav": "begins with 44 zero bytes",
    "header/leading_garbage.wav": r"512 other bytes stand before the RIFF header.*tail -c \+513",
    "header/avi_form.wav": "holds 'AVI ', not WAVE",
    "header/chunk_size_overruns.wav": "'junk' chunk at byte 36 claims 10000000 bytes, only 16018 follow",
    "header/sample_rate_max.wav": "sample rate of 4294967295 Hz .allowed: 1 to 10000000 Hz",
    "header/codec_mp3_tag_pcm_data.wav": "coded as MP3",
    "header/codec_unknown_0x1234.wav": "tag 0x1234",
    "compressed/only_id3.mp3": "an ID3 tag and no sound after it",
    "compressed/truncated_in_header.flac": "ends inside the FLAC header",
}


@pytest.mark.parametrize("name", SAID)
def test_messages_say_what_it_is(name: str, odd: Callable[[str], Path]) -> None:
    with pytest.raises(AudioError, match=SAID[name]):
        probe(odd(f"generated/{name}"))


def test_wildlife_acoustics_compression_is_named(odd: Callable[[str], Path]) -> None:
    with pytest.raises(AudioError, match=r"WAC file.*Convert it to WAV with Kaleidoscope"):
        probe(odd("real/recorders/recording_20170716_230503.wac"))


def test_containers() -> None:
    assert container_of(b"RIFF\0\0\0\0WAVE") == "WAV"
    assert container_of(b"RIFF\0\0\0\0AVI ") == "RIFF"
    assert container_of(b"FORM\0\0\0\0AIFC") == "AIFF"
    assert container_of(b"\0\0\0\x20ftypM4A ") == "M4A"
    assert container_of(b"nothing") is None


def test_extensions_that_lie() -> None:
    assert lying_extension("a.WAV", "FLAC") == ".wav"
    assert lying_extension("a.wav", "NIST") is None
    assert lying_extension("a.bin", "FLAC") is None
    assert lying_extension("a", "FLAC") is None
    assert lying_extension("a.opus", "OGG") is None


def test_things_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such file"):
        sniff(tmp_path / "nothing.wav")
    with pytest.raises(AudioError, match="a folder, not a recording"):
        sniff(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.wav")
        with pytest.raises(AudioError, match="a pipe or device"):
            sniff(tmp_path / "pipe.wav")
    if hasattr(os, "symlink") and os.name == "posix":
        (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
        with pytest.raises(AudioError, match="cannot be opened"):
            sniff(tmp_path / "loop.wav")
        (tmp_path / "dangling.wav").symlink_to(tmp_path / "gone")
        with pytest.raises(AudioError, match="points nowhere"):
            sniff(tmp_path / "dangling.wav")
    with pytest.raises(AudioError):
        sniff("name\0with zero.wav")
