"""BirdSet (arXiv 2403.10380): focal recordings to train on, soundscapes in 5-s segments to test on, three protocols.

DT trains on a set's own focal recordings, MT on XCM and LT on XCL with their answers cut down to the species of the
test set; MT and LT are picked on POW. The layout is that of the data branch of its repository, archives unpacked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tymbal.audio import AUDIO_EXTENSIONS, probe
from tymbal.benchmarks.dataset import EXAMPLES, TEST, TRAIN, VALIDATION, BenchmarkSet, Contents, Origin
from tymbal.benchmarks.splits import SEED
from tymbal.benchmarks.tables import read_table
from tymbal.errors import AudioError, Fault

FAMILY = "birdset"
SEGMENT_S = 5.0
NOISE = -1  # the cluster of what the detector could not place
METRICS = ("cmap", "auroc", "top1")


@dataclass(frozen=True)
class Limits:
    """How many training windows a class and a file give: (class, events) = (600, 5) for DT, (500, 1) for MT and LT."""

    per_class: int
    per_file: int


DT, POOLED = Limits(600, 5), Limits(500, 1)


def event_quota(sizes: Sequence[int], limits: Limits) -> list[int]:
    """How many of a class's detected events each file keeps; `sizes` are the files' counts.

    The largest files are cut down to the next largest, again and again, while the class keeps at least
    `limits.per_class` events, until the largest has `limits.per_file`: so the code of the benchmark has it. Classes
    with few events keep them all, however many a file has.
    """
    kept = list(sizes)
    while kept:
        most, total = max(kept), sum(kept)
        if total <= limits.per_class and most == limits.per_file:
            break
        largest = kept.count(most)
        lower = [size for size in kept if size < most]
        cut = most - max(lower) if lower else 0
        if total - cut * largest < limits.per_class or most == limits.per_file or most == 1 or not cut:
            break
        kept = [size - cut if size == most else size for size in kept]
    return kept


def main_events(events: Sequence[Sequence[float]] | None, clusters: Sequence[int] | None) -> list[tuple[float, float]]:
    """The events of a focal recording's largest cluster, noise left out unless it is a single event; none: (0, 5)."""
    pairs = [(float(event[0]), float(event[1])) for event in events or []]
    numbers = list(clusters or [])
    if len(numbers) != len(pairs) or not pairs:
        return pairs or [(0.0, SEGMENT_S)]
    if len(pairs) > 1 or numbers[0] != NOISE:
        kept = [(pair, number) for pair, number in zip(pairs, numbers, strict=True) if number != NOISE]
        pairs, numbers = [pair for pair, _ in kept], [number for _, number in kept]
    if not pairs:
        return [(0.0, SEGMENT_S)]
    largest = min(set(numbers), key=lambda number: (-numbers.count(number), number))
    return [pair for pair, number in zip(pairs, numbers, strict=True) if number == largest]


def segment_of(event: tuple[float, float], duration_s: float) -> tuple[float, float]:
    """The 5 s around an event's middle, moved into the recording; the whole of a shorter one."""
    start = (event[0] + event[1] - SEGMENT_S) / 2
    start = max(0.0, min(start, duration_s - SEGMENT_S))
    return start, min(start + SEGMENT_S, duration_s)


def read_set(folder: Path, described: BenchmarkSet) -> Contents:
    """SET_metadata_train.parquet and SET_metadata_test_5s.parquet with the recordings anywhere below the folder.

    One in five training files is validation (whole files, seed 42). Labels: all species of both tables, sorted.
    """
    found = _Found.below(folder)
    focal = read_table(folder / f"{folder.name}_metadata_train.parquet", ("filepath", "ebird_code"))
    segments = read_table(folder / f"{folder.name}_metadata_test_5s.parquet", ("filepath", "ebird_code_multilabel"))
    train = _focal(focal, found, DT, held=0.2)
    rows = []
    for path, codes in segments.select("filepath", "ebird_code_multilabel").iter_rows():
        name = found.get(path)
        if name is not None:
            rows.append([name, name, None, None, sorted(codes or []), TEST, Path(path).stem.rsplit("_", 2)[0]])
    test = pl.DataFrame(rows, schema=EXAMPLES, orient="row")
    codes = {code for labels in (*train["labels"], *test["labels"]) for code in labels} | set(focal["ebird_code"])
    return found.contents(pl.concat([train, test]), tuple(sorted(codes)))


def read_pool(folder: Path, described: BenchmarkSet) -> Contents:
    """XCM_metadata.parquet or XCL_metadata.parquet: one event of a file, 500 files of a species; all of it training."""
    found = _Found.below(folder)
    focal = read_table(folder / f"{folder.name}_metadata.parquet", ("filepath", "ebird_code"))
    train = _focal(focal, found, POOLED, held=0.0)
    return found.contents(train, tuple(sorted({code for code in focal["ebird_code"] if code})))


class _Found:
    """The recordings below a folder by their names, and which of those that tables name were not there."""

    def __init__(self, root: Path, names: dict[str, str]) -> None:
        self.root, self._names = root, names
        self.missing: list[str] = []
        self.faults: list[Fault] = []

    @classmethod
    def below(cls, folder: Path) -> _Found:
        """Every recording below `folder`; equal names: the first in order."""
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_EXTENSIONS)
        return cls(folder, {path.name: path.relative_to(folder).as_posix() for path in reversed(paths)})

    def get(self, path: str) -> str | None:
        """Where the recording lies, relative to the folder; None, noted, where it does not."""
        name = self._names.get(Path(path).name)
        if name is None:
            self.missing.append(Path(path).name)
        return name

    def duration_s(self, name: str) -> float | None:
        """Seconds; None, noted, where it cannot be read."""
        try:
            return probe(self.root / name).duration_s
        except AudioError as error:
            self.faults.append(Fault("unreadable", f"{name}: {error.what}"))
            return None

    def contents(self, examples: pl.DataFrame, labels: tuple[str, ...]) -> Contents:
        """Contents whose annotations are the labels of whole segments."""
        whole = examples.filter(pl.col("fold") == TEST).explode("labels").drop_nulls("labels")
        annotations = whole.select("recording", "onset_s", "offset_s", pl.col("labels").alias("label"))
        return Contents(self.root, examples, labels, annotations, tuple(self.faults), tuple(sorted(self.missing)))


def _focal(table: pl.DataFrame, found: _Found, limits: Limits, *, held: float) -> pl.DataFrame:
    """Training windows: the quota of each class over its files, evenly through a file's events."""
    # A file that is absent still counts in its class's quota: the rest keeps the windows it has in the whole set.
    events = [main_events(row.get("detected_events"), row.get("event_cluster")) for row in table.iter_rows(named=True)]
    quota = [0] * table.height
    by_code: dict[str, list[int]] = {}
    for row, code in enumerate(table["ebird_code"]):
        by_code.setdefault(code, []).append(row)
    for members in by_code.values():
        kept = event_quota([len(events[row]) for row in members], limits)
        for row, count in zip(members, kept, strict=True):
            quota[row] = count
    order = np.random.default_rng(SEED).permutation(table.height)
    validation = set(order[: round(held * table.height)].tolist())
    rows = []
    for row, each in enumerate(table.iter_rows(named=True)):
        name = found.get(each["filepath"])
        duration = None if name is None else found.duration_s(name)
        if name is None or duration is None:
            continue
        labels = sorted(each.get("ebird_code_multilabel") or [each["ebird_code"]])
        fold = VALIDATION if row in validation else TRAIN
        for index in np.linspace(0, len(events[row]) - 1, quota[row]).round().astype(int):
            onset, offset = segment_of(events[row][index], duration)
            rows.append([f"{name}@{index}", name, onset, offset, labels, fold, name])
    return pl.DataFrame(rows, schema=EXAMPLES, orient="row")


_PLACE = (
    "download the folder {0}/ of the repository's data branch into {0}/ and unpack its archives there "
    "(for f in {0}/*.tar.gz; do tar -xzf $f -C {0}; done)"
)
_PAGE = "https://huggingface.co/datasets/DBD-research-group/BirdSet"
_LICENCE = "Creative Commons, another for each recording; see its page"


def _set(name: str, train: int, test: int, species: int) -> BenchmarkSet:
    return BenchmarkSet(
        name=name,
        family=FAMILY,
        task="windows",
        folder=name,
        files=(f"{name}_metadata_train.parquet", f"{name}_metadata_test_5s.parquet"),
        audio="**/*.ogg",
        classes=species,
        metrics=METRICS,
        read=read_set,
        sample_rate_hz=32_000,
        counts={"test": test},
        recordings=train + test,
        unit_name="soundscape recording",
        exhaustive=False,
        remark="dedicated training (DT)",
        origin=Origin(_PAGE, _PLACE.format(name), _LICENCE),
    )


def _pool(name: str, train: int, species: int, size_gb: float) -> BenchmarkSet:
    return BenchmarkSet(
        name=name,
        family=FAMILY,
        task="windows",
        folder=name,
        files=(f"{name}_metadata.parquet",),
        audio="**/*.ogg",
        classes=species,
        metrics=METRICS,
        read=read_pool,
        sample_rate_hz=32_000,
        recordings=train,
        unit_name="recording",
        exhaustive=False,
        origin=Origin(_PAGE, _PLACE.format(name), _LICENCE, size_gb),
    )


POW = _set("POW", 14_911, 4_560, 48)
PER = _set("PER", 16_802, 15_120, 132)
NES = _set("NES", 16_117, 24_480, 89)
UHH = _set("UHH", 3_626, 36_637, 25)
HSN = _set("HSN", 5_460, 12_000, 21)
NBP = _set("NBP", 24_327, 563, 51)
SSW = _set("SSW", 28_403, 205_200, 81)
SNE = _set("SNE", 19_390, 23_756, 56)
XCM = _pool("XCM", 89_798, 409, 90)
XCL = _pool("XCL", 528_434, 9_734, 484)
