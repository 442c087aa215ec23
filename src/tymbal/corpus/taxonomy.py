"""Names of taxa made one: labels to the names of a table that the user gives, and a report of all that do not fit.

Tables: eBird's and Clements' checklists, GBIF's backbone (Taxon.tsv), or any with columns `name` and `canonical`.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from tymbal.corpus.manifests.base import text_of
from tymbal.corpus.manifests.rows import Row, head_of, table_rows
from tymbal.corpus.tables import TAXA
from tymbal.errors import AnnotationError

Status = Literal["same", "mapped", "unmapped", "ambiguous", "split"]
# What a table calls its columns -> ours. Clements' own names carry the year.
_EBIRD = {
    "scientific": ("SCI_NAME", "scientific name", "SCIENTIFIC_NAME", "scientific_name"),
    "common": ("PRIMARY_COM_NAME", "English name", "COMMON_NAME", "common_name"),
    "code": ("SPECIES_CODE", "species_code"),
    "category": ("CATEGORY", "category"),
    "report_as": ("REPORT_AS", "report_as"),
}
# Categories that are part of a species: they count as it. The others (spuh, slash, hybrid) are names of their own.
_BELOW_SPECIES = ("issf", "form", "intergrade", "domestic", "subspecies", "group")


@dataclass(frozen=True)
class _Sense:
    """What a name may stand for: the canonical name, and the taxon by the table's own key."""

    canonical: str
    taxon: str


@dataclass(frozen=True)
class Mapped:
    """Labels after mapping: label -> name (labels that do not map keep theirs), and one row a label (`TAXA`)."""

    names: dict[str, str]
    report: pl.DataFrame


def map_names(labels: Iterable[str], path: Path) -> Mapped:
    """Look up the distinct labels in the table at `path`; it may be far larger than memory.

    Names are compared without regard to case, underscores and repeated blanks. A label is "same" or "mapped" where it
    stands for one name; "ambiguous" where it stands for several taxa of the same name, or is the common name of
    several; "split" where it stands for several names; "unmapped" where the table has none. The last three keep their
    label. Raises AnnotationError for a table that cannot be read or has none of the known columns.
    """
    wanted = {label: _key(label) for label in labels}
    keys = set(wanted.values())
    kind = check_taxonomy(path)
    common: set[str] = set()
    if kind == "ebird":
        senses, common = _ebird(path, keys)
    else:
        senses = _gbif(path, keys) if kind == "gbif" else _plain(path, keys)
    names, rows = {}, []
    for label, key in sorted(wanted.items()):
        status, found = _judge(label, key, senses.get(key, ()), key in common)
        names[label] = found[0] if status in ("same", "mapped") else label
        rows.append({"label": label, "status": status, "canonical": found, "events": 0})
    return Mapped(names, pl.DataFrame(rows, schema=TAXA))


def check_taxonomy(path: Path) -> Literal["gbif", "plain", "ebird"]:
    """Which table this is, by its header. Raises AnnotationError where it is none that is known."""
    columns = head_of(path).columns
    if {"taxonID", "acceptedNameUsageID", "taxonomicStatus"} <= columns:
        return "gbif"
    if {"name", "canonical"} <= columns:
        return "plain"
    if any(name in columns for name in _EBIRD["scientific"]):
        return "ebird"
    raise AnnotationError(
        f"no table of names that is known here; its columns: {', '.join(sorted(columns)[:8])}",
        where=path,
        allowed="eBird or Clements (SCI_NAME), GBIF's Taxon.tsv (taxonID), or columns name and canonical",
    )


def _key(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).replace("_", " ").casefold().split())


def _judge(label: str, key: str, senses: Iterable[_Sense], common: bool) -> tuple[Status, list[str]]:
    senses = sorted(set(senses), key=lambda sense: (sense.canonical, sense.taxon))
    names = list(dict.fromkeys(sense.canonical for sense in senses))
    if not names:
        return "unmapped", []
    if len(names) > 1:
        return ("ambiguous" if common else "split"), names
    if len({sense.taxon for sense in senses}) > 1:
        return "ambiguous", [f"{sense.canonical} ({sense.taxon})" for sense in senses]
    return ("same" if names[0] == label else "mapped"), names


def _plain(path: Path, keys: set[str]) -> dict[str, list[_Sense]]:
    senses: dict[str, list[_Sense]] = defaultdict(list)
    for row in table_rows(path):
        name, canonical = text_of(row, "name"), text_of(row, "canonical")
        if name and canonical and _key(name) in keys:
            senses[_key(name)].append(_Sense(canonical, canonical))
    return senses


def _ebird(path: Path, keys: set[str]) -> tuple[dict[str, list[_Sense]], set[str]]:
    """Senses by scientific name, common name and code; and the keys that are common names alone."""
    rows: list[Row] = [{ours: text_of(row, *theirs) for ours, theirs in _EBIRD.items()} for row in table_rows(path)]
    rows = [row for row in rows if row["scientific"]]
    by_code: dict[str | None, Row] = {row["code"]: row for row in rows if row["code"]}
    species = {row["scientific"] for row in rows if row["category"] in (None, "species")}
    senses: dict[str, list[_Sense]] = defaultdict(list)
    common: set[str] = set()
    scientific: set[str] = set()
    for row in rows:
        sense = _ebird_sense(row, by_code, species)
        for kind in ("scientific", "common", "code"):
            key = _key(row[kind] or "")
            if key in keys:
                senses[key].append(sense)
                (common if kind == "common" else scientific).add(key)
    return senses, common - scientific


def _ebird_sense(row: Row, by_code: dict[str | None, Row], species: set[str | None]) -> _Sense:
    """The species that a row counts as: by REPORT_AS; without it, by the first two words of a subspecies' name."""
    target = by_code.get(row["report_as"]) if row["report_as"] else None
    if target is None and str(row["category"]).startswith(_BELOW_SPECIES):
        parent = " ".join(str(row["scientific"]).split()[:2])
        return _Sense(parent, parent) if parent in species else _Sense(row["scientific"], row["scientific"])
    name = str((target or row)["scientific"])
    return _Sense(name, name)


def _gbif(path: Path, keys: set[str]) -> dict[str, list[_Sense]]:
    """Senses in GBIF's backbone: seven million rows, so only those asked for are kept.

    An accepted name counts before synonyms of the same spelling, and these before doubtful names.
    """
    names = ("canonicalName", "scientificName")
    rows = _gbif_rows(path).filter(pl.any_horizontal(_as_key(name).is_in(list(keys)) for name in names)).collect()
    targets = rows["acceptedNameUsageID"].drop_nulls().unique().to_list()
    accepted = _gbif_rows(path).filter(pl.col("taxonID").is_in(targets)).collect()
    by_id = {row["taxonID"]: row for row in accepted.iter_rows(named=True)}
    ranked: dict[str, list[tuple[int, _Sense]]] = defaultdict(list)
    for row in rows.iter_rows(named=True):
        target = by_id.get(row["acceptedNameUsageID"], row)
        sense = _Sense(str(target["canonicalName"] or target["scientificName"]), f"GBIF {target['taxonID']}")
        status = str(row["taxonomicStatus"]).lower()
        rank = 0 if status == "accepted" else 2 if status in ("doubtful", "misapplied") else 1
        for key in {_key(str(row[name])) for name in names if row[name]} & keys:
            ranked[key].append((rank, sense))
    best = {key: min(rank for rank, _ in found) for key, found in ranked.items()}
    return {key: [sense for rank, sense in found if rank == best[key]] for key, found in ranked.items()}


def _as_key(name: str) -> pl.Expr:
    return pl.col(name).str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def _gbif_rows(path: Path) -> pl.LazyFrame:
    columns = ["taxonID", "acceptedNameUsageID", "scientificName", "canonicalName", "taxonomicStatus"]
    table = pl.scan_csv(path, separator="\t", quote_char=None, infer_schema=False, truncate_ragged_lines=True)
    known = table.collect_schema().names()
    return table.select(pl.col(name) if name in known else pl.lit(None, pl.String).alias(name) for name in columns)


def rename_taxa(
    events: pl.DataFrame, recordings: pl.DataFrame, taxonomy: str | Path | None
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame | None]:
    """Events with canonical labels (as they were in `label_as_given`), recordings with canonical `species`, and the
    report with the events of each label. Without a taxonomy both as they are, and no report."""
    if taxonomy is None:
        return events, recordings, None
    columns = [events["label"], *([recordings["species"]] if "species" in recordings.columns else [])]
    labels = pl.concat(columns).drop_nulls().unique().to_list()
    found = map_names(labels, Path(taxonomy))
    counts = dict(events["label"].drop_nulls().value_counts().iter_rows())
    report = found.report.with_columns(
        pl.Series("events", [counts.get(label, 0) for label in found.report["label"]], dtype=pl.Int64)
    )
    renamed = events.with_columns(pl.col("label").replace(found.names), pl.col("label").alias("label_as_given"))
    if "species" in recordings.columns:
        recordings = recordings.with_columns(pl.col("species").replace(found.names))
    return renamed, recordings, report
