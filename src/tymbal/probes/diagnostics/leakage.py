"""Leakage audit: is the session, site or recorder in the features, and does reading the label rest on it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.corpus.auditing.columns import determines
from tymbal.corpus.auditing.leaks import leak, sample_groups
from tymbal.evaluation import estimate_ratio, holm
from tymbal.probes.diagnostics.base import Context, Diagnostic, Found
from tymbal.probes.diagnostics.columns import Column, leaky_columns
from tymbal.probes.diagnostics.neighbours import order, trace
from tymbal.probes.diagnostics.scored import listed, plain

ALPHA = 0.05  # of the whole table of one test: p-values are Holm's
LEAST_DROP = 0.03  # of accuracy, below which a significant leak is not worth a warning
VERDICTS = {
    "leaks": "telling the label rests on it",
    "trace": "it can be heard, but telling the label was not seen to rest on it",
    "quiet": "nothing was found",
    "untestable": "every label occurs in one value of it alone, so the two cannot be told apart: no probe on these "
    "examples shows that it reads the label",
    "too few": "too few values or examples for a test",
}


def plan(context: Context) -> list[Column]:
    """The columns; nothing is fitted."""
    return leaky_columns(context.task, context.config.columns, context.config.label)


def conclude(context: Context, columns: list[Column], found: Found) -> dict[str, Any]:
    """One row per layer and column, one per layer for the order of recording; p-values are Holm's over each kind."""
    layers, told = context.cached.names, context.progress
    told.start("testing for leaks", len(layers) * (len(columns) + 1))
    rows = []
    for layer in layers:
        for column in columns:
            rows.append(_row(context, layer, column))
            told.advance(1)
    orders = []
    for layer in layers:
        orders.append(_order(context, layer))
        told.advance(1)
    told.finish()
    for name in ("leak_p", "trace_p"):
        _adjust(rows, name)
    _adjust(orders, "order_p")
    for row in rows:
        row["verdict"] = row["verdict"] or _verdict(row)
    notes = [
        f"Neighbours by distance of the standardised statistics that probes see; the {context.config.neighbours} "
        "nearest of the same label, never of the same recording. Recordings are exchanged within labels "
        f"({context.config.permutations} times). Each test's p-values are adjusted (Holm) so that where nothing "
        f"leaks, any warning at all has a chance of at most {ALPHA:.0%} for each of the three tests.",
    ]
    if not columns:
        notes.append("No column groups several examples: name one with columns (--columns).")
    return {
        "rows": rows,
        "orders": orders,
        "by": _order_name(context),
        "alpha": ALPHA,
        "reading": _reading(rows, orders, _order_name(context), context.config.split),
        "notes": notes,
    }


def _features(context: Context, layer: str) -> NDArray[np.float64]:
    probe = context.config.probe
    values = context.cached.statistics(layer, probe.statistics, probe.norm)
    return np.nan_to_num(values.astype(np.float64))


def _row(context: Context, layer: str, column: Column) -> dict[str, Any]:
    config, task = context.config, context.task
    group, block, known = column.codes()
    known &= sample_groups(group, known, config.seed)
    labels = task.targets.argmax(axis=1).astype(np.int64)
    keys = [column.keys[row] for row in np.flatnonzero(known)]
    row: dict[str, Any] = {
        "layer": layer,
        "column": column.name,
        "values": len(set(keys)),
        "examples": len(keys),
        "torn": _torn(keys, context.task.folds[known].tolist()),
        "ratio": None,
        "trace_p": None,
        "leak_p": None,
        "nearest_right": None,
        "other_right": None,
        "expected_right": None,
        "verdict": "",
    }
    features, names = _features(context, layer)[known], [str(labels[at]) for at in np.flatnonzero(known)]
    if determines(names, keys):  # type: ignore[arg-type]  # a list of str is a list of str or None
        return {**row, "verdict": "untestable"}
    settings: dict[str, Any] = {"permutations": config.permutations, "seed": config.seed}
    blocks = [str(each) for each in block[known]]
    leaked = leak(features, labels[known], keys, blocks=blocks, least_groups=2, **settings)
    traced = trace(features, labels[known], group[known], block[known], neighbours=config.neighbours, **settings)
    if leaked is not None:
        row |= {
            "nearest_right": leaked.random,
            "other_right": leaked.grouped,
            "expected_right": leaked.expected,
            "leak_p": leaked.p,
        }
    if traced is None or leaked is None:
        return {**row, "verdict": "too few"}
    own = [str(keys[at]) for at in traced.rows]
    ratio = estimate_ratio(traced.observed, traced.expected, groups=own, unit_name=column.name, scale="log")
    return {**row, "ratio": plain(ratio), "trace_p": traced.p}


def _torn(keys: Sequence[str | None], folds: Sequence[str]) -> int:
    """How many values have examples in several folds of the split."""
    seen: dict[str | None, set[str]] = {}
    for key, fold in zip(keys, folds, strict=True):
        seen.setdefault(key, set()).add(fold)
    return sum(len(each) > 1 for each in seen.values())


def _order_name(context: Context) -> str:
    return "start time" if _started(context) else "file name"


def _started(context: Context) -> bool:
    table = context.task.examples.table
    return "start_time" in table.columns and not table["start_time"].null_count()


def _order(context: Context, layer: str) -> dict[str, Any]:
    table, config = context.task.examples.table, context.config
    name = "start_time" if _started(context) else "recording"
    place = np.unique(np.asarray(table[name].to_list(), dtype=str), return_inverse=True)[1].ravel()
    block = np.unique(np.asarray(table["recording"].to_list(), dtype=str), return_inverse=True)[1].ravel()
    keep = sample_groups(block, np.ones(len(block), dtype=np.bool_), config.seed)
    found = order(
        _features(context, layer)[keep],
        context.task.targets.argmax(axis=1).astype(np.int64)[keep],
        block[keep],
        place[keep],
        neighbours=config.neighbours,
        permutations=config.permutations,
        seed=config.seed,
    )
    nothing = {"layer": layer, "distance": None, "order_p": None}
    return nothing if found is None else {**nothing, "distance": found.distance, "order_p": found.p}


def _adjust(rows: Sequence[dict[str, Any]], name: str) -> None:
    """Add `name`_holm, adjusted over the rows that have a p-value."""
    having = [row for row in rows if row[name] is not None]
    for row in rows:
        row[f"{name}_holm"] = None
    for row, adjusted in zip(having, holm([row[name] for row in having]) if having else [], strict=True):
        row[f"{name}_holm"] = adjusted


def _verdict(row: Mapping[str, Any]) -> str:
    if row["leak_p_holm"] <= ALPHA and row["expected_right"] - row["other_right"] >= LEAST_DROP:
        return "leaks"
    return "trace" if row["trace_p_holm"] <= ALPHA else "quiet"


def _reading(rows: Sequence[Mapping[str, Any]], orders: Sequence[Mapping[str, Any]], by: str, split: str) -> str:
    parts = []
    for column in dict.fromkeys(row["column"] for row in rows):
        own = [row for row in rows if row["column"] == column]
        for verdict, meaning in VERDICTS.items():
            layers = [row["layer"] for row in own if row["verdict"] == verdict]
            if not layers:
                continue
            where = "every layer" if len(layers) == len(own) else listed(layers)
            text = f"{column}: {meaning} ({where})"
            if verdict == "leaks":
                worst = max((row for row in own if row["verdict"] == "leaks"), key=lambda row: _drop(row))
                text += (
                    f"; in {worst['layer']} the nearest other recording tells the label {worst['nearest_right']:.2f} "
                    f"of the time, {worst['other_right']:.2f} when it may not be of the same {column} "
                    f"({worst['expected_right']:.2f} expected of values drawn at random). {_kept(worst, split)}"
                )
            parts.append(text + ".")
    traced = [row["layer"] for row in orders if row["order_p_holm"] is not None and row["order_p_holm"] <= ALPHA]
    if traced:
        parts.append(
            f"Order by {by}: recordings of one label that stand near each other are alike beyond their label "
            f"({listed(traced)}). Where no column above says why, one may be missing."
        )
    elif any(row["order_p"] is not None for row in orders):
        parts.append(f"Order by {by}: no trace.")
    return "\n".join(parts)


def _kept(row: Mapping[str, Any], split: str) -> str:
    """Whether the split's folds keep whole values of a column that leaks."""
    if not row["torn"]:
        return f"Split {split!r} keeps its values whole"
    return (
        f"Split {split!r} has {row['torn']} of its {row['values']} values in several folds: scores hold for values "
        "that were trained on. For new ones split by it"
    )


def _drop(row: Mapping[str, Any]) -> float:
    return float(row["expected_right"] - row["other_right"])


LEAKAGE = Diagnostic("leakage", "Session and site in the features", "never", plan, conclude)
