"""Selectivity: how much better a probe does on the labels than on the same labels shuffled.

A probe that does well on shuffled labels shows what it can do by itself, not what the layer holds (Hewitt & Liang
2019, arXiv 1909.03368, control tasks). Shuffled everywhere, labels keep nothing; shuffled inside each session they
keep what the session tells, so what is left is what a probe reads beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tymbal.evaluation import contrast, estimate, measure
from tymbal.probes.diagnostics.base import Context, Diagnostic, Found, LabelledFit
from tymbal.probes.diagnostics.columns import Column, leaky_columns
from tymbal.probes.diagnostics.scored import Part, chance_level, in_words, listed, plain
from tymbal.training import derive_seed

EVERYWHERE = "everywhere"
BELOW = 0.02  # of the metric, by which shuffled labels must be told worse than guessing for a word about it
LEAST_VARIED = 0.5  # share of examples whose group holds other labels too, below which shuffling inside changes little


@dataclass(frozen=True)
class Control:
    """One way to shuffle: `name` for people, and the labels (n,) of each shuffle."""

    name: str
    labels: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Asked:
    """The fits of one probe: to the real labels per fold, and per control and shuffle to shuffled ones per fold."""

    real: tuple[LabelledFit, ...]
    shuffled: Mapping[str, tuple[tuple[LabelledFit, ...], ...]]


def controls(context: Context) -> list[Control]:
    """Labels shuffled everywhere and, where a column may leak, inside its values or (labels constant there) whole."""
    config, reference = context.config, np.asarray(context.reference)
    everywhere = [_seed(context, EVERYWHERE, number).permutation(reference) for number in range(config.shuffles)]
    made = [Control(EVERYWHERE, tuple(tuple(labels.tolist()) for labels in everywhere))]
    asked = None if config.within is None else [config.within]
    columns = leaky_columns(context.task, asked, config.label, parameter="within")
    if columns:
        made.append(_control(context, columns[0]))
    return made


def _control(context: Context, column: Column) -> Control:
    reference = np.asarray(context.reference)
    group = column.codes()[0]
    inside = varied_share(reference, group) >= LEAST_VARIED
    name = f"within {column.name}" if inside else f"whole {column.name}"
    shuffle = shuffled_within if inside else shuffled_whole
    drawn = [shuffle(reference, group, _seed(context, name, number)) for number in range(context.config.shuffles)]
    return Control(name, tuple(tuple(labels.tolist()) for labels in drawn))


def _seed(context: Context, name: str, number: int) -> np.random.Generator:
    return np.random.default_rng(derive_seed("shuffle", context.config.seed, name, number))


def varied_share(labels: np.ndarray[Any, Any], group: np.ndarray[Any, Any]) -> float:
    """Share of examples whose group holds another label too."""
    pairs = np.unique(np.stack([group, np.unique(labels, return_inverse=True)[1].ravel()]), axis=1)[0]
    several = np.flatnonzero(np.bincount(pairs) > 1)
    return float(np.isin(group, several).mean())


def shuffled_within(
    labels: np.ndarray[Any, Any], group: np.ndarray[Any, Any], random: np.random.Generator
) -> np.ndarray[Any, Any]:
    """Labels exchanged among the examples of each group, (n,): every group keeps its own number of each."""
    out = labels.copy()
    for each in np.unique(group):
        rows = np.flatnonzero(group == each)
        out[rows] = labels[random.permutation(rows)]
    return out


def shuffled_whole(
    labels: np.ndarray[Any, Any], group: np.ndarray[Any, Any], random: np.random.Generator
) -> np.ndarray[Any, Any]:
    """Whole groups exchange their (most frequent) labels, (n,): examples of a group still share one."""
    names, number = np.unique(labels, return_inverse=True)
    groups, member = np.unique(group, return_inverse=True)
    table = np.zeros((len(groups), len(names)), dtype=np.int64)
    np.add.at(table, (member.ravel(), number.ravel()), 1)
    return np.asarray(names[random.permutation(table.argmax(axis=1))[member.ravel()]])


def plan(context: Context) -> tuple[list[Control], dict[str, Asked]]:
    """Real and shuffled fits of every probe; the real ones are those of the risk decomposition."""
    task, book = context.task, context.book
    made, asked = controls(context), {}
    for probe in context.probes.items():
        parts = [(fold, *task.rows(fold)) for fold in task.test_folds]
        real = [
            book.ask(probe, fold=fold, part="whole", train=train, test=np.concatenate([train, test]))
            for fold, train, test in parts
        ]
        shuffled = {
            control.name: tuple(
                tuple(
                    book.ask(
                        probe,
                        fold=fold,
                        part=f"shuffled {control.name} {number}",
                        train=train,
                        test=test,
                        labels=labels,
                    )
                    for fold, train, test in parts
                )
                for number, labels in enumerate(control.labels)
            )
            for control in made
        }
        asked[probe[0]] = Asked(tuple(real), shuffled)
    return made, asked


def conclude(context: Context, planned: tuple[list[Control], dict[str, Asked]], found: Found) -> dict[str, Any]:
    """One row per probe and control: both scores, their difference with its interval, p among the shuffles.

    The score on shuffled labels is that of all shuffles together; "low" and "high" are the shuffles' own extremes.
    """
    made, asked = planned
    rows = [_row(context, name, control, fits, found) for name, fits in asked.items() for control in made]
    notes = [
        f"Each control is {context.config.shuffles} shuffles; p is how often one of them does as well as the real "
        f"labels, at least {1 / (1 + context.config.shuffles):.3f} with so few. Intervals resample "
        f"{context.task.unit_name} and hold the shuffles as they are."
    ]
    for control in made[1:]:
        if control.name.startswith("whole "):
            column = control.name.removeprefix("whole ")
            notes.append(
                f"Labels hardly vary inside one {column}, so shuffling there changes nothing: whole ones exchange "
                f"their labels instead. That the probe does not just recognise the {column} is then shown by a split "
                "that keeps it whole, and by nothing here."
            )
    return {"metric": context.config.metric, "rows": rows, "reading": _reading(rows), "notes": notes}


def _row(context: Context, probe: str, control: Control, asked: Asked, found: Found) -> dict[str, Any]:
    task, metric = context.task, context.config.metric
    tested = [
        Part.of(task, np.asarray(fit.test[len(fit.train) :]), found[fit].scores[len(fit.train) :]) for fit in asked.real
    ]
    real = Part.joined(tested)
    number = {name: index for index, name in enumerate(task.labels)}
    drawn = []
    for labels, fits in zip(control.labels, asked.shuffled[control.name], strict=True):
        truth = np.array([number[label] for label in labels])
        drawn.append(
            Part.joined([Part(np.asarray(fit.test), truth[list(fit.test)], found[fit].scores) for fit in fits])
        )
    judged, all_drawn = real.judged(task, metric), Part.joined(drawn).judged(task, metric)
    values = [measure(metric, one.reference, one.given) for one in (part.judged(task, metric) for part in drawn)]
    score = estimate(metric, judged.reference, judged.given, groups=judged.groups, unit_name=task.unit_name)
    selectivity = contrast(metric, judged, all_drawn, unit_name=task.unit_name)
    as_good = sum(value >= score.value - 1e-12 for value in values)
    row = {
        "probe": probe,
        "control": control.name,
        "score": plain(score),
        "shuffled": {
            "value": measure(metric, all_drawn.reference, all_drawn.given),
            "low": min(values),
            "high": max(values),
        },
        "guessing": chance_level(metric, real.truth),
        "selectivity": plain(selectivity),
        "p": (1 + as_good) / (1 + len(values)),
    }
    return {**row, "selective": selectivity.low > 0 if selectivity.low is not None else None}


def _reading(rows: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for control in dict.fromkeys(str(row["control"]) for row in rows):
        own = [row for row in rows if row["control"] == control]
        best = max(own, key=lambda row: float(row["selectivity"]["value"]))
        text = (
            f"{_how(control)}: most selective is {best['probe']}, "
            f"{in_words(best['score'])} on the labels, {best['shuffled']['value']:.2f} on shuffled ones, "
            f"selectivity {in_words(best['selectivity'], sign=True)}."
        )
        unshown = [str(row["probe"]) for row in own if row["selective"] is False]
        if unshown:
            text += f" Not shown to read more than shuffled labels allow: {listed(unshown)}."
        if control.startswith("within ") and len(unshown) == len(own):
            text += f" What these probes read is no more than what the {control.removeprefix('within ')} tells."
        guess = best["guessing"]
        if guess is not None and max(row["shuffled"]["value"] for row in own) < guess - BELOW:
            text += (
                f" Shuffled labels are told worse than by guessing ({guess:.2f}): with few groups of a label, one that "
                "is held out is missing in training. The real score is lowered alike."
            )
        parts.append(text)
    return "\n".join(parts)


def _how(control: str) -> str:
    if control.startswith("whole "):
        return f"Labels exchanged, each {control.removeprefix('whole ')} whole"
    return f"Labels shuffled {control}"


SELECTIVITY = Diagnostic("selectivity", "Real against shuffled labels", "always", plan, conclude)
