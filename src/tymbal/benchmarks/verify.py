"""Is a set there, whole, and what its benchmark says it is? Everything missing or unexpected by name, with the mend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from tymbal.audio import probe
from tymbal.benchmarks.dataset import FOLDS, TEST, BenchmarkSet, Contents
from tymbal.benchmarks.tables import read_table
from tymbal.errors import TymbalError

SHOWN = 5


@dataclass(frozen=True)
class Departure:
    """One thing to know. "missing": the set cannot be run; "unexpected": not as published; "note": as published."""

    severity: Literal["missing", "unexpected", "note"]
    code: str
    message: str
    mend: str


@dataclass(frozen=True)
class Verification:
    """What was found of one set; `counts` are the examples of each fold as they are here."""

    described: BenchmarkSet
    folder: Path
    departures: tuple[Departure, ...]
    counts: dict[str, int]
    contents: Contents | None = None

    @property
    def ready(self) -> bool:
        """Whether the set can be run."""
        return self.contents is not None and all(each.severity != "missing" for each in self.departures)

    @property
    def official(self) -> bool:
        """Whether nothing departs from what was published."""
        return all(each.severity == "note" for each in self.departures)


def verify(data: Path, described: BenchmarkSet) -> Verification:
    """Look at one set below the benchmark's folder `data`: files, recordings, labels, counts, rates."""
    folder = described.place(data)
    absent = [*_absent(data, described)]
    for other in (described.train_on, described.pick_on):
        absent += [] if other is None else _absent(data, other)
    if absent:
        return Verification(described, folder, tuple(absent), {})
    place = _place(described)
    try:
        contents = described.read(folder, described)
    except TymbalError as error:
        broken = Departure(
            "missing", "unreadable", f"{described.name}: {error.what} in {error.where}", error.mend or place
        )
        return Verification(described, folder, (broken,), {})
    counts = contents.count()
    found = [
        *_recordings(contents, described, place),
        *_labels(contents, described),
        *_counts(counts, described),
        *_rates(contents, described),
        *_leaks(contents, described),
        *_lists(contents, described, folder),
        *(described.inspect(contents, described) if described.inspect is not None else ()),
    ]
    return Verification(described, folder, tuple(found), counts, contents)


def _absent(data: Path, described: BenchmarkSet) -> list[Departure]:
    """What of the layout is not there at all: the folder, a named file, or every recording."""
    folder = described.place(data)
    place, name = _place(described), described.name
    if not folder.is_dir():
        return [Departure("missing", "no_folder", f"{name}: {folder} is not there", place)]
    gone = [each for each in described.files if not (folder / each).exists()]
    found = [Departure("missing", "no_file", f"{name}: {folder / each} is not there", place) for each in gone]
    if not any(True for _ in folder.glob(described.audio)):
        text = f"{name}: no recording matches {folder / described.audio}"
        found.append(Departure("missing", "no_audio", text, place))
    return found


def _place(described: BenchmarkSet) -> str:
    origin = described.origin
    return f"Get it from {origin.page} ({_size(origin.size_gb)}; licence: {origin.licence}): {origin.place}."


def _size(size_gb: float | None) -> str:
    return "size not stated" if size_gb is None else f"{size_gb:g} GB"


def _recordings(contents: Contents, described: BenchmarkSet, place: str) -> list[Departure]:
    found = []
    if contents.missing:
        text = f"{described.name}: {len(contents.missing)} recordings are not there: {_some(contents.missing)}"
        found.append(Departure("unexpected", "no_recording", text, place))
    here = contents.examples["recording"].n_unique()
    if described.recordings is not None and here != described.recordings:
        text = f"{described.name}: {here} recordings, {described.recordings} were published"
        found.append(Departure("unexpected", "recordings", text, place))
    for fault in contents.faults:
        mend = "Look at this file or table; the numbers will not be those of the whole set."
        found.append(Departure("unexpected", fault.code, f"{described.name}: {fault.message}", mend))
    return found


def _labels(contents: Contents, described: BenchmarkSet) -> list[Departure]:
    seen = {label for labels in contents.examples["labels"] for label in labels}
    found = []
    if described.classes and len(contents.labels) != described.classes:
        text = f"{described.name}: {len(contents.labels)} labels, {described.classes} were published"
        found.append(Departure("unexpected", "classes", text, "Check that the download is whole and of that version."))
    never = [label for label in contents.labels if label not in seen]
    if never:
        text = f"{described.name}: {len(never)} labels have no example here: {_some(never)}"
        mend = "Macro averages count them as 0 where the benchmark does; complete the download."
        found.append(Departure("unexpected", "absent_label", text, mend))
    return found


def _counts(counts: dict[str, int], described: BenchmarkSet) -> list[Departure]:
    found = []
    for fold in FOLDS:
        wanted = described.counts.get(fold)
        if wanted is not None and counts.get(fold, 0) != wanted:
            text = f"{described.name}: {counts.get(fold, 0)} {fold} examples, {wanted} were published"
            mend = "Complete the download; until then our numbers are not comparable with published ones."
            found.append(Departure("unexpected", "examples", text, mend))
    if described.task == "repertoire" and not counts.get(TEST):
        text = f"{described.name}: no clip of the table is there"
        found.append(Departure("missing", "folds", text, _place(described)))
    if described.task != "repertoire" and not (counts.get("train") and counts.get(TEST)):
        mend = "Training and testing need both: complete the download."
        text = f"{described.name}: {counts.get('train', 0)} training and {counts.get(TEST, 0)} test examples"
        found.append(Departure("missing", "folds", text, mend))
    return found


def _rates(contents: Contents, described: BenchmarkSet) -> list[Departure]:
    """Recordings below the protocol's rate: upsampled by the official code, so high frequencies are missing."""
    if not described.sample_rate_hz:
        return []
    rates = {name: probe(contents.root / name).sample_rate_hz for name in contents.examples["recording"].unique()}
    low = sorted(name for name, rate in rates.items() if rate < described.sample_rate_hz)
    if not low:
        return []
    text = (
        f"{described.name}: {len(low)} of {len(rates)} recordings are below the {described.sample_rate_hz} Hz of the "
        f"protocol (down to {min(rates.values())} Hz): {_some(low)}"
    )
    mend = "So they are published in some sets (watkins); where not, the copy was resampled: download it again."
    return [Departure("note", "rate", text, mend)]


def _leaks(contents: Contents, described: BenchmarkSet) -> list[Departure]:
    """Units with examples in two folds where the protocol keeps them whole; clips, where it tears units on purpose."""
    if not described.whole_units and described.task != "labels":
        return []  # chunks of one recording are in several folds
    key, name = ("unit", described.unit_name) if described.whole_units else ("recording", "clip")
    folds = contents.examples.drop_nulls("fold").group_by(key).agg(pl.col("fold").n_unique())
    torn = sorted(folds.filter(pl.col("fold") > 1)[key].to_list())
    if not torn:
        return []
    text = f"{described.name}: {len(torn)} {name}s are in more than one fold: {_some(torn)}"
    if described.published_folds:
        mend = "So they are published; the numbers of this set are that much too good."
        return [Departure("note", "leak", text, mend)]
    mend = "The split leaks: do not read its numbers. Take the set's own tables anew."
    return [Departure("unexpected", "leak", text, mend)]


def _lists(contents: Contents, described: BenchmarkSet, folder: Path) -> list[Departure]:
    """Clips that the lists of the official scripts, where these were run, have in another fold than our draw."""
    official: dict[str, str] = {}
    for fold, name in zip(FOLDS, ("train", "valid", "test"), strict=True):
        path = folder / described.lists.format(name)
        if not described.lists or not path.is_file():
            return []
        official.update((Path(text or "").stem, fold) for text in read_table(path, ("path",))["path"])
    ours = contents.examples.select("recording", "fold").unique().iter_rows()
    other = sorted(name for name, fold in ours if official.get(Path(name).stem, fold) != fold)
    if not other:
        return []
    lists = described.lists.format("*")
    text = f"{described.name}: {len(other)} clips are in another fold than in {lists}: {_some(other)}"
    mend = "Delete those lists if they were changed by hand; else report this, with the versions of scikit-learn."
    return [Departure("unexpected", "split", text, mend)]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
