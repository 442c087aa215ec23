"""The examples of a study: which events or windows, their labels, groups and folds; what was left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.config import digest
from tymbal.corpus import Corpus, label_windows
from tymbal.corpus.tables import as_text, told_columns
from tymbal.errors import DataError, counted
from tymbal.features import Examples, FeatureStore, examples
from tymbal.probes.study.config import StudyConfig

NAMED_FOLDS = {"train", "validation", "test"}
_SPELLINGS = {
    **{name: name for name in NAMED_FOLDS},
    "training": "train",
    **dict.fromkeys(("val", "valid", "dev", "devel"), "validation"),
    "testing": "test",
}


@dataclass(frozen=True)
class ExampleTable:
    """Examples that a protocol fixes, in the place of a corpus's labelled events.

    table : one row per example: event_id, recording, onset_s, offset_s (null: the whole recording), fold, and `label`
        or, for several labels per example, `labels` (lists of names, may be empty). Where there are the columns
        channel, group and unit they are used: a group defaults to its unit, a unit to its recording.
    labels : the label names in the order of score columns, with those that no example carries; (): those that occur.
    unit_name : what an independent unit is called.
    """

    table: pl.DataFrame
    labels: tuple[str, ...] = ()
    unit_name: str = "recording"


@dataclass(frozen=True)
class Task:
    """Examples with what a study needs of each, n of everything.

    labels : the label names in the order of all score columns; sorted, where no protocol orders them.
    reference : the label of each example, or with `multilabel` its labels, which may be none.
    targets : (n, labels) membership. groups : of the split. units : resampled for intervals. folds : of the split.
    notes : what was left out, (code, severity, message) as the audit's findings.
    """

    examples: Examples
    labels: tuple[str, ...]
    reference: tuple[str, ...] | tuple[tuple[str, ...], ...]
    targets: NDArray[np.float32]
    groups: NDArray[np.str_]
    units: NDArray[np.str_]
    unit_name: str
    folds: NDArray[np.str_]
    notes: tuple[tuple[str, str, str], ...]
    multilabel: bool = False

    def truth(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """What metrics take as the reference: class numbers (rows,), or with `multilabel` booleans (rows, labels)."""
        own = self.targets[rows]
        return own.astype(np.bool_) if self.multilabel else own.argmax(axis=1)

    @property
    def least_labels(self) -> int:
        """Labels that examples must hold to be learned from: one against its absence, else two."""
        return 1 if self.multilabel else 2

    @property
    def test_folds(self) -> tuple[str, ...]:
        """Folds that are tested: "test" where folds are named train/validation/test, else every fold in turn.

        `fold_names` has brought other spellings to these.
        """
        names = sorted(set(self.folds.tolist()))
        return ("test",) if set(names) <= NAMED_FOLDS else tuple(names)

    def rows(self, fold: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(training rows, test rows) of one test fold."""
        test = self.folds == fold
        return np.flatnonzero(~test), np.flatnonzero(test)

    @property
    def digest(self) -> str:
        """Content address of examples, labels, groups and folds."""
        events = self.examples.table["event_id"].to_list()
        parts = [events, list(self.reference), self.groups.tolist(), self.units.tolist(), self.folds.tolist()]
        return digest([parts, self.examples.store_digest])


def make_task(corpus: Corpus, store: FeatureStore, config: StudyConfig, given: ExampleTable | None = None) -> Task:
    """The labelled examples of `config.label` with the folds of `config.split` and their features, or those `given`.

    With several labels per example (`config.probe.multilabel`) an example is a window (`config.window_s`), or a span
    of time with the labels of all events that have this span.

    Raises DataError where nothing is left, one label is left, or a column is not there; StoreError where recordings
    changed since they were embedded.
    """
    table, notes = study_table(corpus, config, given)
    store.check_recordings(corpus.recordings.join(table, on="recording", how="semi"))
    found = examples(store, table, frames=config.frames)
    lost = found.failures.filter(~pl.col("kept"))
    if lost.height:
        first = lost["message"][0]
        notes.append(
            ("no_features", "warning", f"no features of {counted(lost.height, 'example')}: left out; first: {first}")
        )
    return task_of(found, config, notes, given)


def study_table(
    corpus: Corpus, config: StudyConfig, given: ExampleTable | None = None
) -> tuple[pl.DataFrame, list[tuple[str, str, str]]]:
    """The rows of a study's examples with label(s), group and fold, before any features; and what was left out."""
    notes: list[tuple[str, str, str]] = []
    table = _given(given) if given is not None else _labelled(corpus, config)
    if config.where is not None:
        table = _where(table, config.where)
    outside = int(table["fold"].null_count())
    if outside:
        notes.append(("no_fold", "warning", f"in no fold of {config.split!r}: {counted(outside, 'example')}, left out"))
        table = table.drop_nulls("fold")
    if given is None:
        table = enough_groups(table, config.least_groups, notes)
    if table.is_empty():
        reason = notes[-1][2] if notes else "the split holds none of them"
        raise DataError(f"no labelled example is left: {reason}", where=config.label, mend="Split by a finer column.")
    return table, notes


def _labelled(corpus: Corpus, config: StudyConfig) -> pl.DataFrame:
    """The corpus's own examples, with `label`, or for several labels `labels`; and `group` and `fold`."""
    if not config.probe.multilabel:
        return corpus.examples(config.label, scheme=config.split)
    if config.window_s is not None:
        hop_s = config.window_s if config.hop_s is None else config.hop_s
        return label_windows(corpus, config.label, config.split, window_s=config.window_s, hop_s=hop_s)
    table = corpus.examples(config.label, scheme=config.split)
    span = ["recording", "channel", "onset_s", "offset_s"]
    others = [pl.col(name).first() for name in table.columns if name not in (*span, "label")]
    return table.group_by(span, maintain_order=True).agg(pl.col("label").unique().sort().alias("labels"), *others)


def _given(given: ExampleTable) -> pl.DataFrame:
    """The table with every column that a task takes. Raises DataError naming one that is missing."""
    table = given.table
    needed = ("event_id", "recording", "onset_s", "offset_s", "fold")
    missing = [name for name in needed if name not in table.columns]
    if "label" not in table.columns and "labels" not in table.columns:
        missing.append("labels")
    if missing:
        raise DataError(f"no column {missing[0]!r}", where="ExampleTable", allowed=", ".join(table.columns))
    if "channel" not in table.columns:
        table = table.with_columns(pl.lit(None, dtype=pl.Int32).alias("channel"))
    if "unit" not in table.columns:
        table = table.with_columns(pl.col("recording").alias("unit"))
    return table if "group" in table.columns else table.with_columns(pl.col("unit").alias("group"))


def task_of(
    found: Examples,
    config: StudyConfig,
    notes: list[tuple[str, str, str]] | None = None,
    given: ExampleTable | None = None,
) -> Task:
    """The task of examples whose table has `label` (or `labels`), `group` and `fold`."""
    table, several = found.table, config.probe.multilabel
    sets = _sets(table, several)
    labels = (given.labels if given is not None else ()) or tuple(sorted({name for each in sets for name in each}))
    least = 1 if several else 2
    if len(labels) < least:
        raise DataError(
            f"{len(labels)} label among {len(sets)} examples", where=config.label, allowed=f"{least} or more"
        )
    groups = table["group"].cast(pl.String).to_numpy().astype(str)
    folds = fold_names(table["fold"].cast(pl.String).to_list(), config.split)
    column = config.unit or ("unit" if given is not None else None)
    units, unit_name = groups, config.unit_name or _grouped_by(table)
    if column is not None:
        named = given.unit_name if given is not None and config.unit is None else column
        units, unit_name = _column(table, column), config.unit_name or named
    said = [*(notes or ()), *_narrow(groups, units, unit_name)]
    reference = tuple(sets) if several else tuple(each[0] for each in sets)
    task = Task(
        found, labels, reference, _membership(sets, labels), groups, units, unit_name, folds, tuple(said), several
    )
    for fold in task.test_folds:
        train, test = task.rows(fold)
        if not len(train) or not len(test):
            raise DataError(
                f"fold {fold!r} leaves {len(train)} examples to train on and {len(test)} to test",
                where=f"split {config.split!r}",
                mend="Make a split with two or more folds that hold labelled examples.",
            )
    return task


def _sets(table: pl.DataFrame, several: bool) -> list[tuple[str, ...]]:
    """The labels of each example, in the order of the table. Raises DataError where one label is wanted and there are
    none or several."""
    if "labels" not in table.columns:
        return [(str(label),) for label in table["label"].to_list()]
    sets = [tuple(str(name) for name in names or ()) for names in table["labels"].to_list()]
    odd = next((row for row, names in enumerate(sets) if len(names) != 1), None)
    if not several and odd is not None:
        raise DataError(
            f"example {table['event_id'][odd]!r} has {len(sets[odd])} labels",
            where="labels",
            allowed="one for each example",
            mend="For several labels or none, set multilabel in the probe's configuration.",
        )
    return sets


def _membership(sets: Sequence[tuple[str, ...]], labels: tuple[str, ...]) -> NDArray[np.float32]:
    number = {name: index for index, name in enumerate(labels)}
    unknown = sorted({name for names in sets for name in names} - set(labels))
    if unknown:
        raise DataError(f"label {unknown[0]!r} is none of the {len(labels)} of the table", where="ExampleTable")
    targets = np.zeros((len(sets), len(labels)), dtype=np.float32)
    rows = [row for row, names in enumerate(sets) for _ in names]
    targets[rows, [number[name] for names in sets for name in names]] = 1.0
    return targets


def fold_names(given: list[str], split: str) -> NDArray[np.str_]:
    """Folds (n,) with published spellings of train, validation and test ("val", "dev", "Train") brought to these.

    Other names are left as they are: folds of a cross-validation. Raises DataError for a mixture, where it cannot be
    told what is trained on and what is tested.
    """
    roles = {name: _SPELLINGS.get(name.strip().lower()) for name in sorted(set(given))}
    unknown = [name for name, role in roles.items() if role is None]
    named = [name for name, role in roles.items() if role in ("train", "test")]
    if unknown and named:
        raise DataError(
            f"folds {', '.join(unknown[:5])} stand beside {', '.join(named)}: which are trained on and which tested?",
            where=f"split {split!r}",
            allowed="train, validation and test alone, or names of a cross-validation alone",
            mend="Rename or empty these values in the column of folds, and index again.",
        )
    return np.asarray(given if unknown else [roles[name] for name in given], dtype=str)


def _grouped_by(table: pl.DataFrame) -> str:
    """The column whose values are the groups of the split; "group" where it is none (several columns, merged)."""
    groups = table["group"].cast(pl.String)
    plain = [name for name, kind in table.schema.items() if not kind.is_nested()]
    for name in plain:
        if name in ("group", "fold", "label", "event_id"):
            continue
        if groups.equals(table.select(as_text(name)).to_series()):
            return name
    return "group"


def _narrow(groups: NDArray[np.str_], units: NDArray[np.str_], unit_name: str) -> list[tuple[str, str, str]]:
    """A warning where groups of the split hold several units: these depend on each other."""
    pairs = np.unique(np.stack([groups, units]), axis=1)
    names, counts = np.unique(pairs[0], return_counts=True)
    torn = int((counts > 1).sum())
    if not torn:
        return []
    message = (
        f"{torn} of {len(names)} groups of the split hold several units ({unit_name}): units of one group depend on "
        "each other, so the intervals are too narrow. Resample the groups, or a column above them (--unit)"
    )
    return [("narrow_intervals", "warning", message)]


def _column(table: pl.DataFrame, name: str) -> NDArray[np.str_]:
    if name not in table.columns:
        raise DataError(f"no column {name!r}", parameter="unit", allowed=_offered(table))
    if table[name].null_count():
        raise DataError(f"{table[name].null_count()} examples have no {name}", parameter="unit")
    return np.asarray(table[name].cast(pl.String).to_list(), dtype=str)


def _offered(table: pl.DataFrame) -> str:
    return ", ".join(["recording", *told_columns(table.columns), "group"])


def _where(table: pl.DataFrame, condition: str) -> pl.DataFrame:
    name, _, value = condition.partition("=")
    if name not in table.columns:
        raise DataError(f"no column {name!r}", parameter="where", allowed=_offered(table))
    found = table.filter(pl.col(name).cast(pl.String) == value)
    if found.is_empty():
        values = table[name].cast(pl.String).drop_nulls().unique().sort().to_list()
        raise DataError(f"no example has {name} {value!r}", parameter="where", allowed=", ".join(values[:20]))
    return found


def enough_groups(table: pl.DataFrame, least: int, notes: list[tuple[str, str, str]]) -> pl.DataFrame:
    """The examples of labels that occur in `least` groups or more; what is left out is added to `notes`.

    Where examples have several labels they are kept, without the rare ones.
    """
    several = "labels" in table.columns
    single = table.explode("labels").rename({"labels": "label"}).drop_nulls("label") if several else table
    counts = single.group_by("label").agg(pl.col("group").n_unique().alias("groups"), pl.len().alias("examples"))
    rare = counts.filter(pl.col("groups") < least).sort("label")
    if rare.is_empty():
        return table
    named = ", ".join(f"{label} ({examples})" for label, examples in rare.select("label", "examples").iter_rows())
    notes.append(("rare_labels", "warning", f"labels in fewer than {least} groups are left out (examples): {named}"))
    if several:
        return table.with_columns(pl.col("labels").list.set_difference(rare["label"].to_list()).list.sort())
    return table.filter(~pl.col("label").is_in(rare["label"].to_list()))
