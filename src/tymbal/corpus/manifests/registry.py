"""The archives whose manifests are read: one file and one line here each."""

from __future__ import annotations

from pathlib import Path

from tymbal.corpus.manifests import audioset, darwin_core, inaturalist, inaturalist_open, watkins, xeno_canto
from tymbal.corpus.manifests.base import Reader
from tymbal.corpus.manifests.rows import head_of
from tymbal.errors import AnnotationError

READERS: tuple[Reader, ...] = (
    xeno_canto.READER,
    inaturalist.READER,
    inaturalist_open.READER,
    audioset.READER,
    watkins.READER,
    darwin_core.READER,
)


def find_reader(path: Path) -> Reader:
    """The reader that knows a manifest by its beginning. Raises AnnotationError, with what each looks for."""
    if not path.exists():
        raise AnnotationError("no such manifest", where=path, mend="Check the path given to --manifest.")
    head = head_of(path)
    found = next((reader for reader in READERS if reader.knows(head)), None)
    if found is None:
        some = ", ".join(sorted(head.columns)[:8]) or "none"
        raise AnnotationError(
            f"no manifest that is known here; its columns: {some}",
            where=path,
            allowed="; ".join(f"{reader.name}: {reader.about}" for reader in READERS),
            mend="Any other table with a column 'recording' goes to --metadata.",
        )
    return found
