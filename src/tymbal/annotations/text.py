"""Bytes of a label file to text: encodings, byte order marks, line ends."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from tymbal.errors import AnnotationError, Fault

_MARKS = (  # the longest first: the UTF-32 mark begins with the UTF-16 one
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOK = 4096  # bytes looked at to tell text from sound and other binary files


@dataclass(frozen=True)
class TextForm:
    """How a text file was written: `encoding` as Python calls it, with a byte order mark or not, and its line ends."""

    encoding: str
    mark: bool
    newline: str  # "\n", "\r\n", "\r" or "mixed"


def is_text(data: bytes) -> bool:
    """Whether `data` may be text: no zero bytes in its first part, or a mark or pattern that explains them."""
    head = data[:_LOOK]
    return b"\0" not in head or any(head.startswith(mark) for mark, _ in _MARKS) or _bare_utf16(head) is not None


def decode(data: bytes, where: object) -> tuple[str, TextForm, tuple[Fault, ...]]:
    """Text with "\\n" line ends, how it was written, and what was odd about it.

    UTF-8 is tried first, then the mark, then Windows-1252 (of which Latin-1 letters are a part), with a fault.
    Raises AnnotationError where the bytes are no text.
    """
    faults: tuple[Fault, ...] = ()
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    marked = encoding is not None
    if encoding is None and b"\0" in data[:_LOOK]:
        encoding = _bare_utf16(data[:_LOOK])
        if encoding is None:
            raise AnnotationError(
                "this is not a text file",
                where=where,
                mend="Give a label file here; recordings go to `tymbal inspect`.",
            )
        faults = (Fault("encoding", f"{where}: UTF-16 without a byte order mark; read as {encoding}"),)
    try:
        text = data.decode(encoding or "utf-8")
        encoding = encoding or "utf-8"
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise AnnotationError(
                f"damaged {encoding} text at byte {error.start:,}", where=where, mend="Save it again as UTF-8."
            ) from error
        text, encoding = _western(data)
        shown = "Windows-1252" if encoding == "cp1252" else "Latin-1"
        faults = (Fault("encoding", f"{where}: not UTF-8; read as {shown}: check letters with accents"),)
    form = TextForm(encoding, marked, _newline(text))
    if form.newline != "\n":
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text, form, faults


def _western(data: bytes) -> tuple[str, str]:
    try:
        return data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:  # five byte values have no meaning there; Latin-1 has one for all
        return data.decode("latin-1"), "latin-1"


def _bare_utf16(head: bytes) -> str | None:
    # Western text in UTF-16 has a zero in every second byte.
    pairs = len(head) // 2
    if pairs < 4:
        return None
    even, odd = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if odd > 0.7 * pairs and even == 0:
        return "utf-16-le"
    if even > 0.7 * pairs and odd == 0:
        return "utf-16-be"
    return None


def _newline(text: str) -> str:
    both, returns, feeds = text.count("\r\n"), text.count("\r"), text.count("\n")
    kinds = [("\r\n", both), ("\r", returns - both), ("\n", feeds - both)]
    found = [name for name, count in kinds if count]
    return found[0] if len(found) == 1 else "mixed" if found else "\n"
