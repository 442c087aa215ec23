"""The datasheet of a dataset: what its tables say, and blanks for what only people know.

The questions are those of Gebru et al. (2021), Datasheets for Datasets, Communications of the ACM 64(12).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tymbal import __version__
from tymbal.corpus.auditing import Finding
from tymbal.corpus.packing.facts import counted, covered, folds, grouped_by, overlap_ratio, overlapping_pairs
from tymbal.corpus.packing.licences import unlicensed

FILL = "_To fill in:_"
MOST_ROWS = 25
SHOWN = 10


def datasheet(
    title: str,
    tables: Mapping[str, pl.DataFrame],
    licences: pl.DataFrame,
    *,
    findings: Sequence[Finding] | None,
    about: str | None = None,
    label: str | None = None,
) -> str:
    """The page as Markdown. `findings` are the audit's (None: it was not run), `about` how the data came to be."""
    parts = [
        [f"# {_line(title)}", "", f"Counts come from the tables beside this page. Lines marked {FILL} are yours."],
        _motivation(about),
        _composition(tables, label),
        _sounds(tables),
        _labelling(tables),
        _splits(tables),
        _collection(tables),
        _licences(licences),
        _limits(tables, licences, findings),
        _use(),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _line(text: object) -> str:
    """Text from tables as one line that Markdown takes as text."""
    plain = " ".join(str(text).split())
    return plain.replace("|", "\\|").replace("<", "&lt;")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(_line(cell) for cell in row) + " |" for row in rows[:MOST_ROWS]]
    return [*lines, *([f"\n... and {len(rows) - MOST_ROWS} more"] if len(rows) > MOST_ROWS else [])]


def _motivation(about: str | None) -> list[str]:
    lines = ["## Motivation", "", f"{FILL} for what purpose, by whom, with whose money was it made?"]
    return [*lines, "", about] if about else lines


def _composition(tables: Mapping[str, pl.DataFrame], label: str | None) -> list[str]:
    recordings, events = tables["recordings"], tables["events"]
    timed = events.filter(pl.col("onset_s").is_not_null()).height
    seconds = float(recordings["duration_s"].sum())
    lines = [
        "## Composition",
        "",
        f"- {recordings.height:,} recordings, {_span(seconds)}",
        f"- {events.height:,} events, {timed:,} with times, in {events['recording'].n_unique():,} recordings",
    ]
    for name, rows in counted(tables, label):
        lines += ["", f"By {name}:", "", *_table((name, "recordings", "hours", "events"), rows)]
    return lines


def _span(seconds: float) -> str:
    return (
        f"{seconds:.1f} s"
        if seconds < 120
        else f"{seconds / 60:.1f} minutes"
        if seconds < 7200
        else f"{seconds / 3600:.2f} hours"
    )


def _sounds(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    recordings = tables["recordings"]
    length = recordings["duration_s"]
    kinds = recordings.group_by("container", "codec", "sample_rate_hz", "channels").agg(pl.len().alias("recordings"))
    rows = kinds.sort("recordings", "container", "codec", "sample_rate_hz", "channels", descending=[True] + [False] * 4)
    lines = ["## Sound", ""]
    if recordings.height:
        low, middle, high = float(length.min() or 0), float(length.median() or 0), float(length.max() or 0)  # type: ignore[arg-type]
        lines += [f"Shortest {low:.2f} s, median {middle:.2f} s, longest {high:.2f} s.", ""]
    header = ("container", "codec", "rate (Hz)", "channels", "recordings")
    return lines + _table(header, [[str(cell) for cell in row] for row in rows.iter_rows()])


def _labelling(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    events, total = tables["events"], float(tables["recordings"]["duration_s"].sum())
    lines = [
        "## Labels",
        "",
        f"{FILL} who labelled, by which rules, looking or listening, and how well do they agree?",
        "",
    ]
    if tables["coverage"].is_empty():
        lines.append("- Coverage: none is known. Where there is no event, nobody says that there is no sound.")
    else:
        seconds = covered(tables)
        share = seconds / total if total else 0.0
        lines.append(f"- Coverage: {_span(seconds)} ({share:.0%}) were searched for every label (coverage.csv).")
    ratio = overlap_ratio(events)
    if ratio is not None:
        pairs = overlapping_pairs(events)
        lines.append(f"- Overlap: {pairs:,} pairs of events share time, {ratio:.3f} per event.")
    people = events["annotator"].drop_nulls().unique().sort().to_list()
    lines.append(f"- Annotators named in the tables: {', '.join(map(_line, people[:SHOWN])) or 'none'}.")
    boxes = events.filter(pl.col("low_hz").is_not_null() & pl.col("high_hz").is_not_null()).height
    return [*lines, f"- {boxes:,} events have a low and a high frequency."]


def _splits(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    lines = ["## Splits", ""]
    schemes = tables["splits"]["scheme"].unique().sort().to_list()
    if not schemes:
        return [*lines, "None is given."]
    for scheme in schemes:
        by = grouped_by(tables, scheme)
        told = f"grouped by {by}, none of which is in two folds" if by else "groups in splits.csv, none in two folds"
        lines += [
            f"`{scheme}`: {told}.",
            "",
            *_table(("fold", "groups", "recordings", "events"), folds(tables, scheme)),
            "",
        ]
    return lines[:-1]


def _collection(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    recordings = tables["recordings"]
    lines = ["## Collection", "", f"{FILL} where, with which equipment and settings, with which permits?", ""]
    stamps = [
        name
        for name in ("start_time", "date")
        if name in recordings.columns and recordings[name].null_count() < recordings.height
    ]
    for name in stamps:
        known = recordings[name].drop_nulls().cast(pl.String).sort()
        lines.append(
            f"- {name}: {known[0]} to {known[-1]}, known of {len(known):,} of {recordings.height:,} recordings."
        )
    return lines if stamps else [*lines, "- Dates: unknown."]


def _licences(licences: pl.DataFrame) -> list[str]:
    counts = licences.group_by(pl.col("licence").fill_null("(none)")).agg(
        pl.len().alias("recordings"),
        pl.col("author").drop_nulls().unique().sort(),
        pl.col("source").drop_nulls().unique().sort(),
    )
    rows = [
        (licence, f"{number:,}", _few(authors), _few(sources))
        for licence, number, authors, sources in counts.sort(
            "recordings", "licence", descending=[True, False]
        ).iter_rows()
    ]
    head = ["## Licences", "", "Of every recording: LICENSES.csv.", ""]
    return head + _table(("licence", "recordings", "authors", "sources"), rows)


def _few(values: list[str]) -> str:
    return ", ".join(values[:3]) + (f" and {len(values) - 3} more" if len(values) > 3 else "") or "-"


def _limits(
    tables: Mapping[str, pl.DataFrame], licences: pl.DataFrame, findings: Sequence[Finding] | None
) -> list[str]:
    lines = ["## Known limits", ""]
    bare = unlicensed(licences)
    if bare:
        lines.append(f"- **Not to be published**: {len(bare):,} recordings have no licence ({_names(bare)}).")
    ratio = overlap_ratio(tables["events"])
    if ratio is not None and ratio < 0.02:
        lines.append("- Almost no events overlap: nothing can be said from it about overlapping sounds.")
    if tables["failures"].height:
        names = tables["failures"]["item"].to_list()
        lines.append(f"- {len(names):,} recordings could not be packed, their events are left out: {_names(names)}.")
    if tables["faults"].height:
        lines.append(f"- {tables['faults'].height:,} oddities of recordings or tables are in faults.parquet.")
    if findings is None:
        return [*lines, "- The audit for leaks, duplicates and confounds was not run."]
    lines += ["", "What `tymbal audit` finds:", ""]
    return lines + ([f"- {each.severity}: {_line(each.message)}" for each in findings] or ["- nothing"])


def _names(names: list[str]) -> str:
    return ", ".join(map(_line, names[:SHOWN])) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _use() -> list[str]:
    return [
        "## Use and upkeep",
        "",
        f"{FILL} what it should not be used for; who keeps it; how to cite it.",
        "",
        "- `sha256sum -c checksums.sha256` checks every file.",
        "- `tymbal corpus check FOLDER` does too, and `tymbal.Corpus.open(FOLDER)` opens it.",
        "- events.csv, coverage.csv, recordings.csv and splits.csv are plain tables, raven/ opens in Raven.",
        f"- Packed by Tymbal {__version__}.",
    ]
