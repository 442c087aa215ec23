"""The chunk walk: sizes that lie cost nothing, and every width decodes as libsndfile does."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tymbal.audio import pcm, riff
from tymbal.errors import AudioError


def _chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + (len(body) if size is None else size).to_bytes(4, "little") + body + b"\0" * (len(body) & 1)


def _wav(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


FMT = _chunk(b"fmt ", bytes.fromhex("0100 0100 803e0000 007d0000 0200 1000".replace(" ", "")))


def test_chunks_are_found_behind_odd_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(_wav(_chunk(b"odd ", b"xyz"), FMT, _chunk(b"data", bytes(20)), _chunk(b"guan", b"GUANO")))
    found = riff.parse(path)
    assert [chunk.name for chunk in found.chunks] == [b"odd ", b"fmt ", b"data", b"guan"]
    assert found.data is not None
    assert (found.data.size, found.faults) == (20, [])


def test_a_flood_of_chunks_ends(tmp_path: Path) -> None:
    path = tmp_path / "flood.wav"
    path.write_bytes(_wav(FMT, _chunk(b"data", bytes(20)), _chunk(b"junk", b"") * (riff.MAX_CHUNKS + 50)))
    assert [fault.code for fault in riff.parse(path).faults] == ["many_chunks"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200), head=st.sampled_from([b"RIFF", b"RIFX", b"RF64"]), keep_format=st.booleans())
def test_any_bytes_are_parsed_or_refused(tmp_path: Path, body: bytes, head: bytes, keep_format: bool) -> None:
    path = tmp_path / "any.wav"
    path.write_bytes(head + b"\xff\xff\xff\xffWAVE" + (FMT if keep_format else b"") + body)
    try:
        found = riff.parse(path)
        layout, _, _ = pcm.layout_of(path, found)
    except AudioError:
        return
    if layout is not None:
        assert layout.frames * layout.frame_bytes <= len(body)
