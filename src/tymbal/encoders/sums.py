"""SHA-256 of the files of a folder, in the form that `sha256sum -c SHA256SUMS` checks too."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tymbal.errors import EncoderError
from tymbal.jobs.atomic import write_text

SUMS = "SHA256SUMS"
OWN_WEIGHTS = "encoder.safetensors"  # in the folder of a pre-training or of `tymbal encoders publish`
BLOCK_BYTES = 1 << 22
_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


def sha256(path: Path) -> str:
    """Of a file's bytes, hex; reads in blocks."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK_BYTES):
            found.update(block)
    return found.hexdigest()


def write_sums(folder: Path) -> Path:
    """Write the hash of every file that lies in `folder`; gives the file that holds them."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != SUMS)
    write_text(folder / SUMS, "".join(f"{sha256(folder / name)}  {name}\n" for name in names))
    return folder / SUMS


def check_sums(folder: Path) -> int:
    """Compare every file that SHA256SUMS lists; gives how many. Files that it does not list are not looked at.

    Raises EncoderError naming the file that is missing or has other bytes, or the line that is no hash and name.
    """
    lines = (folder / SUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines:
        raise EncoderError("it lists no file", where=folder / SUMS, mend="Get the folder again.")
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or Path(match[2]).name != match[2]:
            raise EncoderError(
                f"line {number} is no hash and file name", where=folder / SUMS, allowed="as sha256sum writes them"
            )
        path = folder / match[2]
        if not path.is_file():
            raise EncoderError(f"{SUMS} lists a file that is not there", where=path, mend="Get the folder again.")
        found = sha256(path)
        if found != match[1]:
            raise EncoderError(
                f"its SHA-256 is {found[:16]}…, {SUMS} says {match[1][:16]}…",
                where=path,
                mend="The file was altered or damaged since it was published; get the folder again.",
            )
    return len(lines)
