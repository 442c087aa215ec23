"""A set as its download leaves it: three lists of recordings, each with a Raven table, and perhaps a label mapping.

The lists (fn, audio_fp, selection_table_fp) are CSV; Voxaboxen's own tool adds an index column to them each time it
runs, and paths are relative to the set, to the tool's folder, or absolute on somebody else's machine. So a path is
looked for below the set's folder by its ending, the longest first. Where the lists lie in a folder "formatted",
recordings may also lie beside it: the scripts of some sets leave them where they were downloaded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tymbal.annotations import EVENTS, make_events, read_events
from tymbal.audio import probe
from tymbal.benchmarks.boxes.layout import FILES, SLOWED, UNKNOWN, BoxContents, BoxSet, Clock, read_clock
from tymbal.benchmarks.boxes.mapping import Mapped, read_mapping
from tymbal.benchmarks.dataset import ANNOTATIONS, EXAMPLES, FOLDS, TEST, TRAIN, VALIDATION, BenchmarkSet
from tymbal.benchmarks.tables import read_table
from tymbal.errors import AnnotationError, AudioError, DataError, Fault

INFOS = {TRAIN: "train_info.csv", VALIDATION: "val_info.csv", TEST: "test_info.csv"}
LABEL = "Annotation"
FORMATTED = "formatted"
_TOLD = 3  # faults of a kind that are told one by one


@dataclass
class _Found:
    """What is gathered list by list: rows of FILES, events per recording, oddities, recordings that are not there.

    places : where files are looked for. root : what recordings are relative to.
    """

    places: Sequence[Path]
    root: Path
    files: list[tuple[str, str, str, float, int]]
    events: dict[str, pl.DataFrame]
    faults: list[Fault]
    missing: list[str]


def read(folder: Path, described: BenchmarkSet) -> BoxContents:
    """Contents of a set of boxes. A recording without its file or a readable table is left out and named.

    Raises AnnotationError for a list that cannot be read, DataError where the description is of another kind.
    """
    if not isinstance(described, BoxSet):
        raise DataError(f"{described.name} is no set of boxes", where="tymbal.benchmarks.boxes")
    lists = {fold: read_table(folder / INFOS[fold], ("audio_fp", "selection_table_fp")) for fold in FOLDS}
    places = [folder, folder.parent] if folder.name == FORMATTED else [folder]
    named = (text for table in lists.values() for text in table["audio_fp"].drop_nulls())
    inside = all(path is None or path.is_relative_to(folder) for path in (locate(places, text) for text in named))
    found = _Found(places, folder if inside else folder.parent, [], {}, [], [])
    for fold in reversed(FOLDS):  # a recording that is in two lists is judged, and never trained on
        _read_list(lists[fold], fold, found)
    files = pl.DataFrame(found.files, schema=FILES, orient="row")
    files = files.sort(pl.col("fold").replace_strict(list(FOLDS), [0, 1, 2], return_dtype=pl.Int8), maintain_order=True)
    parts = [found.events[name] for name in files["recording"]]
    events = pl.concat(parts, how="vertical") if parts else pl.DataFrame(schema=EVENTS)
    mapped = read_mapping(folder, described, events)
    events = mapped.events.with_columns(event_id=pl.lit(None, dtype=pl.String))
    events = make_events(events)
    faults = _gathered([*found.faults, *_dropped(mapped, described)])
    known = events.filter(pl.col("label") != UNKNOWN)
    folds = dict(files.select("recording", "fold").iter_rows())
    fold_of = pl.col("recording").replace_strict(folds, default=None, return_dtype=pl.String)
    examples = known.select(
        "event_id",
        "recording",
        "onset_s",
        "offset_s",
        pl.concat_list("label").alias("labels"),
        fold_of.alias("fold"),
        pl.col("recording").alias("unit"),
    )
    return BoxContents(
        found.root,
        examples.cast(dict(EXAMPLES)),  # type: ignore[arg-type]
        mapped.labels,
        annotations=events.select(list(ANNOTATIONS)),
        faults=faults,
        missing=tuple(sorted(found.missing)),
        files=files,
        events=events,
        clock=_clock(folder, files, known, described),
    )


def _read_list(table: pl.DataFrame, fold: str, found: _Found) -> None:
    names = table["fn"] if "fn" in table.columns else pl.Series([None] * table.height, dtype=pl.String)
    for row, (name, audio, selections) in enumerate(
        zip(names, table["audio_fp"], table["selection_table_fp"], strict=True), 2
    ):
        where = f"{INFOS[fold]}, row {row}"
        if not audio or selections in (None, "", "None"):  # their tool writes None for no table
            found.faults.append(Fault("no_path", f"{where}: no {'table' if audio else 'recording'} is named"))
            continue
        path = locate(found.places, audio)
        if path is None:
            found.missing.append(audio)
            continue
        recording = path.relative_to(found.root).as_posix()
        if recording in found.events:
            earlier = next(each[2] for each in found.files if each[1] == recording)
            said = f"it counts as {earlier} alone" if earlier != fold else "the second is left out"
            code = "leak" if earlier != fold else "twice"
            found.faults.append(Fault(code, f"{where}: {recording} is in the list of {earlier} too; {said}"))
            continue
        try:
            info = probe(path)
            events = _read_table(selections, recording, found)
        except (AnnotationError, AudioError) as error:
            found.faults.append(Fault("left_out", f"{where}: {recording} is left out: {error.what} ({error.where})"))
            continue
        found.files.append((name or Path(recording).stem, recording, fold, info.duration_s, info.sample_rate_hz))
        found.events[recording] = events


def _read_table(text: str, recording: str, found: _Found) -> pl.DataFrame:
    """The events of one recording. Raises AnnotationError where its table is not there or cannot be read."""
    path = locate(found.places, text)
    if path is None:
        raise AnnotationError(f"its table {text!r} is not there", where=found.places[0])
    read = read_events(path, format="raven", label_column=LABEL, recording=recording).cleaned()
    found.faults.extend(read.faults)
    return read.events.select(list(EVENTS)).with_columns(pl.lit(recording).alias("recording"))


def locate(places: Sequence[Path], text: str) -> Path | None:
    """The file that a path of a list means: by its longest ending that is a file in one of `places`; None: in none."""
    for ending in _endings(text):
        for place in places:
            if (place / ending).is_file():
                return place / ending
    return None


def _endings(text: str) -> Iterator[str]:
    parts = [part for part in text.strip().replace("\\", "/").split("/") if part not in ("", ".", "..")]
    for start in range(len(parts)):
        yield "/".join(parts[start:])


def _dropped(mapped: Mapped, described: BoxSet) -> list[Fault]:
    if not mapped.dropped:
        return []
    most = sorted(mapped.dropped.items(), key=lambda each: (-each[1], each[0]))
    told = ", ".join(f"{name} ({count})" for name, count in most[:5]) + (", ..." if len(most) > 5 else "")
    count = sum(mapped.dropped.values())
    return [
        Fault(
            "dropped_label",
            f"{count} events with labels that the mapping lacks were dropped, as Voxaboxen does: {told}",
        )
    ]


def _gathered(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """Faults as they are, but of many of a kind the first and how many more."""
    counts = Counter(fault.code for fault in faults)
    seen: Counter[str] = Counter()
    kept = []
    for fault in faults:
        seen[fault.code] += 1
        if seen[fault.code] < _TOLD or counts[fault.code] == _TOLD:
            kept.append(fault)
        elif seen[fault.code] == _TOLD:
            more = counts[fault.code] - _TOLD
            kept.append(Fault(fault.code, f"{fault.message} (and {more} more like it)"))
    return tuple(kept)


def _clock(folder: Path, files: pl.DataFrame, known: pl.DataFrame, described: BoxSet) -> Clock:
    """By mean lengths of recordings and events, which a missing file hardly changes."""
    means = dict(files.group_by("fold").agg(pl.col("duration_s").mean()).iter_rows())
    ratios = [
        (means[fold] / (3600 * described.hours[fold] / described.files_by_fold[fold]), described.hours[fold])
        for fold in means
        if described.files_by_fold.get(fold) and described.hours.get(fold)
    ]
    total = sum(weight for _, weight in ratios)
    audio = sum(ratio * weight for ratio, weight in ratios) / total if total else float("nan")
    lengths = (known["offset_s"] - known["onset_s"]).mean()
    named_slowed = any(name.endswith(SLOWED) for name in (folder.name, folder.parent.name))
    tables = float(lengths) / described.mean_s if lengths is not None and described.mean_s else float("nan")  # type: ignore[arg-type]
    return read_clock(audio, tables, described.slowed, named_slowed)
