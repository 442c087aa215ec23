"""Ogg pages, their checksums and the holes between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tymbal.audio import ogg

Odd = Callable[[str], Path]


def test_ogg_checksum_and_holes(odd: Odd) -> None:
    whole = odd("generated/name/ogg_named.wav")
    layout = ogg.walk(whole, check=True)
    assert layout is not None
    assert (layout.codec, layout.whole, layout.ended, layout.end_granule) == ("VORBIS", True, True, 64000)
    torn = ogg.walk(odd("generated/compressed/corrupt_page.ogg"), check=True)
    assert torn is not None
    assert (torn.bad_pages, len(torn.runs), torn.whole) == (1, 2, False)
    cut = ogg.walk(odd("generated/compressed/truncated.ogg"))
    assert cut is not None
    assert not cut.ended
