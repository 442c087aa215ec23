"""Under which licence each recording is, by whom and from where, as its metadata tell or the user does."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tymbal.corpus.manifests.base import licence_of
from tymbal.corpus.tables import as_text

# Columns of the recordings that tell, the surest first; manifests write the first of each.
LICENCE = ("licence", "license", "licence_url", "license_url", "rights")
AUTHOR = ("rights_holder", "author", "authors", "recordist", "attribution", "creator")
SOURCE = ("source_url", "url", "doi", "origin")
NONE_GIVEN = frozenset(("all rights reserved", "unknown", "none", "no licence", "no license", "c"))
LICENCES = pl.Schema(
    {
        "recording": pl.String(),
        "licence": pl.String(),
        "author": pl.String(),
        "source": pl.String(),
        "told_by": pl.String(),
    }
)


@dataclass(frozen=True)
class Terms:
    """Licence, author and source of recordings whose metadata do not tell theirs; None tells nothing."""

    licence: str | None = None
    author: str | None = None
    source: str | None = None


def licences(recordings: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """One row per recording by `LICENCES`; `told_by` is the column that held the licence, or "when packing".

    A licence that lets nobody do anything ("all rights reserved") counts as none.
    """
    rows = []
    columns = {
        name: recordings.select(as_text(name)).to_series().to_list() for name in recordings.columns if _known(name)
    }
    for row, recording in enumerate(recordings["recording"]):
        licence, told_by = _first(columns, LICENCE, row)
        licence = licence_of(licence)
        if licence is None and terms.licence is not None:
            licence, told_by = licence_of(terms.licence), "when packing"
        author = _first(columns, AUTHOR, row)[0] or terms.author
        rows.append((recording, licence, author, _first(columns, SOURCE, row)[0] or terms.source, told_by))
    return pl.DataFrame(rows, schema=LICENCES, orient="row")


def unlicensed(table: pl.DataFrame) -> list[str]:
    """Recordings that may not be published, for nobody said under which licence, or their owner keeps all rights."""
    nothing = pl.col("licence").is_null() | pl.col("licence").str.to_lowercase().is_in(list(NONE_GIVEN))
    found: list[str] = table.filter(nothing)["recording"].to_list()
    return found


def _known(name: str) -> bool:
    return name in (*LICENCE, *AUTHOR, *SOURCE)


def _first(columns: dict[str, list[str | None]], names: tuple[str, ...], row: int) -> tuple[str | None, str | None]:
    for name in names:
        value = columns[name][row] if name in columns else None
        if value is not None:
            return value.strip(), name
    return None, None
