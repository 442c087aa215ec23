"""What the numbers of a sweep do and do not show, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tymbal.errors import counted
from tymbal.evaluation import METRICS, MIN_UNITS

FEW_EXAMPLES = 100  # below it every number rests on a handful of animals' sounds
ALPHA = 0.05


def say(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """Paragraphs {"about", "text"}: one for every task, whether all layers help, which head does, what is not shown."""
    parts = [(f"Task {name}", list(_task(task, results))) for name, task in results["tasks"].items()]
    parts += [("All layers or the last", _gains(results)), ("Which head", _heads(results))]
    parts.append(("Not shown by this", _not_shown(results)))
    return [{"about": about, "text": " ".join(sentences)} for about, sentences in parts if sentences]


def _title(metric: str) -> str:
    return METRICS[metric].title if metric in METRICS else metric


def number(found: Mapping[str, Any], sign: str = "") -> str:
    """ "0.873 [0.82, 0.91]", or the number alone where there is no interval."""
    value, *ends = (None if found[name] is None else _signed(found[name], sign) for name in ("value", "low", "high"))
    return str(value) if None in ends else f"{value} [{ends[0]}, {ends[1]}]"


def _signed(value: float, sign: str) -> str:
    return format(value, f"{sign}.3f").replace("-", "−")


def p_value(p: float) -> str:
    """ "p 0.043", or "p < 0.001": no test shows that something is impossible."""
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def _task(task: Mapping[str, Any], results: Mapping[str, Any]) -> Iterator[str]:
    labels, unit = len(task["labels"]), task["unit_name"]
    part = "" if task["tested"] == task["examples"] else f", {task['tested']} of them tested"
    sizes = counted(task["examples"], "example") + part, counted(labels, "label")
    yield f"{', '.join(sizes)}; {counted(task['units'], 'independent unit')} tested ({unit})."
    encoders = task["encoders"]
    metric = _title(results["metric"])
    for encoder, found in encoders.items():
        kind = {"random": " (random weights)", "none": " (computed, no weights)"}.get(found["weights"], "")
        kind = "" if "random weights" in encoder else kind  # its name says so
        yield f"With {encoder}{kind}, the probe picked inside the training folds reached {metric} " + (
            f"{number(found['picked'])}."
        )
    if task["picked"] is not None:
        yield f"Picking the encoder inside the training folds as well gave {number(task['picked'])}."
    if task["chance"] is not None:
        yield f"Guessing gives {task['chance']:.3f}."
    yield from _against(task["against_baseline"], "the baseline")
    yield from _encoder_gaps(task["encoder_differences"])
    if task["not_compared"]:
        yield f"Here {task['not_compared']}."
    if task["units"] < MIN_UNITS:
        yield (
            f"With {task['units']} units ({unit}) there are no intervals (at least {MIN_UNITS} are needed): no "
            "difference here can be told from luck."
        )
    elif task["tested"] < FEW_EXAMPLES:
        yield f"{task['tested']} tested examples are few: another set as small may order these probes otherwise."


def _against(rows: list[dict[str, Any]], what: str) -> Iterator[str]:
    for row in rows:
        base = row["b"].replace("baseline", what, 1)
        yield f"The pick of {row['a']} minus {base}: {number(row, '+')}, {verdict(row)}."


def _encoder_gaps(rows: list[dict[str, Any]]) -> Iterator[str]:
    shown = [row for row in rows if row["p_holm"] is not None and row["p_holm"] < ALPHA]
    for row in shown:
        better, worse = (row["a"], row["b"]) if row["value"] > 0 else (row["b"], row["a"])
        p = p_value(row["p_holm"])
        yield f"{better} did better than {worse} by {abs(row['value']):.3f} ({p} by Holm's method)."
    rest = len(rows) - len(shown)
    if rest == 1 == len(rows):
        yield f"{rows[0]['a']} and {rows[0]['b']} are not shown to differ."
    elif rest:
        yield f"{rest} of {len(rows)} pairs of encoders {'is' if rest == 1 else 'are'} not shown to differ."


def verdict(row: Mapping[str, Any]) -> str:
    """What one paired difference shows."""
    if row["low"] is None:
        return "too few units to say whether that is more than luck"
    if row["low"] <= 0 <= row["high"]:
        return "the interval holds 0: no difference is shown"
    p = row.get("p_holm")
    if p is not None and p >= ALPHA:
        return f"the interval leaves out 0, but not when all such pairs are counted ({p_value(p)} by Holm's method)"
    return "the interval leaves out 0" if p is None else f"the interval leaves out 0 ({p_value(p)} by Holm's method)"


def _gains(results: Mapping[str, Any]) -> list[str]:
    """Does taking all layers help? Counted over tasks × encoders × heads."""
    rows = [{**row, "where": row["family"]} for row in results["gains"]]
    return list(_counted(rows, "All layers", "the last layer", "task, encoder, head"))


def _heads(results: Mapping[str, Any]) -> list[str]:
    """Does a later head do better than the first? Counted over tasks × encoders × layers, head by head."""
    said: list[str] = []
    for head in dict.fromkeys(row["a"] for row in results["head_gaps"]):
        rows = [{**row, "where": f"{row['layers']} layers"} for row in results["head_gaps"] if row["a"] == head]
        rows = [{**row, "where": row["where"].replace("last layers", "last layer")} for row in rows]
        said += _counted(rows, head, rows[0]["b"], "task, encoder, layers")
    return said


def _counted(rows: list[dict[str, Any]], a: str, b: str, over: str) -> Iterator[str]:
    """How many paired comparisons went which way, and those that are shown."""
    if not rows:
        return
    better = [row for row in rows if row["p_holm"] is not None and row["p_holm"] < ALPHA and row["value"] > 0]
    worse = [row for row in rows if row["p_holm"] is not None and row["p_holm"] < ALPHA and row["value"] < 0]
    without = [row for row in rows if row["low"] is None]
    open_ = len(rows) - len(better) - len(worse) - len(without)
    yield (
        f"{a} against {b}, {len(rows)} paired comparison{'s' if len(rows) > 1 else ''} ({over}): {len(better)} for "
        f"{a[0].lower()}{a[1:]}, {len(worse)} for {b}, {open_} not shown to differ"
        + (f", {len(without)} without an interval" if without else "")
        + " (95 %, Holm's method over all of them)."
    )
    for row in better + worse:
        where = f"{row['task']}, {row['encoder']}, {row['where']}"
        yield f"{where}: {number(row, '+')} over {row['units']} units ({row['unit_name']})."


def _not_shown(results: Mapping[str, Any]) -> list[str]:
    """What a careful reader would object to the whole sweep."""
    tasks = results["tasks"].values()
    weights = {name: found["weights"] for task in tasks for name, found in task["encoders"].items()}
    said = []
    untrained = [name for name, kind in weights.items() if kind == "random"]
    computed = [name for name, kind in weights.items() if kind == "none"]
    unknown = [name for name, kind in weights.items() if kind == "unknown"]
    if untrained:
        said.append(
            f"{_and(untrained)} {_have(untrained)} random weights: a floor, which says nothing about trained ones."
        )
    if computed:
        said.append(f"{_and(computed)} {_have(computed)} no weights: such layers are computed, and none was learned.")
    if unknown:
        said.append(f"Whether the weights behind {_and(unknown)} were trained is not known here.")
    if not any(kind == "trained" for kind in weights.values()):
        said.append("No encoder here was trained, so nothing follows about what trained encoders know.")
    probes = max(found["probes"] for task in tasks for found in task["encoders"].values())
    if probes > 1:
        said.append(
            f"Up to {probes} probes were compared on the same test examples: the highest of them owes part of its "
            "score to luck; only picks made inside the training folds are fair."
        )
    if any(len(by["by_layers"]) > 2 for task in tasks for found in task["encoders"].values()
           for by in found["families"].values()):  # fmt: skip
        said.append(
            "Scores of single layers say how much of the label these probes can read there, not how much is there; "
            "layer weights say what helped a probe, not what a layer holds."
        )
    earlier = max((task["earlier_studies"] for task in tasks), default=0)
    if earlier:
        read = "study" if earlier == 1 else "studies"
        said.append(
            f"{earlier} earlier {read} read some of these test examples before; every look makes luck likelier."
        )
    loud = sum(row["severity"] != "note" for task in tasks for row in task["audit"])
    if loud:
        said.append(
            f"{loud} warning{'s' if loud > 1 else ''} about the data could explain scores without any animal: "
            "see each task."
        )
    if not results.get("audited", True):
        said.append("No corpus was audited: that nothing is said of leaks and confounds means nothing.")
    if results["failures"]:
        failed = ", ".join(f"{row['task']} × {row['encoder']}" for row in results["failures"])
        said.append(f"Not run, see the list of failures: {failed}.")
    return said


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _have(names: list[str]) -> str:
    return "has" if len(names) == 1 else "have"
