"""The parts of a sweep's page, each a function from a Sweep to Markup ("" where there is nothing to say)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tymbal.report.figures import weight_bars
from tymbal.report.html import Child, Markup, section, table, tag
from tymbal.report.numbers import MISSING, count, datum, estimate, interval_decimals, pointer, rounded, strip
from tymbal.report.summary import metric_title
from tymbal.report.sweeps.curve import Series, draw_curve, legend
from tymbal.report.sweeps.read import Sweep

MOST_ROWS = 200  # probes in the page's table; all are in results.parquet
LOUD = ("error", "warning")


def at(*parts: object) -> str:
    """A JSON pointer into results.json."""
    return pointer(*parts)


def matrix(sweep: Sweep, task: str) -> Markup:
    """Heads by encoders: what was picked inside the training folds among the probes of each cell."""
    row = sweep.tasks[task]
    families = sweep.families(task)
    header: list[Child] = ["encoder", "picked of all", *families]
    having = [name for name, found in sweep.encoders(task).items() if found["baseline"] is not None]
    header += ["baseline"] if having else []
    rows: list[list[Child]] = []
    chance = row["chance"] or 0.0
    for name, found in sweep.encoders(task).items():
        base = at("tasks", task, "encoders", name)
        cells = [_cell(found["picked"], f"{base}/picked", chance)]
        for family in families:
            part = found["families"].get(family)
            shown = None if part is None else part["picked"]
            cells.append(_cell(shown, base + at("families", family, "picked"), chance))
        if having:
            cells.append(_cell(found["baseline"], f"{base}/baseline", chance))
        rows.append([_encoder(name, found), *cells])
    title = metric_title(sweep.results["metric"])
    caption = f"{title.capitalize()} of picked probes, heads by encoders"
    block = table(header, rows, caption=caption, class_="heat")
    lead = f"{title.capitalize()} with its 95 % interval over {count(row['units'], row['unit_name'])}"
    lead += "." if row["units"] >= 8 else " (too few for intervals)."
    lead += " In every cell layers, fusion, rate and whatever else the plan varies were picked inside the training "
    lead += "folds. The darker, the further from guessing."
    return Markup(tag("p", lead, class_="lead") + block)


def _cell(found: Mapping[str, Any] | None, source: str, chance: float) -> Markup:
    if found is None:
        return tag("span", MISSING, class_="none")
    share = max(0.0, (found["value"] - chance) / max(1e-9, 1 - chance))
    inner: list[Child] = [tag("b", datum(found["value"], source=f"{source}/value"))]
    if found["low"] is not None:
        decimals = interval_decimals(found["low"], found["high"])
        ends = [datum(found[end], decimals, source=f"{source}/{end}") for end in ("low", "high")]
        inner.append(tag("span", ends[0], "–", ends[1], class_="sub"))
    return tag("span", inner, class_="cell", style=f"--s:{100 * share:.0f}%")


def _encoder(name: str, found: Mapping[str, Any]) -> Child:
    kinds = {"random": "random weights", "none": "computed, no weights", "unknown": "weights of unknown origin"}
    said = kinds.get(found["weights"], "trained weights")
    return [name, tag("span", f"{said}, {count(len(found['layers']), 'layer')}", class_="sub")]


def curves(sweep: Sweep, task: str) -> Markup:
    """One drawing for each encoder whose single layers were probed, and the numbers behind it, folded."""
    parts: list[Child] = []
    families = sweep.families(task)
    drawn_families: set[str] = set()
    chance = sweep.tasks[task]["chance"]
    for name, found in sweep.encoders(task).items():
        labels = _names(found)
        series = []
        for kind, family in enumerate(families):
            points = (found["families"].get(family) or {}).get("by_layers") or {}
            kept = {label: point for label, point in points.items() if len(point["taps"]) == 1 or label == "all"}
            if kept:
                series.append(Series(family, kind, kept))
        if not any(_singles(each) > 1 for each in series):
            continue
        drawn_families |= {each.name for each in series}
        alt = f"{metric_title(sweep.results['metric'])} of each layer of {name}, task {task}"
        drawn = draw_curve(series, labels, chance=chance, alt=alt)
        numbers = _curve_numbers(task, name, series, labels)
        parts += [tag("h3", name), drawn, tag("details", tag("summary", "The numbers"), numbers)]
    if not parts:
        return Markup("")
    lead = "Each layer by itself, input at the left, and all layers together; bars are 95 % intervals. The highest "
    lead += "point of a curve was found on the test examples: it is no fair estimate of what picking it would give."
    signs = legend({kind: name for kind, name in enumerate(families) if name in drawn_families}, chance)
    return Markup(tag("p", lead, class_="lead") + signs + "".join(map(str, parts)))


def _singles(series: Series) -> int:
    return sum(len(point["taps"]) == 1 for point in series.points.values())


def _names(found: Mapping[str, Any]) -> dict[str, str]:
    """Labels of single layers from input to output with the name to show for each, then "all"."""
    *first, last = found["layers"]
    return {**{name: name for name in first}, "last": f"{last} (last)", "all": f"all {len(found['layers'])}"}


def _curve_numbers(task: str, encoder: str, series: Sequence[Series], labels: Mapping[str, str]) -> Markup:
    rows: list[list[Child]] = []
    for label, shown in labels.items():
        cells: list[Child] = []
        for each in series:
            base = at("tasks", task, "encoders", encoder, "families", each.name, "by_layers", label)
            cells.append(estimate(each.points.get(label) or {}, base, units=False))
        if any(label in each.points for each in series):
            rows.append([shown, *cells])
    return table(["layers", *[each.name for each in series]], rows, caption=f"Layers of {encoder}")


def gains(sweep: Sweep) -> Markup:
    """All layers minus the last, paired, for every task, encoder and family that has both."""
    found = sweep.results["gains"]
    if not found:
        return Markup("")
    rows: list[list[Child]] = []
    reach = _span(found)
    for number, row in enumerate(found):
        name = [row["family"], tag("span", f"{row['task']}, {row['encoder']}", class_="sub")]
        rows.append([name, *_difference(row, at("gains", number), reach)])
    lead = "Both sides were picked inside the training folds, and both were measured in every resample of the same "
    lead += "units. The upright line is no difference; an interval that crosses it shows none. p is two-sided, and by "
    lead += f"Holm’s method holds for all rows at once. The strips span ±{rounded(reach, 2)}."
    block = table(["head", "", "all layers − last", "p (Holm)"], rows, caption="All layers minus the last layer")
    return section("gains", "All layers or the last", tag("p", lead, class_="lead"), block)


def differences(sweep: Sweep, task: str) -> Markup:
    """Picked probes of encoders against the baseline, and against each other."""
    row = sweep.tasks[task]
    found = [(each, at("tasks", task, "against_baseline", number)) for number, each in
             enumerate(row["against_baseline"])]  # fmt: skip
    found += [(each, at("tasks", task, "encoder_differences", number)) for number, each in
              enumerate(row["encoder_differences"])]  # fmt: skip
    if not found:
        return Markup("")
    reach = _span([each for each, _ in found])
    rows: list[list[Child]] = [
        [[each["a"], tag("span", " minus ", class_="units"), each["b"]], *_difference(each, source, reach)]
        for each, source in found
    ]
    lead = "What was picked inside the training folds for each encoder, paired on the same examples. p by Holm’s "
    lead += "method, over the rows against a baseline and over the rows between encoders."
    block = table(["pair", "", "difference", "p (Holm)"], rows, caption="Encoders and the baseline")
    return Markup(tag("h3", "Encoders and the baseline") + tag("p", lead, class_="lead") + block)


def _span(rows: Sequence[Mapping[str, Any]]) -> float:
    ends = [abs(row[name]) for row in rows for name in ("value", "low", "high") if row.get(name) is not None]
    return float(1.1 * max([*ends, 0.05]))


def _difference(row: Mapping[str, Any], source: str, reach: float) -> list[Child]:
    p = row.get("p_holm")
    said = MISSING if p is None else "< 0.001" if p < 0.001 else rounded(p)
    return [strip(row, reach=reach), estimate(row, source, sign=True), said]


def weights(sweep: Sweep, task: str) -> Markup:
    """Learned layer weights: of probes that folds picked in sight, of the others folded."""
    seen: list[Child] = []
    folded: list[Child] = []
    for name, found in sweep.encoders(task).items():
        picked = set(found["picked"]["choices"].values())
        families = [part["picked"]["choices"].values() for part in found["families"].values()]
        picked |= {probe for chosen in families for probe in chosen}
        for probe, having in found["layer_weights"].items():
            ordered = {layer: having[layer] for layer in found["layers"] if layer in having}
            base = at("tasks", task, "encoders", name, "layer_weights", probe)
            (seen if probe in picked else folded).append(weight_bars(ordered, f"{probe} ({name})", base))
    if not seen and not folded:
        return Markup("")
    more = count(len(folded), "more probe") if seen else count(len(folded), "probe") + ", none picked by any fold"
    rest = tag("details", tag("summary", more), folded) if folded else ""
    lead = "How much of each layer a probe takes; thin lines span folds and seeds, the upright line is an even share. "
    lead += "Weights say what helped this probe, not what a layer holds."
    return Markup(tag("h3", "Layer weights") + tag("p", lead, class_="lead") + "".join(map(str, seen)) + str(rest))


def audit(sweep: Sweep, task: str) -> Markup:
    """What is known against a task's data, by its audit and by itself; warnings in sight, notes folded."""
    found = sweep.tasks[task]["audit"]
    loud = [row for row in found if row["severity"] in LOUD]
    quiet = [row for row in found if row["severity"] not in LOUD]
    parts: list[Child] = [
        tag("div", tag("b", f"{row['severity'].capitalize()}: {row['code'].replace('_', ' ')}"),
            tag("p", row["message"]), class_="warning")
        for row in loud
    ]  # fmt: skip
    if quiet:
        listed = [tag("li", tag("b", row["code"].replace("_", " ")), ". ", row["message"]) for row in quiet]
        parts.append(tag("details", tag("summary", f"{count(len(quiet), 'note')} on the data"), tag("ul", listed)))
    return Markup("".join(map(str, parts)))


def cost(sweep: Sweep) -> Markup:
    """What each head cost: CPU seconds and parameters."""
    spent = sweep.table.with_columns((pl.col("cpu_s") + pl.col("choosing_cpu_s")).alias("all_s"))
    grouped = spent.group_by("family", "head", maintain_order=True).agg(
        pl.len().alias("probes"),
        pl.col("all_s").sum(),
        pl.col("cpu_s").median(),
        pl.col("parameters").min().alias("least"),
        pl.col("parameters").max().alias("most"),
    )
    rows: list[list[Child]] = []
    for row in grouped.iter_rows(named=True):
        sizes = [MISSING] if row["least"] is None else [f"{row[name]:,}" for name in ("least", "most")]
        shown = "–".join(dict.fromkeys(sizes))
        name = (
            row["family"] if row["family"] == row["head"] else [row["family"], tag("span", row["head"], class_="sub")]
        )
        rows.append([name, str(row["probes"]), shown, rounded(row["cpu_s"], 2), rounded(row["all_s"], 1)])
    header: list[Child] = [
        "head",
        "rows of the table",
        "parameters",
        "CPU s (median row)",
        "CPU s (all, with choosing)",
    ]
    total = f"{spent['all_s'].sum():,.0f} CPU seconds of fitting in all; the feature pass is not counted."
    return section("cost", "Cost", tag("p", total, class_="lead"), table(header, rows, caption="Cost of every head"))


def every(sweep: Sweep) -> Markup:
    """Every probe and seed, folded: best inner score of each task and encoder first."""
    rows: list[list[Child]] = []
    ordered = sweep.table.sort("inner_score", descending=True, nulls_last=True, maintain_order=True)
    for row in ordered.sort("task", "encoder", maintain_order=True).head(MOST_ROWS).iter_rows(named=True):
        shown = estimate({"value": row["score"], "low": row["low"], "high": row["high"]}, None, units=False)
        where = tag("span", f"{row['task']}, {row['encoder']}", class_="sub")
        picked = count(row["picked_in_folds"], "fold") if row["picked_in_folds"] else MISSING
        size = f"{row['parameters']:,}" if row["parameters"] is not None else MISSING
        spent = rounded(row["cpu_s"] + row["choosing_cpu_s"], 1)
        rows.append([[row["probe"], where], str(row["seed"]), strip(dict(row) | {"value": row["score"]}), shown,
                     rounded(row["inner_score"]), picked, size, spent])  # fmt: skip
    header: list[Child] = ["probe", "seed", "", metric_title(sweep.results["metric"]), "inside training folds",
                           "picked in", "parameters", "CPU s"]  # fmt: skip
    block = table(header, rows, caption="Every probe and seed")
    left = sweep.table.height - len(rows)
    rest = tag("p", f"and {left} more in results.parquet and results.csv", class_="lead") if left else None
    heading = (
        f"{count(sweep.table.height, 'row')}: every probe and seed, ordered by the score inside the training folds"
    )
    return section("every", "Every probe", tag("details", tag("summary", heading), block, rest))


def failures(sweep: Sweep) -> Markup:
    """What could not be run."""
    found = sweep.results["failures"]
    if not found:
        return Markup("")
    rows: list[list[Child]] = [[f"{row['task']} × {row['encoder']}", row["message"]] for row in found]
    block = table(["study", "why"], rows, caption="Not run", class_="files")
    return section("failures", "Not run", block)


def parameters(sweep: Sweep) -> Markup:
    """The plan, and where every encoder's numbers come from; folded."""
    plan = [[name, value] for name, value in _flat(sweep.plan)]
    made = []
    for task in sweep.tasks:
        for name, found in sweep.encoders(task).items():
            facts = {key: found[key] for key in ("origin", "weights", "notes", "checksum", "store_digest", "study")}
            made += [[f"{task}, {name}: {key}", value] for key, value in _flat(facts)]
    blocks = [
        tag("details", tag("summary", title), table(header, rows, caption=title, class_="settings"))
        for title, header, rows in (
            ("The plan (plan.toml)", ["field", "value"], plan),
            ("Encoders, stores and studies", ["what", "value"], made),
        )
        if rows
    ]
    hint = "Every study is a run of its own: `tymbal report` on its folder shows examples, confusions and sounds."
    return section("parameters", "How it was made", tag("p", hint, class_="lead"), blocks)


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        value = {str(number): item for number, item in enumerate(value)}
    if isinstance(value, Mapping) and value:
        return [pair for key, item in value.items() for pair in _flat(item, f"{name}.{key}" if name else str(key))]
    return [(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))]
