"""Splits: which examples are trained on, which are tested on, and what must stay together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.corpus.balance import assign, imbalance, random_imbalance
from tymbal.corpus.corpus import Corpus
from tymbal.corpus.groups import TOGETHER, group_keys, straddling
from tymbal.corpus.tables import as_text, told_columns
from tymbal.errors import DataError, UsageError

Folds = int | str | Mapping[str, float]
LEAVE_ONE_OUT = "each"  # one fold per group
_FOLDS = f"2 or more, {LEAVE_ONE_OUT!r}, shares, or the name of a column"


@dataclass(frozen=True)
class SplitReport:
    """What a split came to.

    `folds`: one row per fold: fold, groups, recordings, examples, share. `labels`: fold x label counts (empty
    without labels). `missing`: labels absent from a fold. `imbalance` against `random_imbalance`: what it is and
    what random groups would have given on average (`corpus.balance`). `largest_deviation`: of a label's share of
    a fold from the wanted share, in 0-1.
    """

    scheme: str
    by: str
    groups: int
    folds: pl.DataFrame
    labels: pl.DataFrame
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    imbalance: float = 0.0
    random_imbalance: float = 0.0
    largest_deviation: float = 0.0


def make_split(
    corpus: Corpus,
    name: str,
    *,
    by: str | Sequence[str] = "recording",
    folds: Folds = 5,
    stratify: str | None = None,
    seed: int = 0,
) -> SplitReport:
    """Make the split `name`, keep it in the corpus and say what balance it reached. A split of that name is replaced.

    Parameters
    ----------
    by : what must not straddle folds: a column of recordings or events ("recording", "individual", "site",
        "session", ...), "individual+session" for one key of both, a sequence of columns none of which may straddle
        (merged transitively), or "event" for no grouping. The recording never straddles, except with "event".
    folds : a number of folds, "each" for one fold per group, shares such as {"train": 0.6, "validation": 0.2,
        "test": 0.2}, or the name of a column that holds published folds.
    stratify : the label column whose classes are balanced over the folds; without, the number of examples is.
    seed : breaks ties between equal groups; the same arguments give the same split.

    Raises UsageError for a name or folds that cannot be; DataError where groups are fewer than folds, shares do not sum
    to 1, or a published fold tears a group.
    """
    _check_name(name)
    rows = _rows(corpus)
    keys = group_keys(rows, by)
    labels = _labels(corpus, rows, stratify)
    title = by if isinstance(by, str) else ", ".join(by)
    if isinstance(folds, str) and folds != LEAVE_ONE_OUT:
        fold = _published(rows, folds, keys, title)
    else:
        fold = list(_assigned(rows, keys, labels, folds, seed, title))
    table = rows.select(
        pl.lit(name).alias("scheme"), "event_id", "recording", pl.Series("group", keys), pl.Series("fold", fold)
    )
    others = corpus.splits.filter(pl.col("scheme") != name)
    corpus.replace_splits(pl.concat([others, table.drop_nulls("fold")]))
    shares = dict(folds) if isinstance(folds, Mapping) else None
    return _report(name, title, table.with_columns(pl.Series("label", labels, dtype=pl.String)), shares)


def _check_name(name: str) -> None:
    """Names of splits become parts of file names and of command lines."""
    if not isinstance(name, str) or not re.fullmatch(r"[\w.+-]{1,100}", name) or name.startswith((".", "-")):
        allowed = "letters, digits, _ + - and dots, not first"
        raise UsageError(f"name is {name!r}", where="make_split", parameter="name", allowed=allowed)


def parse_folds(text: str) -> Folds:
    """Folds as written on a command line: "5", "each", "train=0.6,test=0.4", or the name of a column.

    Raises DataError for shares that are no numbers.
    """
    if text.isdecimal():
        return int(text)
    if "=" not in text:
        return text
    try:
        pairs = [part.split("=") for part in text.split(",")]
        return {name.strip(): float(share) for name, share in pairs}
    except ValueError as error:
        raise DataError(f"{text!r} is no list of shares", parameter="folds", allowed="train=0.6,test=0.4") from error


def _rows(corpus: Corpus) -> pl.DataFrame:
    """Every event and, with a null event_id, every recording; metadata columns of both."""
    recordings = corpus.recordings
    events = corpus.events
    whole = recordings.with_columns(pl.lit(None, dtype=pl.String).alias("event_id"))
    riders = recordings.select("recording", *[name for name in recordings.columns if name not in events.columns])
    timed = events.join(riders, on="recording", how="inner", maintain_order="left")
    for name in recordings.columns:  # events' own values first, then their recording's
        if name in events.columns and name != "recording":
            values = recordings.select("recording", pl.col(name).cast(timed.schema[name], strict=False).alias("_own"))
            timed = timed.join(values, on="recording", how="left", maintain_order="left")
            timed = timed.with_columns(pl.coalesce(name, "_own").alias(name)).drop("_own")
    # A whole recording takes an event column's value where all its events agree.
    extra = [name for name in events.columns if name not in recordings.columns and name != "event_id"]
    agreed = events.group_by("recording").agg(
        [pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(name) for name in extra]
    )
    whole = whole.join(agreed, on="recording", how="left", maintain_order="left")
    return pl.concat([whole, timed], how="diagonal_relaxed")


def _labels(corpus: Corpus, rows: pl.DataFrame, stratify: str | None) -> list[str | None]:
    if stratify is None:
        return [None] * rows.height
    examples = corpus.examples(stratify)  # also says which columns there are, where this one is not
    label_of: dict[str | None, str] = dict(zip(examples["event_id"], examples["label"], strict=True))
    event_ids = set(corpus.events["event_id"])
    if not event_ids.isdisjoint(examples["event_id"]):
        return [label_of.get(event_id) if event_id is not None else None for event_id in rows["event_id"]]
    pairs = zip(rows["event_id"], rows["recording"], strict=True)
    return [label_of.get(recording) if event_id is None else None for event_id, recording in pairs]


def _published(rows: pl.DataFrame, column: str, keys: list[str], title: str) -> list[str | None]:
    if column not in rows.columns:
        raise DataError(
            f"no column {column!r} with published folds",
            parameter="folds",
            allowed=f"a whole number, {LEAVE_ONE_OUT!r}, shares, or one of: {', '.join(told_columns(rows.columns))}",
        )
    folds: list[str | None] = rows.select(as_text(column)).to_series().to_list()
    known = [(key, fold) for key, fold in zip(keys, folds, strict=True) if fold is not None]
    if not known:
        raise DataError(f"column {column!r} is empty", parameter="folds", mend="Check the metadata table.")
    torn = straddling([key for key, _ in known], [fold for _, fold in known])
    if torn:
        raise DataError(
            f"the published folds {column!r} tear {len(torn)} groups of {title}, the first is {torn[0]!r}",
            parameter="folds",
            mend="Take other groups with by=..., or let Tymbal make the folds.",
        )
    return folds


def _assigned(
    rows: pl.DataFrame, keys: list[str], labels: list[str | None], folds: Folds, seed: int, title: str
) -> list[str]:
    names, members = np.unique(np.asarray(keys, dtype=object).astype(str), return_inverse=True)
    if folds == LEAVE_ONE_OUT:
        _enough(rows, names.tolist(), 2, title)
        return [str(names[member]) for member in members]
    fold_names, shares = _shares(folds)
    _enough(rows, names.tolist(), len(fold_names), title)
    counts = _counts(members, len(names), labels, rows)
    fold_of = assign(counts, shares, seed=seed)
    return [fold_names[fold_of[member]] for member in members]


def _shares(folds: Folds) -> tuple[list[str], NDArray[np.float64]]:
    if isinstance(folds, Mapping):
        shares = np.array([float(share) for share in folds.values()])
        if len(shares) < 2 or (shares <= 0).any() or abs(shares.sum() - 1) > 1e-6:
            raise DataError(f"shares {dict(folds)}", parameter="folds", allowed="two or more, above 0, summing to 1")
        return list(folds), shares
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
        raise UsageError(f"folds is {folds!r}", parameter="folds", where="make_split", allowed=_FOLDS)
    return [str(fold) for fold in range(folds)], np.full(folds, 1 / folds)


def _counts(
    members: NDArray[np.intp], groups: int, labels: list[str | None], rows: pl.DataFrame
) -> NDArray[np.float64]:
    """Examples of every label per group, shape (groups, labels + 1); the last column counts all examples."""
    whole = rows["event_id"].is_null().to_numpy()
    labelled = np.array([label is not None for label in labels])
    classes = sorted({label for label in labels if label is not None})
    number = {label: index for index, label in enumerate(classes)}
    counts = np.zeros((groups, len(classes) + 1))
    for member, label in zip(members, labels, strict=True):
        if label is not None:
            counts[member, number[label]] += 1
    # What is counted as an example: the labelled rows; without labels, events, and recordings that have none.
    counted = labelled if labelled.any() else ~whole
    np.add.at(counts[:, -1], members[counted], 1.0)
    empty = counts[:, -1] == 0
    present = np.bincount(members, weights=whole.astype(float), minlength=groups)
    # Groups without any example still weigh a little, so that unlabelled recordings spread too.
    counts[empty, -1] = present[empty] if not counted.any() else 1e-3 * present[empty]
    return counts


def _enough(rows: pl.DataFrame, names: list[str], wanted: int, title: str) -> None:
    if len(names) >= wanted:
        return
    hint = restarting(rows, title)
    mend = "Make fewer folds, or group by a finer column."
    if hint is not None:
        mend = f"The values of {title!r} restart in every {hint}: group by {hint}{TOGETHER}{title}."
    shown = ", ".join(names[:5])
    what = f"{len(names)} groups of {title} ({shown}) cannot fill {wanted} folds"
    raise DataError(what, parameter="folds", mend=mend)


def restarting(rows: pl.DataFrame, column: str) -> str | None:
    """The column in whose values the short counters of `column` start again (session 1, 2, 3 of every cat), if any."""
    if column not in rows.columns or not is_counter(rows[column]):
        return None
    for name in rows.columns:
        if name in (column, "event_id", "recording") or rows.schema[name] != pl.String or is_counter(rows[name]):
            continue
        first = rows.filter(pl.col(column) == rows[column].drop_nulls().sort()[0])
        values = rows[name].drop_nulls().n_unique()
        if 1 < values < rows["recording"].n_unique() and first[name].n_unique() > values / 2:
            return str(name)
    return None


def is_counter(values: pl.Series) -> bool:
    """Whether the values look like numbers given out in order (1, 2, 3; 01, 02): small whole numbers, few gaps."""
    found = values.drop_nulls().cast(pl.String).unique().cast(pl.Int64, strict=False)
    if not 1 < len(found) <= 200 or found.null_count():
        return False
    numbers = found.unique().to_numpy()
    return int(numbers.min()) in (0, 1) and int(numbers.max()) <= 2 * len(numbers)


def _report(name: str, by: str, table: pl.DataFrame, wanted: Mapping[str, float] | None) -> SplitReport:
    kept = table.drop_nulls("fold")
    labelled = kept.drop_nulls("label")
    if labelled.height:
        counted = labelled
    else:
        timed = kept.filter(pl.col("event_id").is_not_null())
        counted = timed if timed.height else kept
    folds = kept.group_by("fold").agg(
        pl.col("group").n_unique().alias("groups"), pl.col("recording").n_unique().alias("recordings")
    )
    sizes = counted.group_by("fold").agg(pl.len().alias("examples"))
    folds = folds.join(sizes, on="fold", how="left").with_columns(pl.col("examples").fill_null(0)).sort("fold")
    folds = folds.with_columns((pl.col("examples") / max(counted.height, 1)).round(4).alias("share"))
    labels = labelled.group_by("fold", "label").agg(pl.len().alias("examples")).sort("fold", "label")
    classes = labels["label"].unique().sort().to_list()
    fold_names: list[str] = folds["fold"].to_list()
    present = {(fold, label): count for fold, label, count in labels.iter_rows()}
    missing = {
        fold: tuple(label for label in classes if (fold, label) not in present) for fold in fold_names if classes
    }
    totals = np.array([[present.get((fold, label), 0) for label in classes] for fold in fold_names], dtype=np.float64)
    totals = np.column_stack([totals.reshape(len(fold_names), len(classes)), folds["examples"].to_numpy()])
    target = np.array([wanted[fold] if wanted else 1 / len(fold_names) for fold in fold_names])
    counts = _group_counts(labelled if classes else counted, classes)
    sums = np.maximum(totals.sum(axis=0), 1)
    return SplitReport(
        scheme=name,
        by=by,
        groups=kept["group"].n_unique(),
        folds=folds,
        labels=labels,
        missing={fold: found for fold, found in missing.items() if found},
        imbalance=imbalance(totals, target),
        random_imbalance=random_imbalance(counts, target),
        largest_deviation=float(np.abs(totals / sums - target[:, None]).max()),
    )


def _group_counts(counted: pl.DataFrame, classes: list[str]) -> NDArray[np.float64]:
    groups = {group: index for index, group in enumerate(counted["group"].unique().sort())}
    number = {label: index for index, label in enumerate(classes)}
    counts = np.zeros((len(groups), len(classes) + 1))
    for group, label in counted.select("group", "label").iter_rows():
        counts[groups[group], -1] += 1
        if label is not None:
            counts[groups[group], number[label]] += 1
    return counts
