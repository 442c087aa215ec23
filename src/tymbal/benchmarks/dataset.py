"""What a benchmark set is: its layout after its own download, its protocol, and what reading it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import polars as pl

from tymbal.errors import Fault

if TYPE_CHECKING:
    from tymbal.benchmarks.verify import Departure

TRAIN, VALIDATION, TEST = "train", "validation", "test"
FOLDS = (TRAIN, VALIDATION, TEST)
EXAMPLES = pl.Schema(
    {
        "event_id": pl.String(),
        "recording": pl.String(),  # relative to Contents.root
        "onset_s": pl.Float64(),  # null = the whole recording
        "offset_s": pl.Float64(),
        "labels": pl.List(pl.String()),  # none, one or several
        "fold": pl.String(),  # of the official split; null = in no fold
        "unit": pl.String(),  # the highest independent unit that is known
    }
)
ANNOTATIONS = pl.Schema(
    {"recording": pl.String(), "onset_s": pl.Float64(), "offset_s": pl.Float64(), "label": pl.String()}
)


@dataclass(frozen=True)
class Origin:
    """Where a set comes from, in words for someone who places it by hand.

    `size_gb` is what its page lists; None where none is known to us. `licence` likewise: "see its page" where unsure.
    """

    page: str
    place: str
    licence: str
    size_gb: float | None = None


@dataclass(frozen=True)
class BenchmarkSet:
    """One set of a benchmark: layout and protocol as data, and the function that reads it.

    Parameters
    ----------
    name, family : as on the command line; `published` is its name in the published tables.
    task : "labels" one label per clip, "windows" any number of labels per window, "repertoire" labels but no probe,
        "boxes" events with onset and offset, for detectors.
    folder : below the benchmark's folder; everything named here is relative to it.
    folders : other names that its downloads have had; the first that is there is taken.
    files, audio : files that must be there, and the pattern of the recordings.
    classes : number of labels, 0 where it is not known; `labels` names them where the benchmark does, in its order.
    metrics : the first is the headline.
    read : (folder of the set, this set) -> Contents.
    sample_rate_hz : that the protocol delivers at; kept for the record, an encoder has its own.
    max_s : examples end there; None keeps whole clips. window_s, hop_s : of tasks of windows.
    unknown : labels that are not among `labels` count as this one; None: they are an error.
    counts : examples that the official preparation ends with, by fold, as far as published.
    recordings : recordings that the download holds, where published.
    unit_name : what an independent unit is called.
    retrieval : "test" every test example against the others, "train" test examples against the training examples.
    whole_units : no unit has examples in two folds; looked at by `verify`.
    published_folds : the folds come with the set; where they tear a unit, that is noted and left as published.
    exhaustive : its recordings were listened to from end to end for its labels.
    lists : pattern of the lists that the official scripts leave ("annotations.{}.csv" for train, valid, test); where
        they are there, `verify` compares the folds.
    train_on, pick_on : other sets whose training (test) fold takes the place of this one's training (validation) fold;
        answers are then cut down to the labels of each part, because the other set has more.
    inspect : what `verify` looks at besides what it looks at in every set.
    certain : False where our layout or label column is inferred; `remark` says from what.
    """

    name: str
    family: str
    task: Literal["labels", "windows", "repertoire", "boxes"]
    folder: str
    files: tuple[str, ...]
    audio: str
    classes: int
    metrics: tuple[str, ...]
    read: Callable[[Path, BenchmarkSet], Contents]
    origin: Origin
    labels: tuple[str, ...] = ()
    sample_rate_hz: int = 0
    max_s: float | None = None
    window_s: float = 0.0
    hop_s: float = 0.0
    unknown: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    recordings: int | None = None
    unit_name: str = "recording"
    retrieval: Literal["test", "train"] = "test"
    published: str = ""
    whole_units: bool = True
    published_folds: bool = False
    exhaustive: bool = True
    lists: str = ""
    train_on: BenchmarkSet | None = None
    pick_on: BenchmarkSet | None = None
    certain: bool = True
    remark: str = ""
    folders: tuple[str, ...] = ()
    inspect: Callable[[Contents, BenchmarkSet], Sequence[Departure]] | None = None

    def place(self, data: Path) -> Path:
        """Its folder below the benchmark's folder: the first of its names that holds `files`, else the first there."""
        places = [Path(data) / name for name in (self.folder, *self.folders)]
        there = [place for place in places if place.is_dir()]
        whole = [place for place in there if all((place / name).exists() for name in self.files)]
        return next(iter([*whole, *there, *places]))

    @property
    def multilabel(self) -> bool:
        """Whether an example may carry several labels or none."""
        return self.task == "windows"


@dataclass(frozen=True)
class Contents:
    """What reading a set gives.

    root : folder that recordings are relative to.
    examples : by EXAMPLES, one row per clip or window of the protocol, in the official order; extra columns ride along.
    annotations : by ANNOTATIONS, the events as the set has them; empty where labels are of whole clips.
    faults : what was odd: missing recordings, labels left out.
    missing : recordings that tables name and that are not there; their examples are left out of `examples`.
    labels : the label names, in the order of all score columns.
    """

    root: Path
    examples: pl.DataFrame
    labels: tuple[str, ...]
    annotations: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ANNOTATIONS))
    faults: tuple[Fault, ...] = ()
    missing: tuple[str, ...] = ()

    def count(self) -> dict[str, int]:
        """Examples by fold, folds without any left out."""
        sizes: dict[str, int] = dict(self.examples.group_by("fold").len().iter_rows())
        return {fold: sizes[fold] for fold in FOLDS if fold in sizes}
