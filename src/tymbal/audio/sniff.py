"""Say what a file is from its first bytes: a sound container, or what it is instead of sound."""

from __future__ import annotations

import pathlib
import stat

from tymbal.audio import mpeg
from tymbal.audio.window import Path
from tymbal.errors import AudioError

HEAD_BYTES = 1 << 16

# container -> extensions that tell the truth about it (lower case, without the dot)
EXTENSIONS: dict[str, tuple[str, ...]] = {
    "WAV": ("wav", "wave", "wavex", "bwf", "rf64", "rifx", "nist", "sph"),  # NIST and RF64 files are often called .wav
    "W64": ("w64",),
    "FLAC": ("flac", "fla"),
    "OGG": ("ogg", "oga", "opus", "spx"),
    "MP3": ("mp3", "mp2", "mp1", "mpga"),
    "AIFF": ("aif", "aiff", "aifc"),
    "AU": ("au", "snd"),
    "CAF": ("caf",),
    "VOC": ("voc",),
    "M4A": ("m4a", "mp4", "m4b", "alac", "aac", "3gp", "mov"),
    "MATROSKA": ("mka", "webm", "mkv"),
    "ASF": ("wma", "asf"),
    "AAC": ("aac", "adts"),
    "WAVPACK": ("wv",),
    "AMR": ("amr",),
    "WAC": ("wac",),  # never readable, but named instead of left out in silence
}
AUDIO_EXTENSIONS: frozenset[str] = frozenset(f".{name}" for names in EXTENSIONS.values() for name in names)

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"fLaC", "FLAC"),
    (b"OggS", "OGG"),
    (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00", "W64"),
    (b".snd", "AU"),
    (b"dns.", "AU"),
    (b"caff", "CAF"),
    (b"NIST_1A", "NIST"),
    (b"Creative Voice File", "VOC"),
    (b"\x1a\x45\xdf\xa3", "MATROSKA"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "ASF"),
    (b"wvpk", "WAVPACK"),
    (b"#!AMR", "AMR"),
)
_NOT_AUDIO: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer (the sound itself was never downloaded)", "Run: git lfs pull"),
    (b"\x00\x05\x16\x07", "an AppleDouble file (what macOS leaves beside a recording)", "Delete it or leave it out."),
    (b"\x00\x05\x16\x00", "an AppleSingle file of macOS", "Unpack it on a Mac."),
    (b"\x89PNG", "a PNG picture", ""),
    (b"\xff\xd8\xff", "a JPEG picture", ""),
    (b"GIF8", "a GIF picture", ""),
    (b"PK\x03\x04", "a ZIP archive", "Unpack it first."),
    (b"PK\x05\x06", "an empty ZIP archive", "Fetch it again."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it first."),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it first."),
    (b"Rar!", "a RAR archive", "Unpack it first."),
    (b"%PDF", "a PDF document", ""),
    (b"\xd0\xcf\x11\xe0", "a Windows compound document (Thumbs.db, old Office)", "Delete it or leave it out."),
    (b"SQLite format 3", "an SQLite database", ""),
    (b"\x89HDF", "an HDF5 file", ""),
    (b"PAR1", "a Parquet table", ""),
    (b"MThd", "a MIDI file: notes, not sound", ""),
    (b"WAac", "a Wildlife Acoustics WAC file (proprietary compression)", "Convert it to WAV with Kaleidoscope."),
    (b"\xff\xfe", "text in UTF-16, perhaps a table", ""),
    (b"\xfe\xff", "text in UTF-16, perhaps a table", ""),
)
_LEAVE_OUT = "Leave it out, or fetch the recording again."


def open_regular(path: Path) -> int:
    """Size in bytes of a readable regular file; AudioError for folders, pipes, missing or forbidden files."""
    try:
        status = pathlib.Path(path).stat()
    except FileNotFoundError as error:
        mend = "The link points nowhere: mend or delete it." if pathlib.Path(path).is_symlink() else "Check the path."
        raise AudioError("there is no such file", where=path, mend=mend) from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise AudioError("this is a folder, not a recording", where=path, mend="Give the files in it, or walk it.")
    if not stat.S_ISREG(status.st_mode):
        raise AudioError("this is a pipe or device, not a file", where=path, mend="Save the sound to a file first.")
    return status.st_size


def _unreadable(path: Path, error: Exception) -> AudioError:
    reason = getattr(error, "strerror", None) or str(error)
    return AudioError(f"the file cannot be opened ({reason})", where=path, mend="Check its permissions and the disk.")


def read_head(path: Path, count: int = HEAD_BYTES) -> bytes:
    """The first `count` bytes."""
    try:
        with open(path, "rb") as file:
            return file.read(count)
    except OSError as error:
        raise _unreadable(path, error) from error


def sniff(path: Path) -> tuple[str, int]:
    """Container of the file and the byte where it begins (after an ID3v2 tag); AudioError names what else it is."""
    size = open_regular(path)
    if size == 0:
        raise AudioError(
            "the file is empty (0 bytes)",
            where=path,
            mend="The recorder may have lost power: copy it again from the card, or leave it out.",
        )
    head = read_head(path)
    found = container_of(head)
    if found is not None:
        return found, 0
    if head.startswith(b"ID3") and len(head) >= 10:
        after = mpeg.id3v2_bytes(head)
        return _behind_id3(path, after, size), after
    _refuse_known(path, head)
    first = mpeg.find_frames(head)
    if first is not None:
        return "MP3", 0
    raise _unknown(path, head, size)


def container_of(head: bytes) -> str | None:
    """Container by magic number alone, or None; "RIFF" stands for a RIFF file that does not hold WAVE."""
    for magic, container in _MAGIC:
        if head.startswith(magic):
            return container
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return "WAV" if head[8:12] == b"WAVE" else "RIFF"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    if head[4:8] == b"ftyp":
        return "M4A"
    if head[:2] in (b"\xff\xf1", b"\xff\xf9"):
        return "AAC"
    return None


def _behind_id3(path: Path, after: int, size: int) -> str:
    # An ID3v2 tag may be megabytes long (cover pictures); what follows it says what the file is.
    try:
        with open(path, "rb") as file:
            file.seek(after)
            rest = file.read(HEAD_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    found = container_of(rest)
    if found is not None:
        return found
    if mpeg.find_frames(rest) is not None:
        return "MP3"
    what = "an ID3 tag and no sound after it" if after >= size or not rest.strip(b"\0") else "no frame of sound"
    raise AudioError(
        f"the file holds {what} ({size} bytes)", where=path, mend="It was cut short: fetch it again, or leave it out."
    )


def _refuse_known(path: Path, head: bytes) -> None:
    for magic, what, mend in _NOT_AUDIO:
        if head.startswith(magic):
            what += "" if "WAC" in what else ", not sound"
            raise AudioError(f"this is {what}", where=path, mend=mend or _LEAVE_OUT)
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        mend = "A download saved an error page: fetch the recording again."
        raise AudioError("this is an HTML page, not sound", where=path, mend=mend)
    if start.startswith(b"<?xml"):
        raise AudioError("this is an XML document, not sound", where=path, mend=_LEAVE_OUT)
    if not _is_text(head[:4096]):
        return
    if start.startswith((b"{", b"[")):
        mend = "A download saved an answer of the server: fetch the recording again."
        raise AudioError(f"this is JSON text, not sound: {_quote(head)}", where=path, mend=mend)
    raise AudioError(f"this is plain text, not sound: {_quote(head)}", where=path, mend=_LEAVE_OUT)


def _is_text(head: bytes) -> bool:
    if len(head) < 8:
        return False
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character cut at the end of the piece is not a fault
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\r\n\f" for character in text)


def _quote(head: bytes, limit: int = 40) -> str:
    text = " ".join(head[:200].decode("utf-8", "replace").split())
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")


def _unknown(path: Path, head: bytes, size: int) -> AudioError:
    zeros = len(head) - len(head.lstrip(b"\0"))
    if zeros == len(head):
        return AudioError(
            f"the first {zeros} bytes are all zero: space that was reserved and never written",
            where=path,
            mend="The recorder lost power: copy it again from the card, or leave it out.",
        )
    for magic in (b"RIFF", b"RF64", b"RIFX", b"fLaC", b"OggS"):
        at = head.find(magic)
        if at > 0 and (magic in (b"fLaC", b"OggS") or head[at + 8 : at + 12] == b"WAVE"):
            return AudioError(
                f"{at} other bytes stand before the {magic.decode()} header",
                where=path,
                mend=f"Cut the first {at} bytes off a copy of it (tail -c +{at + 1} OLD > NEW).",
            )
    if zeros >= 12:
        return AudioError(
            f"the header is missing: the file begins with {zeros} zero bytes and sound-like bytes follow",
            where=path,
            mend="Import it as raw data (Audacity: File, Import, Raw Data) with the recorder's rate, and save as WAV.",
        )
    if size < 12:
        return AudioError(
            f"the file ends after {size} byte{'s' * (size != 1)}, before any header", where=path, mend=_LEAVE_OUT
        )
    return AudioError(
        f"the bytes are of no sound format that is known (begins {head[:8].hex(' ')})",
        where=path,
        allowed="WAV, FLAC, Ogg, MP3, AIFF, AU, CAF, W64, NIST, VOC, M4A",
        mend=_LEAVE_OUT,
    )


def lying_extension(path: Path, container: str) -> str | None:
    """The extension (with its dot) where it names another container than the bytes do, else None."""
    extension = pathlib.Path(path).suffix.lower().lstrip(".")
    honest = EXTENSIONS.get("WAV" if container == "NIST" else container, ())
    if not extension or extension in honest or f".{extension}" not in AUDIO_EXTENSIONS:
        return None
    return f".{extension}"
