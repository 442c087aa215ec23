"""BEANS, the sets of any number of labels per window: recordings and events, cut and labelled as BEANS does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tymbal.benchmarks import splits
from tymbal.benchmarks.dataset import ANNOTATIONS, TEST, TRAIN, VALIDATION, BenchmarkSet, Contents
from tymbal.benchmarks.tables import MEND, read_lines, read_table, seconds
from tymbal.benchmarks.windows import CHUNK_S, WINDOWS, Annotation, Cut, delivered_s
from tymbal.errors import AnnotationError, AudioError, Fault

FEW = ("AGGM", "SOCM")  # dcase: too few events for three folds, left out by BEANS


@dataclass(frozen=True)
class Annotated:
    """A recording, its events and the fold of each of its chunks; `length_s` where the set says it itself."""

    recording: str
    annotations: tuple[Annotation, ...]
    fold: Callable[[int, int], str | None]
    length_s: float | None = None


def read_dcase(folder: Path, described: BenchmarkSet) -> Contents:
    """Development_Set/**/NAME.wav with NAME.csv (Audiofilename, Starttime, Endtime, then POS, NEG or UNK per class)."""
    root = folder / "Development_Set"
    recordings = []
    for path in sorted(root.glob("**/*.wav")):
        source = path.with_suffix(".csv")
        table = read_table(source, ("Starttime", "Endtime"))
        events = []
        for row in table.iter_rows(named=True):
            onset, offset = seconds(row["Starttime"], source), seconds(row["Endtime"], source)
            positive = [name for name in table.columns[3:] if row[name] == "POS" and name not in FEW]
            events += [Annotation(onset, offset, name) for name in positive]
        recordings.append(Annotated(path.relative_to(root).as_posix(), tuple(events), splits.by_chunk))
    return _contents(root, recordings, described, CHUNK_S)


def read_enabirds(folder: Path, described: BenchmarkSet) -> Contents:
    """Recording_?/NAME.wav with NAME.Table.1.selections.txt (Begin Time (s), End Time (s), Species)."""
    recordings = []
    for path in sorted(folder.glob("Recording_?/*.wav")):
        table = path.with_name(f"{path.stem}.Table.1.selections.txt")
        events = _events(table, ("Begin Time (s)", "End Time (s)", "Species"), separator="\t")
        recordings.append(Annotated(path.relative_to(folder).as_posix(), events, splits.by_chunk))
    return _contents(folder, recordings, described, CHUNK_S)


def read_gibbons(folder: Path, described: BenchmarkSet) -> Contents:
    """Train/NAME.wav with Train_Labels/g_NAME.data (Start, End, Type); every third chunk, folds by file."""
    root = folder / "Train"
    recordings = []
    for number, path in enumerate(sorted(root.glob("*.wav"))):
        events = _events(folder / "Train_Labels" / f"g_{path.stem}.data", ("Start", "End", "Type"))
        recordings.append(Annotated(path.name, events, _every_third(splits.by_file(number))))
    return _contents(root, recordings, described, CHUNK_S)


def _every_third(fold: str) -> Callable[[int, int], str | None]:
    return lambda chunk, _: fold if chunk % 3 == 0 else None


def _events(path: Path, columns: tuple[str, str, str], *, separator: str = ",") -> tuple[Annotation, ...]:
    """Onset, offset and label columns of one table; numbered labels lose a trailing ".0"."""
    table = read_table(path, columns, separator=separator)
    rows = table.select(columns).iter_rows()
    return tuple(
        Annotation(seconds(onset, path), seconds(offset, path), (label or "").strip().removesuffix(".0"))
        for onset, offset, label in rows
    )


def read_rfcx(folder: Path, described: BenchmarkSet) -> Contents:
    """train/NAME.flac with train_tp.csv (recording_id, species_id, t_min, t_max): 6:2:2 by file, whole recordings."""
    source = folder / "train_tp.csv"
    table = read_table(source, ("recording_id", "species_id", "t_min", "t_max"))
    found: dict[str, list[Annotation]] = {path.stem: [] for path in sorted((folder / "train").glob("*.flac"))}
    faults = []
    for name, label, onset, offset in table.select("recording_id", "species_id", "t_min", "t_max").iter_rows():
        if name in found:
            found[name].append(Annotation(seconds(onset, source), seconds(offset, source), label))
        else:
            faults.append(Fault("no_recording", f"train_tp.csv: no train/{name}.flac for its events"))
    folds = splits.shuffled(len(found)) if len(found) > 4 else [TRAIN] * len(found)
    pairs = zip(found.items(), folds, strict=True)
    recordings = [Annotated(f"{name}.flac", tuple(events), _always(fold)) for (name, events), fold in pairs]
    return _contents(folder / "train", recordings, described, None, faults)


def _always(fold: str) -> Callable[[int, int], str | None]:
    return lambda *_: fold


def read_hiceas(folder: Path, described: BenchmarkSet) -> Contents:
    """train.jsonl, valid.jsonl, test.jsonl: one recording a line (path, length, annotations of st, ed, label)."""
    recordings = []
    for fold, file in ((TRAIN, "train.jsonl"), (VALIDATION, "valid.jsonl"), (TEST, "test.jsonl")):
        for number, line in enumerate(read_lines(folder / file), 1):
            try:
                row = json.loads(line)
                events = [Annotation(float(e["st"]), float(e["ed"]), str(e["label"])) for e in row["annotations"]]
                name, length = _below(str(row["path"]), folder), float(row["length"])
            except (ValueError, KeyError, TypeError) as error:
                raise AnnotationError(
                    f"line {number} is no recording ({error})", where=folder / file, allowed="path, length, annotations"
                ) from error
            recordings.append(Annotated(name, tuple(events), _always(fold), length))
    return _contents(folder, recordings, described, None)


def _below(path: str, folder: Path) -> str:
    """A path of the official scripts ("data/hiceas/...") relative to the set's folder."""
    parts = path.replace("\\", "/").split("/")
    return "/".join(parts[parts.index(folder.name) + 1 :]) if folder.name in parts else "/".join(parts)


def _contents(
    root: Path, found: Sequence[Annotated], described: BenchmarkSet, chunk_s: int | None, faults: Sequence[Fault] = ()
) -> Contents:
    numbers = {label: number for number, label in enumerate(described.labels)}
    cut = Cut(described.window_s, described.hop_s, numbers, chunk_s)
    parts, events, odd, missing = [pl.DataFrame(schema=WINDOWS)], [], list(faults), []
    for each in found:
        if not (root / each.recording).is_file():
            missing.append(each.recording)
            continue
        known = [_known(event, described, each.recording, odd) for event in each.annotations]
        kept = [event for event in known if event is not None]
        try:
            length = each.length_s or delivered_s(root / each.recording, described.sample_rate_hz)
        except AudioError as error:
            odd.append(Fault("unreadable", f"{each.recording}: {error.what}. {MEND}"))
            continue
        parts.append(cut.windows(each.recording, length, kept, each.fold))
        events += [[each.recording, event.onset_s, event.offset_s, event.label] for event in kept]
    annotations = pl.DataFrame(events, schema=ANNOTATIONS, orient="row")
    unique = tuple(dict.fromkeys(odd))
    return Contents(root, pl.concat(parts), described.labels, annotations, unique, tuple(missing))


def _known(event: Annotation, described: BenchmarkSet, recording: str, odd: list[Fault]) -> Annotation | None:
    """The event under a label of the set; None, noted, where the set has no place for its label."""
    if event.label in described.labels:
        return event
    if described.unknown is not None:
        return Annotation(event.onset_s, event.offset_s, described.unknown)
    odd.append(Fault("foreign_label", f"{recording}: label {event.label!r} is none of the set's labels; left out"))
    return None
