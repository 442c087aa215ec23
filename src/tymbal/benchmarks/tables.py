"""Tables of benchmark sets, read as text; every error names file, column and mend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tymbal.errors import AnnotationError

MEND = "Download the set again, or check that it is the version the layout names."


def read_table(path: Path, columns: Sequence[str], *, separator: str = ",") -> pl.DataFrame:
    """A table with a header, every cell as text, blank cells null. Raises AnnotationError where a column is missing."""
    try:
        if path.suffix == ".parquet":
            table = pl.read_parquet(path, glob=False)
        else:
            table = pl.read_csv(path, separator=separator, infer_schema=False, encoding="utf8-lossy", glob=False)
    except FileNotFoundError as error:
        raise AnnotationError("no such table", where=path, mend=MEND) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise AnnotationError(f"cannot be read: {str(error).splitlines()[0]}", where=path, mend=MEND) from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise AnnotationError(
            f"no column {missing[0]!r}", where=path, allowed=", ".join(table.columns) or "no columns", mend=MEND
        )
    return table


def seconds(text: str | None, path: Path) -> float:
    """A time cell as seconds. Raises AnnotationError where it is none."""
    try:
        return float(text or "")
    except ValueError as error:
        raise AnnotationError(f"{text!r} is no time in seconds", where=path, mend=MEND) from error


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that hold something. Raises AnnotationError where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"cannot be read as text: {error}", where=path, mend=MEND) from error
    return [line.strip() for line in text.splitlines() if line.strip()]
