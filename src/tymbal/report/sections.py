"""The parts of the page below the summary, each a function from a Run to Markup ("" where there is nothing to say)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tymbal.corpus import Corpus
from tymbal.errors import TymbalError
from tymbal.evaluation import estimate_classes, holm
from tymbal.report.figures import weight_bars
from tymbal.report.html import Child, Markup, section, table, tag
from tymbal.report.numbers import MISSING, count, datum, estimate, plural, pointer, rounded, strip
from tymbal.report.run import Run
from tymbal.report.summary import LOUD, chance, metric_title

MOST_ROWS = 60


def audit(run: Run) -> Markup:
    """Findings about the data, warnings in plain sight, the rest folded away."""
    findings = run.results.get("audit") or []
    if not findings:
        return Markup("")
    loud = [finding for finding in findings if str(finding.get("severity")).lower() in LOUD]
    quiet = [finding for finding in findings if finding not in loud]
    parts: list[Child] = []
    for code in dict.fromkeys(_code(finding) for finding in loud):
        said = [tag("p", str(finding.get("message", ""))) for finding in loud if _code(finding) == code]
        parts.append(tag("div", tag("b", code), said, class_="warning"))
    if quiet:
        listed = [tag("li", tag("b", _code(finding)), ". ", str(finding.get("message", ""))) for finding in quiet]
        parts.append(tag("details", tag("summary", count(len(quiet), "note")), tag("ul", listed)))
    lead = "What is known against the data, by the audit of the corpus where it was made, and by the task itself. "
    lead += "A warning can explain a score without any animal in it."
    return section("audit", "Audit of the data", tag("p", lead, class_="lead"), parts)


def _code(finding: Mapping[str, Any]) -> str:
    code = str(finding.get("code", "finding")).replace("_", " ")
    return f"{str(finding.get('severity') or 'note').capitalize()}: {code}"


def probes(run: Run) -> Markup:
    """Head × layers with intervals, other metrics, seeds' spread and how many folds picked each probe."""
    metrics = [name for name in run.task["metrics"] if name != run.primary]
    seeded = any(len(values) > 1 for name in run.results["probes"] for values in [_seed_values(run, name)])
    header: list[Child] = ["probe", metric_title(run.primary), ""]
    header += ["seeds"] if seeded else []
    header += ["picked in"] if run.choices else []
    header += [metric_title(name).split(" (")[0] for name in metrics]
    guess = chance(run, run.primary)
    rows: list[list[Child]] = []
    picked = (run.results.get("selected") or {}).get("metrics") or {}
    if run.primary in picked:
        said = [MISSING] * (seeded + bool(run.choices))
        rows.append(["picked per fold", *_metric_cells(run, picked, "/selected/metrics", said, guess)])
    for name, probe in run.results["probes"].items():
        chosen = sum(probe_name == name for probe_name in run.choices.values())
        extra: list[Child] = [_seed_range(run, name)] if seeded else []
        extra += [count(chosen, "fold") if chosen else MISSING] if run.choices else []
        cells = _metric_cells(run, probe["metrics"], pointer("probes", name, "metrics"), extra, guess)
        rows.append([_name(run, name), *cells])
    lead = "Each probe on the same test examples. “Picked per fold” is what a user would have had: the probe with the "
    lead += "best score inside the training folds, then read once on the test fold."
    if guess is not None:
        lead += " The short upright line in each strip marks guessing."
    caption = f"Probes: {metric_title(run.primary)}, 0 to 1"
    return section("probes", "Heads and layers", tag("p", lead, class_="lead"), table(header, rows, caption=caption))


def _metric_cells(
    run: Run, metrics: Mapping[str, Any], source: str, extra: Sequence[Child], guess: float | None
) -> list[Child]:
    first = metrics.get(run.primary) or {}
    cells: list[Child] = [strip(first, chance=guess), estimate(first, f"{source}/{run.primary}", units=False), *extra]
    others = [name for name in run.task["metrics"] if name != run.primary]
    return cells + [estimate(metrics.get(name) or {}, f"{source}/{name}", units=False) for name in others]


def _name(run: Run, name: str) -> Child:
    role = ", the baseline" if name == run.results.get("baseline") != "baseline" else ""
    return [name, tag("span", run.described(name) + role, class_="sub")]


def _seed_values(run: Run, name: str) -> list[float]:
    return ((run.results["probes"][name].get("seeds") or {}).get(run.primary)) or []


def _seed_range(run: Run, name: str) -> Child:
    values = _seed_values(run, name)
    if len(values) < 2:
        return MISSING
    source = pointer("probes", name, "seeds", run.primary)
    low, high = values.index(min(values)), values.index(max(values))
    ends = datum(values[low], source=f"{source}/{low}"), datum(values[high], source=f"{source}/{high}")
    many = tag("span", f" ({len(values)})", class_="units")
    return tag("span", ends[0], "–", ends[1], many, class_="estimate")


def differences(run: Run) -> Markup:
    """Paired differences: the same units resampled for both, so what is hard in a unit cancels."""
    found = run.results.get("differences") or []
    if not found:
        return Markup("")
    ends = [abs(row[name]) for row in found for name in ("value", "low", "high") if row.get(name) is not None]
    reach = 1.1 * max([*ends, 0.05])
    rows: list[list[Child]] = []
    adjusted = _holm(found)
    for number, row in enumerate(found):
        pair: Child = [str(row["a"]), tag("span", " minus ", class_="units"), str(row["b"])]
        shown = estimate({"unit_name": run.unit_name, **row}, pointer("differences", number), sign=True)
        rows.append([pair, metric_title(str(row["metric"])), strip(row, reach=reach), shown, adjusted[number]])
    lead = "Both were measured in every resample of the same units. The upright line is no difference; an interval "
    lead += f"that crosses it shows none. The strips span ±{rounded(reach, 2)}. p is two-sided, and by Holm’s method "
    lead += "holds for all pairs of one metric at once."
    block = table(["pair", "metric", "", "difference", "p (Holm)"], rows, caption="Paired differences")
    return section("differences", "Paired differences", tag("p", lead, class_="lead"), block)


def _holm(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Adjusted p of each row among the rows of its metric, as text; a dash where a row has none."""
    shown = [MISSING] * len(found)
    for metric in dict.fromkeys(row["metric"] for row in found):
        places = [at for at, row in enumerate(found) if row["metric"] == metric and row.get("p") is not None]
        for place, p in zip(places, holm([found[at]["p"] for at in places]), strict=True):
            shown[place] = "< 0.001" if p < 0.001 else rounded(p)
    return shown


def per_unit(run: Run) -> Markup:
    """Every unit's own value: in plain sight where there are too few for an interval, else folded."""
    metrics, source, _ = run.headline
    primary = metrics[run.primary]
    values = primary.get("per_unit") or {}
    if not values:
        return Markup("")
    base = f"{source}/{run.primary}/per_unit"
    rows: list[list[Child]] = []
    sizes = dict(run.shown().group_by(pl.col("unit").cast(pl.String)).len().iter_rows())
    for name, value in values.items():
        place = base + pointer(name)
        drawn = strip({"value": value}, chance=chance(run, run.primary))
        size = str(sizes[name]) if name in sizes else MISSING
        rows.append([name, size, drawn, datum(value, source=place)])
    caption = f"{metric_title(run.primary).capitalize()} of each {run.unit_name}"
    block = table([run.unit_name, "examples", "", run.primary.replace("_", " ")], rows, caption=caption)
    if primary.get("low") is None:
        lead = f"{count(int(primary['units']), run.unit_name)}, fewer than the eight that an interval takes: all shown."
        return section("units", f"Every {run.unit_name}", tag("p", lead, class_="lead"), block)
    return section("units", f"Every {run.unit_name}", tag("details", tag("summary", f"{len(rows)} values"), block))


def per_class(run: Run) -> Markup:
    """Support, precision, recall and F1 of every label, with intervals where at least eight units hold the label.

    Over all seeds together, as the headline: the mean of the recalls is its balanced accuracy.
    """
    labels, rows = run.labels, run.shown_seeds()
    reference, predicted = rows["reference"].to_list(), rows["predicted"].to_list()
    groups = rows["unit"].to_list()
    found = estimate_classes(reference, predicted, labels, groups=groups, unit_name=run.unit_name)
    support = dict(run.shown()["reference"].value_counts().iter_rows())
    units = dict(rows.group_by("reference").agg(pl.col("unit").n_unique()).iter_rows())
    lines: list[list[Child]] = []
    for label in labels:
        cells: list[Child] = []
        for name in ("precision", "recall", "f1"):
            one = found[label][name]
            shown = {} if one is None else {"value": one.value, "low": one.low, "high": one.high}
            cells.append(estimate(shown, None, units=False))
        recall = found[label]["recall"]
        drawn = strip({} if recall is None else {"value": recall.value, "low": recall.low, "high": recall.high})
        lines.append([label, str(support.get(label, 0)), str(units.get(label, 0)), cells[0], drawn, *cells[1:]])
    lead = "All seeds together, as in the summary. " if rows.height > run.shown().height else ""
    lead += f"Intervals where at least eight {plural(run.unit_name)} hold the label; a dash where nothing is known."
    header: list[Child] = ["label", "examples", plural(run.unit_name), "precision", "recall", "", "F1"]
    block = table(header, lines, caption="Per label")
    return section("labels", "Label by label", tag("p", lead, class_="lead"), block)


def weights(run: Run) -> Markup:
    """Learned layer weights of the probes that have them: those picked by folds in sight, the others folded."""
    having = {
        name: run.ordered_layers(probe["layer_weights"])
        for name, probe in run.results["probes"].items()
        if probe.get("layer_weights")
    }
    if not having:
        return Markup("")
    picked = [name for name in having if name in run.choices.values()] or list(having)[:1]
    parts: list[Child] = [weight_bars(having[name], name) for name in picked]
    others = [weight_bars(having[name], name) for name in having if name not in picked]
    if others:
        parts.append(tag("details", tag("summary", count(len(others), "more probe")), others))
    lead = "How much of each layer the probe takes. Weights say what helped this probe, not what a layer holds. "
    lead += "The upright line is an even share."
    return section("weights", "Layer weights", tag("p", lead, class_="lead"), parts)


def odd_files(corpus: Corpus | None, unplayable: list[tuple[str, str]]) -> Markup:
    """Files that failed or were odd when the corpus was made, and examples whose sound could not be read now."""
    listed = [("no picture", name, message) for name, message in unplayable]
    if corpus is not None:
        try:
            failed = corpus.failures.select("item", "message").iter_rows()
            odd = corpus.faults.select("source", "message").iter_rows()
            listed += [("failed", *row) for row in failed] + [("odd", *row) for row in odd]
        except TymbalError as error:
            listed.append(("unreadable", str(corpus.path), str(error)))
    if not listed:
        return section("files", "Files", tag("p", "No file failed and none was odd.", class_="lead"))
    rows: list[list[Child]] = [[name, kind, message] for kind, name, message in listed[:MOST_ROWS]]
    more = len(listed) - len(rows)
    block = table(["file", "what", "why"], rows, caption="Failed and odd files", class_="files")
    rest = tag("p", f"and {more} more, all in the corpus", class_="lead") if more else None
    return section("files", "Files", block, rest)


def parameters(run: Run) -> Markup:
    """Every parameter, checksum and version, the log of test reads, all probe settings; folded."""
    settings = [[name, _plain(value)] for name, value in _flat(run.parameters)]
    made = [[name, _plain(value)] for name, value in _flat(run.provenance)]
    configs = [[f"{name}: {key}", _plain(value)] for name, probe in run.results["probes"].items()
               for key, value in _flat(probe.get("config") or {})]  # fmt: skip
    inner = (run.results.get("selected") or {}).get("inner_scores") or {}
    picks = [
        [f"fold {fold}", probe, rounded((inner.get(fold) or {}).get(probe))] for fold, probe in run.choices.items()
    ]
    reads = [[str(number), _plain(read)] for number, read in enumerate(run.results.get("test_reads") or [], 1)]
    blocks = [
        tag("details", tag("summary", title), table(header, rows, caption=title, class_="settings"))
        for title, header, rows in (
            ("Parameters (run.toml)", ["parameter", "value"], settings),
            ("Encoder, store, corpus, versions", ["what", "value"], made),
            ("Settings of every probe", ["probe: field", "value"], configs),
            (
                "Probe picked in each fold",
                ["fold", "probe", f"{metric_title(run.primary)} inside its training folds"],
                picks,
            ),
            ("Readings of the test examples", ["reading", "what"], reads),
        )
        if rows
    ]
    return section("parameters", "How it was made", blocks)


def _flat(value: Any, name: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        value = {str(item.get("name", number)): item for number, item in enumerate(value)}
    if isinstance(value, Mapping) and value:
        return [pair for key, item in value.items() for pair in _flat(item, f"{name}.{key}" if name else str(key))]
    return [(name, value)]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
