"""The page in plain words: what was asked, what was found, how sure that is, and what it does not show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.evaluation import METRICS, MIN_UNITS
from tymbal.report.html import Child, Markup, tag
from tymbal.report.numbers import count, datum, estimate, plural, pointer
from tymbal.report.run import Run

LOUD = ("error", "warning")


def metric_title(name: str) -> str:
    """What a metric is called in words."""
    return METRICS[name].title if name in METRICS else name


def chance(run: Run, metric: str) -> float | None:
    """What guessing reaches on average: 1 / labels for balanced accuracy, the commonest label's share for accuracy."""
    if run.multilabel:
        return _chance_of_sets(run, metric)
    if metric == "balanced_accuracy":
        return 1 / len(run.labels)
    if metric in ("accuracy", "top1"):
        rows = run.shown()
        return float(rows["reference"].value_counts()["count"].max()) / rows.height  # type: ignore[arg-type]
    return 0.5 if metric == "auroc" else None


def _chance_of_sets(run: Run, metric: str) -> float | None:
    """A random order gives a label about its share as average precision; absent labels count in mAP alone."""
    rows = run.shown()
    carried = rows.select(pl.col("reference").explode()).drop_nulls()["reference"].value_counts()["count"]
    if metric == "auroc" or not carried.len():
        return 0.5 if metric == "auroc" else None
    if metric == "top1":
        labelled = int((rows["reference"].list.len() > 0).sum())
        return float(carried.max()) / labelled  # type: ignore[arg-type]
    return float(carried.sum()) / rows.height / (len(run.labels) if metric == "map" else carried.len())


def loud_findings(run: Run) -> list[Mapping[str, Any]]:
    """Audit findings that may explain a score by themselves, and so stand at the top."""
    return [finding for finding in run.results.get("audit") or [] if str(finding.get("severity")).lower() in LOUD]


def summary(run: Run, worst: Sequence[Child], support: NDArray[np.int64]) -> Markup:
    """Four short paragraphs under their questions; `worst` ends the second, `support` (labels,) counts examples."""
    answers = (
        ("Asked", asked(run)),
        ("Found", [*found(run), *worst]),
        ("How sure", how_sure(run)),
        ("Not shown by this", not_shown(run, support)),
    )
    return tag("dl", [[tag("dt", question), tag("dd", answer)] for question, answer in answers], class_="summary")


def asked(run: Run) -> list[Child]:
    """The task in a sentence or two."""
    task, provenance = run.task, run.provenance
    rows = run.shown()
    folds = rows["fold"].n_unique()
    label = str(task.get("label") or "label").replace("_", " ")
    encoder = provenance.get("encoder") or "encoder"
    source = f"by {encoder}, fine-tuned" if run.finetuned else f"from frozen {encoder} features"
    sentence = (
        f"Can the {label} of each of {count(rows.height, 'example')}, one of {len(run.labels)}, be told {source}?"
    )
    if run.multilabel:
        empty = int((rows["reference"].list.len() == 0).sum())
        sentence = f"Which of {count(len(run.labels), 'label')} does each of {count(rows.height, 'example')} carry "
        sentence += f"({empty:,} carry none), told {source}?"
    tested = (
        f" Every example was predicted by a probe that had not been trained on its {run.unit_name}"
        f" (split {task.get('scheme') or 'unnamed'}, {count(folds, 'fold')})."
    )
    return [sentence, tested]


def found(run: Run) -> list[Child]:
    """The headline number against guessing and against the baseline."""
    metrics, source, who = run.headline
    primary = metrics[run.primary]
    parts: list[Child] = [
        f"{who[0].upper()}{who[1:]} reached {metric_title(run.primary)} ",
        estimate(primary, f"{source}/{run.primary}"),
    ]
    guess = chance(run, run.primary)
    if guess is not None:
        how = "always naming the commonest label" if run.primary in ("accuracy", "top1") else "guessing"
        parts += [f"; {how} gives ", datum(guess), "."]
    else:
        parts.append(".")
    parts += _against_baseline(run)
    return parts


def _against_baseline(run: Run) -> list[Child]:
    baseline = run.results.get("baseline")
    for number, row in enumerate(run.results.get("differences") or []):
        if row.get("b") != baseline or row.get("metric") != run.primary or row.get("a") not in ("selected", None):
            continue
        shown = estimate(row, pointer("differences", number), sign=True)
        low, high = row.get("low"), row.get("high")
        verdict = "too few units to say whether that is more than chance"
        if low is not None and high is not None:
            verdict = (
                "the interval leaves out 0: better than the baseline"
                if low > 0
                else "the interval leaves out 0: worse than the baseline"
                if high < 0
                else "the interval holds 0: this run does not show that they differ"
            )
        return [f" Against the baseline ({run.described(str(baseline))}) that is ", shown, f" ({verdict})."]
    return []


def commonest_mistake(run: Run, counts: NDArray[np.int64]) -> list[Child]:
    wrong = counts - np.diag(np.diag(counts))
    if not wrong.any():
        return [" No test example was labelled wrongly."]
    row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
    labels = run.labels
    taken = f" The commonest mistake: {wrong[row, column]} of {counts[row].sum()} "
    return [taken, tag("b", labels[row]), " taken for ", tag("b", labels[column]), "."]


def how_sure(run: Run) -> list[Child]:
    """Where the interval comes from, or why there is none; the seeds."""
    primary = run.headline[0][run.primary]
    units = int(primary.get("units") or 0)
    named = count(units, run.unit_name)
    parts: list[Child] = []
    if primary.get("low") is None:
        parts += [
            tag("strong", f"There is no interval: {named} are too few"),
            f" (at least {MIN_UNITS} are needed to resample). Each {run.unit_name}'s own value is listed below; "
            "how a new one would do cannot be said from these.",
        ]
    else:
        parts.append(
            f"The brackets are a 95 % interval from resampling the {named} as wholes, because examples of one "
            f"{run.unit_name} are alike. It speaks about new {plural(run.unit_name)} of the same kind."
        )
    parts += _seeds(run)
    return parts


def _seeds(run: Run) -> list[Child]:
    spreads = []
    for name in sorted(set(run.choices.values()) or set(list(run.results["probes"])[:1])):
        values = ((run.results["probes"].get(name) or {}).get("seeds") or {}).get(run.primary) or []
        if len(values) > 1:
            spreads.append((max(values) - min(values), name, values))
    if not spreads:
        return []
    _, name, values = max(spreads)
    source = pointer("probes", name, "seeds", run.primary)
    low, high = values.index(min(values)), values.index(max(values))
    return [
        f" The seed of training alone moved {name} between ",
        datum(values[low], source=f"{source}/{low}"),
        " and ",
        datum(values[high], source=f"{source}/{high}"),
        f" ({count(len(values), 'seed')}).",
    ]


def not_shown(run: Run, support: NDArray[np.int64]) -> Markup:
    """What a careful reader would object, as a list."""
    lines: list[Child] = [
        f"How it does on recorders, places or seasons unlike these {count(_units(run), run.unit_name)}.",
    ]
    loud = loud_findings(run)
    if loud:
        kinds = {kind: sum(str(each.get("severity")).lower() == kind for each in loud) for kind in LOUD}
        found = " and ".join(count(number, kind) for kind, number in kinds.items() if number)
        lines.append(
            [
                f"That the score rests on the animals: {found} about the data, ",
                _link("audit", "below"),
                ", could explain it without any.",
            ]
        )
    absent = [label for label, number in zip(run.labels, support, strict=True) if number == 0]
    if absent:
        lines.append(f"Anything about {', '.join(absent[:8])}: no test example carries it.")
    rare = [label for label, number in zip(run.labels, support, strict=True) if 0 < number < 10]
    if rare:
        lines.append(
            f"Much about {', '.join(rare[:8])}{' and others' if len(rare) > 8 else ''}: under 10 examples each."
        )
    earlier = max([int(read.get("earlier_studies") or 0) for read in run.results.get("test_reads") or []], default=0)
    if earlier:
        many = f"{earlier} earlier {'study' if earlier == 1 else 'studies'}"
        lines.append(f"A first look: {many} read these test examples before; every further look makes luck likelier.")
    return tag("ul", [tag("li", line) for line in lines])


def _units(run: Run) -> int:
    return int(run.headline[0][run.primary].get("units") or 0)


def _link(anchor: str, words: str) -> Markup:
    return tag("a", words, href=f"#{anchor}")
