"""Miniature copies of the eight sets in the layouts that their downloads have had, each with traps of its own.

Sound is bursts of tone in noise, a few seconds per recording; `SIZES` says how many of what. A replica comes with the
description of its set whose published numbers are those of the copy, counted from what was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import soundfile

from tymbal.benchmarks import benchmark_sets
from tymbal.benchmarks.boxes.layout import BoxSet
from tymbal.benchmarks.dataset import FOLDS

RATE = 4000
NAMES = ("AnSet", "BV10", "HawB", "HbW", "Katy", "MT", "Pow", "OZF")
LISTS = dict(zip(FOLDS, ("train", "val", "test"), strict=True))


@dataclass(frozen=True)
class Replica:
    """How a set is copied: recordings per fold, seconds and events of each, labels, and what is odd about it.

    folder : where it lies. prefix : what stands before paths in the lists. index : columns that their tool has added.
    fn : "text", "integer" or "none". bounds : whether tables have frequencies. more : labels besides those of the set.
    """

    folder: str
    files: tuple[int, int, int] = (3, 2, 2)
    seconds: float = 4.0
    events: int = 6
    length_s: tuple[float, float] = (0.1, 0.2)
    labels: tuple[str, ...] = ("call",)
    prefix: str = ""
    index: int = 0
    fn: str = "text"
    bounds: bool = True
    more: tuple[str, ...] = ()
    slow: int = 1


_FROGS = tuple(f"FROG{number}_{quality}" for number in range(5) for quality in "LM")
_HAWAII = ("ercfra", "reblei", "warwhe1", "skylar", "hawama", "houfin", "apapan", "omao", "iiwi")
SIZES = {
    "AnSet": Replica("Anuraset/formatted", labels=_FROGS, length_s=(0.3, 0.5), prefix="datasets/Anuraset/formatted/"),
    "BV10": Replica("BV", events=8, prefix="./", index=2),
    "HawB": Replica("HawB", labels=_HAWAII, events=9, length_s=(0.2, 0.3), more=("yefcan",)),
    "HbW": Replica("HbW", prefix="D:\\whales\\HbW\\", length_s=(0.3, 0.5)),
    "Katy": Replica("Katy_slowed", prefix="/home/somebody/data/Katy_slowed/", slow=6, length_s=(0.1, 0.15)),
    "MT": Replica("MT/formatted", fn="integer", index=1, bounds=False, prefix="datasets/MT/formatted/"),
    "Pow": Replica(
        "Pow", events=7, labels=("NOCA", "BCCH", "EATO", "BTNW", "REVI", "TUTI"), more=("Unknown",), fn="none"
    ),
    "OZF": Replica("OZF", files=(4, 2, 2), events=12, length_s=(0.08, 0.14), index=1),
}


@dataclass
class Written:
    """What was written: the folder of the set, its description, and rows of the lists by fold."""

    folder: Path
    described: BoxSet
    rows: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def audio(self, fold: str, number: int = 0) -> Path:
        """A recording of a fold."""
        return self.folder / "audio" / f"{LISTS[fold]}{number}.wav"

    def table(self, fold: str, number: int = 0) -> Path:
        """Its selection table."""
        return self.folder / "selection_tables" / f"{LISTS[fold]}{number}.txt"


def make(data: Path, name: str, **changes: object) -> Written:
    """One replica below `data`; `changes` are fields of Replica to be other than in SIZES."""
    size = replace(SIZES[name], **changes)  # type: ignore[arg-type]
    (described,) = benchmark_sets("boxes", [name])
    assert isinstance(described, BoxSet)
    folder, written, lengths = data / size.folder, Written(data / size.folder, described), []
    counts = dict.fromkeys(FOLDS, 0)
    for fold, files in zip(FOLDS, size.files, strict=True):
        rows = []
        for number in range(files):
            stem = f"{LISTS[fold]}{number}"
            events = _events(size, seed=len(lengths) + 17 * number)
            _sound(folder / "audio" / f"{stem}.wav", size, events, seed=100 * number + len(stem))
            _table(folder / "selection_tables" / f"{stem}.txt", size, events)
            known = [end - start for start, end, label in events if label in size.labels]
            counts[fold] += len(known)
            lengths += known
            paths = f"{size.prefix}audio/{stem}.wav", f"{size.prefix}selection_tables/{stem}.txt"
            if "\\" in size.prefix:
                paths = paths[0].replace("/", "\\"), paths[1].replace("/", "\\")
            name_of = {"text": stem, "integer": str(number), "none": ""}[size.fn]
            rows.append({"fn": name_of, "audio_fp": paths[0], "selection_table_fp": paths[1]})
        written.rows[fold] = rows
        write_list(folder / f"{LISTS[fold]}_info.csv", rows, size)
    hours = [files * size.seconds / 3600 for files in size.files]
    written.described = replace(
        described,
        classes=len(size.labels),
        labels=described.labels,
        events=counts,
        files_by_fold=dict(zip(FOLDS, size.files, strict=True)),
        hours=dict(zip(FOLDS, hours, strict=True)),
        hours_within=1e-5,
        mean_s=float(np.mean(lengths)),
    )
    return written


def write_list(path: Path, rows: Sequence[dict[str, str]], size: Replica) -> None:
    """A list with `index` columns before it, as pandas writes them."""
    kept = [name for name in rows[0] if name != "fn" or size.fn != "none"]
    extra = ["", "Unnamed: 0", "Unnamed: 0.1"][: size.index]
    lines = [",".join([*extra, *kept])]
    lines += [",".join([*[str(number)] * len(extra), *(row[k] for k in kept)]) for number, row in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _events(size: Replica, seed: int) -> list[tuple[float, float, str]]:
    """Native times; every label in turn, then those besides."""
    random = np.random.default_rng(seed)
    labels = [*size.labels, *size.more]
    total = max(size.events, 0)
    starts = np.linspace(0.1, size.seconds - 0.7, total) + random.uniform(0, 0.05, total)
    ends = starts + random.uniform(*size.length_s, total)
    shift = int(random.integers(len(labels)))
    return [
        (round(float(a), 4), round(float(b), 4), labels[(row + shift) % len(labels)])
        for row, (a, b) in enumerate(zip(starts, ends, strict=True))
    ]


def _sound(path: Path, size: Replica, events: Sequence[tuple[float, float, str]], seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    sound = 0.003 * random.standard_normal(round(size.seconds * RATE))
    labels = sorted({*size.labels, *size.more})
    for start, end, label in events:
        first, stop = round(start * RATE), round(end * RATE)
        hz = 400 + 1200 * labels.index(label) / len(labels)
        sound[first:stop] += 0.3 * np.sin(2 * np.pi * hz * np.arange(stop - first) / RATE)
    soundfile.write(path, sound, RATE // size.slow)


def _table(path: Path, size: Replica, events: Sequence[tuple[float, float, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = ["Selection", "View", "Channel", "Begin Time (s)", "End Time (s)"]
    header += ["Low Freq (Hz)", "High Freq (Hz)"] if size.bounds else []
    lines = ["\t".join([*header, "Annotation"])]
    for number, (start, end, label) in enumerate(events, 1):
        cells = [str(number), "Spectrogram 1", "1", f"{start * size.slow:.6f}", f"{end * size.slow:.6f}"]
        cells += [str(300 // size.slow), str(1900 // size.slow)] if size.bounds else []  # whole Hz, as some tools write
        lines.append("\t".join([*cells, label]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
