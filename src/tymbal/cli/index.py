"""`tymbal index`: make a corpus of recordings, annotations and splits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tymbal.cli.audit import say_findings
from tymbal.cli.common import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    Json,
    Quiet,
    Workers,
    count,
    save_parameters,
    say,
    say_failures,
    say_json,
    say_table,
)

if TYPE_CHECKING:
    from tymbal.corpus import Changes, Corpus, Finding, SplitReport


@dataclass(frozen=True)
class Tables:
    """What is known of the recordings.

    Parameters
    ----------
    annotations
        Tables of events in any format, or folders of such.
    metadata
        CSV tables with a `recording` column; their other columns ride along (site, individual, session, fold).
    manifest
        What an archive hands out with recordings: Xeno-canto (JSON or table), iNaturalist, AudioSet, Watkins, Darwin
        Core (GBIF, Animal Sound Archive). Their labels, places, licences and recordists ride along.
    taxonomy
        A table that labels are mapped to names by: eBird's or Clements' checklist, GBIF's Taxon.tsv, or columns name
        and canonical. What does not map keeps its label and is listed.
    label
        The column of events or metadata that holds the label.
    coverage
        A table of what was listened to exhaustively.
    complete
        Everything in recordings that have annotations was labelled: absence there means absence.
    """

    annotations: Annotated[tuple[Path, ...], Parameter(consume_multiple=True, negative="")] = ()
    metadata: Annotated[tuple[Path, ...], Parameter(consume_multiple=True, negative="")] = ()
    manifest: Annotated[tuple[Path, ...], Parameter(consume_multiple=True, negative="")] = ()
    taxonomy: Path | None = None
    label: str | None = None
    coverage: Path | None = None
    complete: Annotated[bool, Parameter(negative="")] = False


@dataclass(frozen=True)
class Split:
    """How examples are divided.

    Parameters
    ----------
    split_by
        What must not be torn apart: a column, COLUMN+COLUMN for one key of both, commas for several.
    folds
        A number (5 unless told), `each` (one fold per group), shares (train=0.6,test=0.4), or a column of folds.
    split_name
        What the split is called.
    seed
        Breaks ties between equal groups.
    """

    split_by: str | None = None
    folds: str | None = None
    split_name: str = "folds"
    seed: int = 0


def index(
    recordings: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    tables: Annotated[Tables, Parameter(name="*")] = Tables(),
    split: Annotated[Split, Parameter(name="*")] = Split(),
    audit: bool = True,
    resume: bool = True,
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Make a corpus of a folder of recordings and their tables, or bring it up to date.

    Parameters
    ----------
    recordings
        Folder of recordings, searched recursively.
    out
        Folder of the corpus.
    audit
        Where a label is known, look for leaks, duplicates and confounds.
    resume
        Take over what is known of files whose size and time did not change; --no-resume reads every byte again.
    """
    from tymbal import corpus as room
    from tymbal.jobs import make_progress

    progress = make_progress(quiet=quiet)
    coverage = "complete" if tables.complete and tables.coverage is None else tables.coverage
    corpus = room.index(
        recordings,
        out=out,
        annotations=tables.annotations,
        metadata=tables.metadata,
        manifest=tables.manifest,
        taxonomy=tables.taxonomy,
        label=tables.label,
        coverage=coverage,
        workers=workers,
        progress=progress,
        resume=resume,
    )
    label = corpus.default_label
    report = _split(corpus, split, label)
    name = split.split_name if report is not None else None
    wanted = audit and label is not None
    findings = room.audit(corpus, label=label, split=name, workers=workers, progress=progress) if wanted else []
    numbers = room.summary(corpus, label)
    given = {"recordings": recordings, "out": out, **asdict(tables), **asdict(split), "audit": audit}
    save_parameters(out, "index", given)
    if json:
        say_json(_plain(corpus, numbers, report, findings))
    elif not quiet:
        _tell(corpus, numbers, label, report)
        if wanted:
            say_findings(findings, label)
    failures = corpus.failures.select("item", "message").rows()
    say_failures(failures, kept_in=out / "failures.parquet")
    return EXIT_SOME_FAILED if failures else EXIT_OK


def _split(corpus: Corpus, split: Split, label: str | None) -> SplitReport | None:
    from tymbal.corpus import make_split, parse_folds

    if split.split_by is None and split.folds is None:
        return None
    columns = [part.strip() for part in (split.split_by or "recording").split(",")]
    by = columns[0] if len(columns) == 1 else columns
    folds = parse_folds(split.folds or "5")
    return make_split(corpus, split.split_name, by=by, folds=folds, stratify=label, seed=split.seed)


def _plain(
    corpus: Corpus, numbers: dict[str, Any], report: SplitReport | None, findings: list[Finding]
) -> dict[str, Any]:
    failures = [{"item": item, "message": message} for item, message in corpus.failures["item", "message"].iter_rows()]
    split = None
    if report is not None:
        split = {**vars(report), "folds": report.folds.to_dicts(), "labels": report.labels.to_dicts()}
    return {
        **numbers,
        "changes": corpus.changes,
        "manifests": [
            dict(zip(("manifest", "archive", "here", "entries"), row, strict=True)) for row in corpus.manifests
        ],
        "taxa": corpus.taxa.to_dicts(),
        "split": split,
        "audit": findings,
        "failed": failures,
    }


def _tell(corpus: Corpus, numbers: dict[str, Any], label: str | None, report: SplitReport | None) -> None:
    rows = [
        ("recordings", f"{numbers['recordings']:,} ({numbers['hours']:,.2f} h)"),
        ("formats", _counted(numbers["formats"])),
        ("sample rates", _counted(numbers["sample_rates_hz"], " Hz")),
        ("channels", _counted(numbers["channels"])),
    ]
    if numbers["metadata"]:
        rows.append(("metadata", ", ".join(numbers["metadata"])))
    if numbers["events"]:
        where = count(numbers["recordings_with_events"], "recording")
        rows.append(("events", f"{numbers['events']:,} in {where}, {numbers['events_with_times']:,} with times"))
    for name, archive, here, entries in corpus.manifests:
        rows.append(("manifest", f"{name} ({archive}): {here:,} of {entries:,} entries have a recording here"))
    if label is not None:
        rows.append((label, f"{count(len(numbers['labels']), 'label')}: {_counted(numbers['labels'])}"))
    if numbers["coverage_hours"] is not None:
        rows.append(("coverage", f"{numbers['coverage_hours']:,.2f} h listened to for every label"))
    elif numbers["events_with_times"]:
        rows.append(("coverage", "none given: absence means nothing, evaluation will give recall only (--complete)"))
    if corpus.changes is not None:
        rows.append(("changes", _changes(corpus.changes)))
    say_table(("corpus", numbers["corpus"]), rows)
    _tell_taxa(corpus)
    _tell_split(report)
    _tell_faults(corpus)


def _tell_taxa(corpus: Corpus) -> None:
    """How many labels mapped, and every one that did not, with what it may stand for."""
    taxa = corpus.taxa
    if taxa.is_empty():
        return
    statuses = dict(taxa["status"].value_counts().iter_rows())
    words = ("same", "mapped", "unmapped", "ambiguous", "split")
    say(f"taxonomy: {', '.join(f'{statuses[word]:,} {word}' for word in words if word in statuses)}")
    odd = taxa.filter(~taxa["status"].is_in(["same", "mapped"])).sort(
        "status", "events", "label", descending=[False, True, False]
    )
    if odd.height:
        say("these keep their label (all in taxa.parquet):")
        rows = [(label, status, f"{events:,}", " | ".join(names)) for label, status, names, events in odd.iter_rows()]
        say_table(("label", "is", "events", "may stand for"), rows, limit=20)


def _counted(counts: dict[str, int], unit: str = "", limit: int = 6) -> str:
    shown = ", ".join(f"{name}{unit} {number:,}" for name, number in list(counts.items())[:limit])
    return shown + (f" and {len(counts) - limit} more" if len(counts) > limit else "")


def _changes(changes: Changes) -> str:
    words = ("added", "changed", "removed", "renamed")
    parts = [f"{len(getattr(changes, word)):,} {word}" for word in words if getattr(changes, word)]
    parts += [f"{changes.unchanged:,} unchanged"] if changes.unchanged else []
    if changes.splits_dropped:
        parts.append(f"splits made for the old corpus are gone: {', '.join(changes.splits_dropped)}")
    return ", ".join(parts)


def _tell_split(report: SplitReport | None) -> None:
    if report is None:
        return
    say(f"split {report.scheme!r}: {report.groups} groups by {report.by}")
    say(f"  imbalance {report.imbalance:.4f} (random groups: {report.random_imbalance:.4f})")
    say_table(report.folds.columns, report.folds.rows(), limit=20)
    for fold, labels in report.missing.items():
        say(f"  fold {fold} has no {', '.join(labels[:8])}{' ...' if len(labels) > 8 else ''}")


def _tell_faults(corpus: Corpus, limit: int = 10) -> None:
    faults = corpus.faults
    if faults.is_empty():
        return
    odd = "1 oddity" if faults.height == 1 else f"{faults.height:,} oddities"
    say(f"{odd} in files that could be read (faults.parquet):")
    for source, code, message in faults.head(limit).iter_rows():
        say(f"  {code}: {message}" if source in message else f"  {code}: {source}: {message}")
    if faults.height > limit:
        say(f"  ... and {faults.height - limit} more")
