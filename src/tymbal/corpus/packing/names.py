"""File names that every system takes, no two of which differ in case alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # devices of Windows


def portable_names(names: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """What each recording is called in a dataset, by (name, new suffix or None), in their order.

    Signs that Windows forbids become "_"; a name that another one would hide on a system that does not tell cases
    apart ends in -2, -3 and so on.
    """
    taken: set[str] = set()
    found: dict[str, str] = {}
    for name, suffix in names:
        path = PurePosixPath("/".join(_portable(part) for part in name.split("/")))
        path = path if suffix is None else path.with_name(f"{path.stem if path.suffix else path.name}{suffix}")
        chosen, number = path, 1
        while _key(chosen) in taken:
            number += 1
            chosen = path.with_name(f"{path.stem}-{number}{path.suffix}")
        taken.add(_key(chosen))
        found[name] = chosen.as_posix()
    return found


def _key(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", path.as_posix()).casefold()


def _portable(part: str) -> str:
    plain = _FORBIDDEN.sub("_", part).rstrip(". ") or "_"
    return f"_{plain}" if _RESERVED.fullmatch(plain) else plain
