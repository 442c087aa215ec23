"""From a corpus to a dataset on disk: a job that resumes, lists bad files, and never writes over other things."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from tymbal.config import digest
from tymbal.corpus.auditing import Finding, audit
from tymbal.corpus.corpus import HEAD, Corpus, read_head, write_head, write_table
from tymbal.corpus.packing.datasheet import datasheet
from tymbal.corpus.packing.licences import Terms, licences, unlicensed
from tymbal.corpus.packing.names import portable_names
from tymbal.corpus.packing.sound import PACKED, PackSound, Sound, encodable, sha256
from tymbal.corpus.packing.tables import write_open_tables, write_raven
from tymbal.corpus.tables import FAILURES
from tymbal.corpus.tally import Folder, Tally, tally
from tymbal.errors import CorpusError, DataError, NothingDoneError, UsageError
from tymbal.jobs import (
    Failure,
    Progress,
    Silent,
    make_executor,
    only_writer,
    remove_temporaries,
    write_json,
    write_text,
)
from tymbal.jobs.lock import LOCK_NAME

Audio = Literal["copy", "flac"]
SOUND, RAVEN, WORK, CLAIM = "audio", "raven", "work", "pack.json"
CHECKSUMS, DATASHEET = "checksums.sha256", "DATASHEET.md"
FORMAT = 1
SHOWN = 5
NO_TERMS = Terms()


@dataclass(frozen=True)
class Packed:
    """A dataset that was written: its corpus, what failed, recordings without a licence, and new names by old ones.

    `resumed`: it was whole already, nothing was written.
    """

    corpus: Corpus
    failures: tuple[Failure, ...] = ()
    unlicensed: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    resumed: bool = False


def pack(
    corpus: Corpus,
    out: str | Path,
    *,
    audio: Audio = "copy",
    terms: Terms = NO_TERMS,
    allow_unlicensed: bool = False,
    title: str | None = None,
    audited: bool = True,
    about: str | None = None,
    extra: Mapping[str, str] | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> Packed:
    """Write `corpus` as the dataset `out`: a folder that `Corpus.open` reads back, and any other program too.

    It holds audio/, metadata.csv (one row per file), recordings.csv, events.csv and .parquet, coverage.csv, splits.csv,
    LICENSES.csv, Raven tables, checksums.sha256 and DATASHEET.md. Events, Coverage, splits and metadata are those of
    the corpus, but for the names of recordings that had to change.

    Parameters
    ----------
    audio : "copy" keeps every byte; "flac" codes what FLAC holds without loss (integer PCM to 24 bits), decodes it
        again and compares, and copies the rest. What a header told stays in recordings.csv.
    terms : licence, author and source of recordings whose metadata do not tell.
    allow_unlicensed : pack although some recordings have no licence; the datasheet names them.
    title : of the datasheet; by default the folder's name.
    audited : quote the findings of the audit, which listens to every recording once.
    about : a paragraph for the datasheet on how the data came to be.
    extra : more text files of the dataset, by name.

    A recording that is gone or not what was indexed is a failure; its events are left out. Raises DataError where
    licences are missing, UsageError where `out` holds other things, NothingDoneError where nothing could be packed.
    """
    target = Path(out)
    if audio not in get_args(Audio):
        raise UsageError(f"audio is {audio!r}", parameter="audio", allowed=", ".join(get_args(Audio)))
    bare = _check_licences(corpus, terms, allow_unlicensed)
    page = _Page(title or target.resolve().name, about, dict(extra or {}), terms, audited)
    told = {"format": FORMAT, "audio": audio, "page": page, "splits": corpus.splits.write_ndjson()}
    identity = digest({"corpus": corpus.digest, **told})
    if (done := _finished(target, identity)) is not None:
        return replace(done, unlicensed=tuple(bare))
    _refuse_foreign(corpus, target, identity)
    with only_writer(target):
        made = _made(corpus, target, _sounds(corpus, audio), identity, page, workers, progress or Silent())
    (target / LOCK_NAME).unlink(missing_ok=True)
    renamed = {old: new for old, new in made.table.select("recording", "target").iter_rows() if old != new}
    return Packed(Corpus.open(target), tuple(made.failures), tuple(bare), renamed)


@dataclass(frozen=True)
class _Page:
    """What a dataset says beside its tables."""

    title: str
    about: str | None
    extra: dict[str, str]
    terms: Terms
    audited: bool


def _made(
    corpus: Corpus,
    target: Path,
    sounds: list[Sound],
    identity: str,
    page: _Page,
    workers: int | None,
    progress: Progress,
) -> Tally:
    """Sound first, then tables and pages, the head last: from then on it is a dataset."""
    remove_temporaries(target)
    write_json(target / WORK / CLAIM, {"identity": identity})
    folder, place = Folder(target / WORK / "sound"), target / _sound_folder(corpus)
    work, executor = PackSound(corpus.root.as_posix(), place.as_posix(), identity), make_executor(workers)
    made = tally("pack", sounds, work, folder, schema=PACKED, executor=executor, progress=progress)
    if made.table.is_empty():
        first = made.failures[0].message if made.failures else "the corpus holds no recording"
        folder.clear()
        raise NothingDoneError(f"no recording could be packed; {first}", where=target, mend="Run tymbal index again.")
    findings = _audit(corpus, workers, progress) if page.audited else None
    _write(target, corpus, made, page, findings)
    parameters = {"label": corpus.default_label, "packed": identity}
    write_head(target, place, {name: value for name, value in parameters.items() if value is not None})
    shutil.rmtree(target / WORK, ignore_errors=True)
    return made


def _sound_folder(corpus: Corpus) -> str:
    """The folder that recordings' names are relative to: audio/, or the dataset where all names begin so already."""
    inside = all(name.startswith(f"{SOUND}/") for name in corpus.recordings["recording"])
    return "." if inside else SOUND


def _check_licences(corpus: Corpus, terms: Terms, allowed: bool) -> list[str]:
    bare = unlicensed(licences(corpus.recordings, terms))
    if bare and not allowed:
        shown = ", ".join(bare[:SHOWN]) + (f" and {len(bare) - SHOWN} more" if len(bare) > SHOWN else "")
        raise DataError(
            f"{len(bare)} of {corpus.recordings.height} recordings have no licence to publish them under: {shown}",
            where=corpus.path,
            mend="Give a column 'licence' with --metadata when indexing, or --licence for all that have none; "
            "--allow-unlicensed packs them for yourself.",
        )
    return bare


def _finished(target: Path, identity: str) -> Packed | None:
    """The dataset that is there already, whole and without failures, of the same corpus and settings."""
    try:
        if read_head(target)["parameters"].get("packed") != identity:
            return None
        found = Corpus.open(target)
        if found.failures.height:
            return None
        shutil.rmtree(target / WORK, ignore_errors=True)  # of a run that was killed at its very end
        return Packed(found, resumed=True)
    except (CorpusError, KeyError):
        return None


def _refuse_foreign(corpus: Corpus, target: Path, identity: str) -> None:
    """UsageError where `target` holds anything but an earlier part of the same job."""
    inside, root = target.resolve(), corpus.root.resolve()
    if inside.is_relative_to(root) or inside == corpus.path.resolve():
        raise UsageError("the dataset would lie among the recordings", where=target, mend="Give a folder elsewhere.")
    if not target.is_dir():
        return
    import json

    claim = target / WORK / CLAIM
    if claim.is_file() and json.loads(claim.read_bytes()).get("identity") == identity:
        return
    if (target / HEAD).is_file() and read_head(target).get("parameters", {}).get("packed") == identity:
        return  # whole, with failures: they are tried again
    if any(not path.name.startswith(".") for path in target.iterdir()):
        raise UsageError(
            "this folder holds other things, or a dataset of another corpus, splits or settings",
            where=target,
            mend="Give a new or empty folder (-o FOLDER).",
        )


def _sounds(corpus: Corpus, audio: Audio) -> list[Sound]:
    table = corpus.recordings.sort("recording")
    coded = encodable(table) if audio == "flac" else pl.Series([False] * table.height, dtype=pl.Boolean)
    names = table["recording"].to_list()
    suffixes = [".flac" if each else None for each in coded]
    targets = portable_names(zip(names, suffixes, strict=True))
    hashes = table["content_hash"]
    return [Sound(n, targets[n], h, e) for n, h, e in zip(names, hashes, coded, strict=True)]


def _audit(corpus: Corpus, workers: int | None, progress: Progress) -> list[Finding]:
    """What the audit finds for the label, with every split, each finding once."""
    found: dict[str, Finding] = {}
    splits: list[str | None] = [*corpus.schemes] or [None]
    for split in splits:
        each = audit(corpus, label=corpus.default_label, split=split, workers=workers, progress=progress)
        found |= {finding.message: finding for finding in each}
    return list(found.values())


def _tables(corpus: Corpus, made: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The corpus' tables with the dataset's names, hashes and formats, without recordings that were not packed."""
    names = dict(made.select("recording", "target").iter_rows())

    def renamed(table: pl.DataFrame, column: str = "recording") -> pl.DataFrame:
        kept = table.filter(pl.col("recording").is_in(list(names)))
        return kept.with_columns(pl.col(column).replace(names).alias(column))

    facts = made.drop("target", "sha256").with_columns(mtime_ns=pl.lit(0, dtype=pl.Int64))
    recordings = corpus.recordings.update(facts, on="recording")
    splits = corpus.splits.filter(pl.col("recording").is_in(list(names)))
    splits = splits.with_columns(pl.col("recording", "group").replace(names))
    faults = corpus.faults.with_columns(pl.col("source").replace(names))
    local = f"{corpus.root.as_posix()}/"  # where the recordings lay here concerns nobody else
    return {
        "recordings": renamed(recordings).sort("recording", maintain_order=True),
        "events": renamed(corpus.events).sort("recording", maintain_order=True),
        "coverage": renamed(corpus.coverage).sort("recording", maintain_order=True),
        "splits": splits.sort("scheme", "recording", "event_id", nulls_last=False),
        "faults": faults.with_columns(pl.col("message").str.replace_all(local, "", literal=True)),
    }


def _write(target: Path, corpus: Corpus, made: Tally, page: _Page, findings: list[Finding] | None) -> None:
    """Every table and page of the dataset, checksums last; the head is the caller's."""
    local, tables = f"{corpus.root.as_posix()}/", _tables(corpus, made.table)
    failed = [(f.item, f.error, f.message.replace(local, ""), "") for f in made.failures]
    tables["failures"] = pl.DataFrame(failed, schema=FAILURES, orient="row")
    for name, text in page.extra.items():
        write_text(target / name, text)
    for name, table in tables.items():
        write_table(target / f"{name}.parquet", table)
    sums = dict(made.table.select("target", "sha256").iter_rows())
    rights = licences(tables["recordings"], page.terms)
    before = "" if _sound_folder(corpus) == "." else f"{SOUND}/"
    write_open_tables(target, tables, sums, rights, before)
    write_raven(target / RAVEN, tables["events"])
    label = corpus.default_label
    sheet = datasheet(page.title, tables, rights, findings=findings, about=page.about, label=label)
    write_text(target / DATASHEET, sheet)
    lines = [f"{sums[name]}  {before}{name}" for name in sorted(sums)]
    others = sorted(path.relative_to(target).as_posix() for path in _others(target))
    lines += [f"{sha256(target / name)}  {name}" for name in others]
    write_text(target / CHECKSUMS, "\n".join(lines) + "\n")


def _others(target: Path) -> list[Path]:
    """The files of a dataset that are no recordings."""
    top = [path for path in target.iterdir() if path.is_file() and path.name not in (CHECKSUMS, HEAD)]
    return [path for path in (*top, *(target / RAVEN).rglob("*.txt")) if not path.name.startswith(".")]
