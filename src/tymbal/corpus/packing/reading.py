"""A dataset read back: every file checked against its sum, then opened as a corpus."""

from __future__ import annotations

from pathlib import Path

from tymbal.corpus.corpus import Corpus
from tymbal.corpus.packing.sound import sha256
from tymbal.errors import CorpusError

CHECKSUMS = "checksums.sha256"
SHOWN = 5


def read_packed(folder: str | Path, *, verify: bool = True) -> Corpus:
    """The corpus in a dataset that `pack` wrote; `verify` reads every byte and compares with checksums.sha256.

    Raises CorpusError where there is none, and one that names the files that are missing or changed.
    """
    folder = Path(folder)
    corpus = Corpus.open(folder)
    if not verify:
        return corpus
    wanted = _sums(folder)
    missing = [name for name in wanted if not (folder / name).is_file()]
    changed = [name for name, found in wanted.items() if name not in missing and sha256(folder / name) != found]
    if missing or changed:
        words = [f"{len(names)} {what} ({_shown(names)})" for what, names in _by_fault(missing, changed) if names]
        raise CorpusError(
            f"of {len(wanted)} files {' and '.join(words)}", where=folder, mend="Get the dataset anew from where it is."
        )
    return corpus


def _by_fault(missing: list[str], changed: list[str]) -> tuple[tuple[str, list[str]], ...]:
    return ("are missing", missing), ("are not what was packed", changed)


def _shown(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _sums(folder: Path) -> dict[str, str]:
    """SHA-256 by file, as `sha256sum -c` reads them."""
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise CorpusError(
            f"no {CHECKSUMS} here: not a packed dataset", where=folder, mend="Make one with: tymbal corpus pack"
        ) from error
    return {name: found for found, _, name in (line.partition("  ") for line in lines) if name}
