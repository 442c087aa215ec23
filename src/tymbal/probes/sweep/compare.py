"""What a finished study of a sweep says: picks among its probes, curves over layers, gains, each with its interval.

Every pick is made by the scores inside the training folds (`Choice.scores`); test folds only judge what was picked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tymbal.evaluation import holm
from tymbal.probes.study import BASELINE
from tymbal.probes.study.record import Outcome
from tymbal.probes.study.results import Scored, difference, gather, layer_weights, metrics_of
from tymbal.probes.sweep.grid import Entry


@dataclass(frozen=True)
class Studied:
    """One task × encoder: the fitted study, its probes, and the names of the layers from input to output."""

    task: str
    encoder: str
    outcome: Outcome
    entries: Mapping[str, Entry]
    layers: tuple[str, ...]

    @property
    def families(self) -> tuple[str, ...]:
        """Names of the grids that probes came from, in the order of the plan."""
        return tuple(dict.fromkeys(entry.family for entry in self.entries.values()))

    def pick(self, wanted: Callable[[Entry], bool] = lambda _: True) -> dict[str, str]:
        """fold -> the best of the wanted probes inside its training folds; empty where none is wanted."""
        names = [name for name, entry in self.entries.items() if wanted(entry)]
        if not names:
            return {}
        chosen = {}
        for fold, choice in self.outcome.choices.items():
            # A study of a single probe has no inner scores; equal scores go to the probe named first.
            chosen[fold] = max(names, key=lambda name: choice.scores.get(name, 0.0))
        return chosen

    def inner(self, fold: str, probe: str) -> float | None:
        """Score of a probe inside the training folds of one test fold; None where nothing was chosen."""
        return self.outcome.choices[fold].scores.get(probe)

    def scored(self, choices: Mapping[str, str]) -> Scored:
        """Test scores of the probes picked for each fold."""
        return gather(self.outcome.task, self.outcome.tested, choices)

    def judged(self, choices: Mapping[str, str]) -> dict[str, Any]:
        """Estimate of the metric for picked probes, with each seed's value and the picks."""
        metric = self.outcome.config.metric
        estimates, seeds = metrics_of(self.outcome.task, self.scored(choices), (metric,))
        return {**estimates[metric], "seeds": seeds[metric], "choices": dict(choices)}

    def gap(self, a: tuple[str, Mapping[str, str]], b: tuple[str, Mapping[str, str]]) -> dict[str, Any]:
        """Paired difference of two named picks of this study."""
        pair = [(name, self.scored(choices)) for name, choices in (a, b)]
        return difference(self.outcome.task, pair[0], pair[1], self.outcome.config.metric)


def summarise(studied: Studied) -> dict[str, Any]:
    """Everything about one task × encoder that tables and figures show; plain values."""
    baseline = BASELINE in studied.outcome.probes
    return {
        "layers": list(studied.layers),
        "picked": studied.judged(studied.pick()),
        "baseline": studied.judged(_every(studied, BASELINE)) if baseline else None,
        "families": {family: _family(studied, family) for family in studied.families},
        "head_gaps": _head_gaps(studied),
        "layer_weights": _weights(studied),
    }


def _every(studied: Studied, probe: str) -> dict[str, str]:
    return dict.fromkeys(studied.outcome.choices, probe)


def _family(studied: Studied, family: str) -> dict[str, Any]:
    """One head: its pick, its pick for every choice of layers, and the gain of all layers over the last."""
    own = [entry for entry in studied.entries.values() if entry.family == family]
    by_layers = {}
    for label in dict.fromkeys(entry.layers for entry in own):
        choices = studied.pick(lambda entry, label=label: (entry.family, entry.layers) == (family, label))  # type: ignore[misc]
        taps = next(entry.taps for entry in own if entry.layers == label)
        by_layers[label] = {"taps": list(taps), **studied.judged(choices)}
    gain = None
    if {"all", "last"} <= set(by_layers):
        gain = studied.gap(("all layers", by_layers["all"]["choices"]), ("last layer", by_layers["last"]["choices"]))
    picked = studied.judged(studied.pick(lambda entry: entry.family == family))
    return {"head": own[0].config.head, "picked": picked, "by_layers": by_layers, "all_over_last": gain}


def _head_gaps(studied: Studied) -> list[dict[str, Any]]:
    """Every later head of the plan against the first, both on all layers or both on the last."""
    gaps = []
    for family in studied.families[1:]:
        for label in ("all", "last"):
            pair = [
                (name, studied.pick(lambda entry, name=name: (entry.family, entry.layers) == (name, label)))  # type: ignore[misc] # noqa: B023
                for name in (family, studied.families[0])
            ]
            if all(choices for _, choices in pair):
                gaps.append({"layers": label, **studied.gap(pair[0], pair[1])})
    return gaps


def _weights(studied: Studied) -> dict[str, Any]:
    """Learned layer weights of every probe that has them: {probe: {layer: [mean, least, largest]}}."""
    found = {}
    for name, entry in studied.entries.items():
        weights = layer_weights(studied.outcome.tested, name, entry.config, studied.layers)
        if weights is not None:
            found[name] = weights
    return found


def apart(studies: Sequence[Studied]) -> str:
    """Why encoders of one task cannot be compared with each other; "" where they can: they gave the same examples."""
    first = studies[0].outcome.task
    events = first.examples.table["event_id"].to_list()
    for other in studies[1:]:
        task = other.outcome.task
        if task.examples.table["event_id"].to_list() != events or task.labels != first.labels:
            return f"{studies[0].encoder} and {other.encoder} have features of different examples"
    return ""


def compare_encoders(studies: Sequence[Studied]) -> list[dict[str, Any]]:
    """Picked probe against picked probe for every two encoders of one task, on the same examples, paired."""
    task, metric = studies[0].outcome.task, studies[0].outcome.config.metric
    picks = [(each.encoder, each.scored(each.pick())) for each in studies]
    return [difference(task, a, b, metric) for number, a in enumerate(picks) for b in picks[number + 1 :]]


def pick_encoder(studies: Sequence[Studied]) -> dict[str, Any] | None:
    """The encoder and probe with the best score inside the training folds of each test fold, judged on the test folds.

    None where some study had nothing to choose among: it has no score inside its training folds.
    """
    task, metric = studies[0].outcome.task, studies[0].outcome.config.metric
    chosen: dict[str, list[str]] = {}
    parts: list[Scored] = []
    for fold in task.test_folds:
        probes = [each.pick()[fold] for each in studies]
        scores = [each.inner(fold, probe) for each, probe in zip(studies, probes, strict=True)]
        if any(score is None for score in scores):
            return None
        best = max(range(len(studies)), key=lambda number: scores[number])  # type: ignore[arg-type, return-value]
        chosen[fold] = [studies[best].encoder, probes[best]]
        parts.append(gather_fold(studies[best].outcome, fold, probes[best]))
    most = max(len(part.seeds) for part in parts)
    seeds = tuple(np.concatenate([part.seeds[seed % len(part.seeds)] for part in parts]) for seed in range(most))
    scored = Scored(np.concatenate([part.rows for part in parts]), seeds)
    estimates, values = metrics_of(task, scored, (metric,))
    return {**estimates[metric], "seeds": values[metric], "choices": chosen}


def gather_fold(outcome: Outcome, fold: str, probe: str) -> Scored:
    """Test scores of one probe on one fold."""
    own = [(fit, found) for fit, found in outcome.tested.items() if (fit.fold, fit.probe) == (fold, probe)]
    own.sort(key=lambda pair: pair[0].seed)
    return Scored(np.asarray(own[0][0].test), tuple(found.scores for _, found in own))


def baseline_gaps(studies: Sequence[Studied], comparable: bool) -> list[dict[str, Any]]:
    """Every encoder's pick against the task's baseline: its own, else that of the first encoder that has one."""
    owner = next((each for each in studies if BASELINE in each.outcome.probes), None)
    rows = []
    for each in studies if owner is not None else ():
        holder = each if BASELINE in each.outcome.probes else owner
        if holder is not each and not comparable:
            continue
        assert holder is not None
        name = BASELINE if holder is each else f"{BASELINE} ({holder.encoder})"
        base = (name, holder.scored(_every(holder, BASELINE)))
        pick = (each.encoder, each.scored(each.pick()))
        rows.append(difference(each.outcome.task, pick, base, each.outcome.config.metric))
    return rows


def adjust(rows: Sequence[dict[str, Any]]) -> None:
    """Add `p_holm` to differences that were looked at together (Holm 1979); None where a row has no p."""
    having = [row for row in rows if row.get("p") is not None]
    for row in rows:
        row["p_holm"] = None
    for row, p in zip(having, holm([row["p"] for row in having]), strict=True):
        row["p_holm"] = p
