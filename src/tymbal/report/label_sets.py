"""The parts of a page about examples of several labels or none: no threshold, no confusion, every label ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.evaluation import Estimate, estimate_labels
from tymbal.report.examples import PER_RECORDING, Sounds, framed
from tymbal.report.html import Child, Markup, section, table, tag
from tymbal.report.numbers import count, datum, estimate, plural, rounded, strip
from tymbal.report.run import Run


@dataclass(frozen=True)
class LabelSets:
    """The shown test examples of a run: (n, labels) membership and scores, and each label's own measures.

    measures : {label: {"ap": Estimate | None, "auroc": Estimate | None}}, over all seeds together.
    """

    rows: pl.DataFrame
    membership: NDArray[np.bool_]
    scores: NDArray[np.float64]
    measures: dict[str, dict[str, Estimate | None]]

    @property
    def support(self) -> NDArray[np.int64]:
        """Examples that carry each label, (labels,)."""
        return np.asarray(self.membership.sum(axis=0), dtype=np.int64)

    @classmethod
    def of(cls, run: Run) -> LabelSets:
        """Read and measure what the headline is made of."""
        shown, every = run.shown(), run.shown_seeds()
        units = every["unit"].cast(pl.String).to_list()
        found = estimate_labels(
            membership(every, run.labels), _scores(every), run.labels, groups=units, unit_name=run.unit_name
        )
        return cls(shown, membership(shown, run.labels), _scores(shown), found)


def membership(rows: pl.DataFrame, labels: Sequence[str]) -> NDArray[np.bool_]:
    """(n, labels) booleans of the column `reference`, a list of labels."""
    place = {label: number for number, label in enumerate(labels)}
    out = np.zeros((rows.height, len(labels)), dtype=np.bool_)
    for row, names in enumerate(rows["reference"].to_list()):
        out[row, [place[name] for name in names]] = True
    return out


def _scores(rows: pl.DataFrame) -> NDArray[np.float64]:
    return np.array(rows["scores"].to_list(), dtype=np.float64)


def found(run: Run, sets: LabelSets) -> list[Child]:
    """The easiest and the hardest label, for the summary."""
    known = {name: each["ap"] for name, each in sets.measures.items() if each["ap"] is not None}
    if len(known) < 2:
        return []
    ordered = sorted(known, key=lambda name: known[name].value)
    shares = dict(zip(run.labels, sets.membership.mean(axis=0), strict=True))
    parts: list[Child] = []
    for words, name in (("Easiest: ", ordered[-1]), ("; hardest: ", ordered[0])):
        one: list[Child] = [words, tag("b", name), f" (average precision {rounded(known[name].value)}, "]
        parts += [*one, f"{rounded(float(shares[name]))} by guessing)"]
    return [" ", *parts, "."]


def per_label(run: Run, sets: LabelSets) -> Markup:
    """Average precision and AUROC of every label, each against what guessing gives it."""
    units = pl.DataFrame({"unit": sets.rows["unit"].cast(pl.String), "row": range(sets.rows.height)})
    lines: list[list[Child]] = []
    for number, label in enumerate(run.labels):
        own = sets.measures[label]
        held = units.filter(pl.Series(sets.membership[:, number]))["unit"].n_unique()
        share = float(sets.membership[:, number].mean())
        ap, auroc = _plain(own["ap"]), _plain(own["auroc"])
        cells: list[Child] = [label, str(sets.support[number]), str(held), strip(ap, chance=share)]
        cells += [estimate(ap, None, units=False), datum(share), estimate(auroc, None, units=False)]
        lines.append(cells)
    empty = int((~sets.membership.any(axis=1)).sum())
    lead = f"{count(empty, 'example')} of {sets.rows.height:,} carry no label. "
    lead += "Average precision needs no threshold; the short upright line is what guessing gives: the label’s share of "
    lead += f"the examples. Intervals where at least eight {plural(run.unit_name)} hold the label."
    header: list[Child] = ["label", "examples", plural(run.unit_name), ""]
    header += ["average precision", "by guessing", "AUROC"]
    block = table(header, lines, caption="Per label")
    return section("labels", "Label by label", tag("p", lead, class_="lead"), block)


def _plain(found: Estimate | None) -> dict[str, Any]:
    return {} if found is None else {"value": found.value, "low": found.low, "high": found.high}


def pick(sets: LabelSets, labels: Sequence[str], *, kind: str, wanted: int) -> list[dict[str, Any]]:
    """Up to `wanted` (example, label) pairs as rows with `label`, `score` and `rank`, the labels in turn.

    kind "missed": examples that carry the label and score lowest for it; "false": examples without it that score
    highest; "right": examples with it that score highest. At most PER_RECORDING pairs come from one recording where
    there are others to show. `rank` is the share of all test examples that score below.
    """
    listed: list[tuple[int, int, int]] = []  # turn, label, example
    for number in range(len(labels)):
        own = np.flatnonzero(sets.membership[:, number] != (kind == "false"))
        order = own[np.argsort(sets.scores[own, number], kind="stable")]
        order = order if kind == "missed" else order[::-1]
        if sets.support[number]:
            listed += [(turn, number, int(row)) for turn, row in enumerate(order[:wanted])]
    seen: dict[str, int] = {}
    first: list[dict[str, Any]] = []
    later: list[dict[str, Any]] = []
    names = sets.rows["recording"].to_list()
    for _, number, row in sorted(listed):
        seen[names[row]] = seen.get(names[row], 0) + 1
        score = float(sets.scores[row, number])
        pair = {"row": row, "label": labels[number], "score": score}
        pair["rank"] = float((sets.scores[:, number] < score).mean())
        (first if seen[names[row]] <= PER_RECORDING else later).append(pair)
    chosen = (first + later)[:wanted]
    return [{**sets.rows.row(pair["row"], named=True), **pair} for pair in chosen]


def cards(kind: str, rows: Sequence[dict[str, Any]], sounds: Sounds) -> Markup:
    """One section of pictures and sounds."""
    heading, lead = {
        "missed": ("Missed most", "Examples that carry the label and score lowest for it."),
        "false": ("Mistaken most", "Examples without the label that score highest for it: errors, or labels missed."),
        "right": ("Right, surest of each label", "Examples with the label that score highest for it."),
    }[kind]
    anchor = {"missed": "wrong", "false": "false", "right": "right"}[kind]
    if not rows:
        return section(anchor, heading, tag("p", "None.", class_="lead"))
    lead += " Labels in turn. Time is that of the recording; lines mark the example’s onset and offset."
    shown: list[Child] = [_card(row, kind != "false", sounds) for row in rows]
    return section(anchor, heading, tag("p", lead, class_="lead"), tag("div", shown, class_="cards"))


def _card(row: dict[str, Any], carried: bool, sounds: Sounds) -> Markup:
    others = [name for name in row["reference"] if name != row["label"]]
    verdict: list[Child] = [
        tag("span", "●" if carried else "○", class_="sign", aria_hidden="true"),
        tag("b", str(row["label"])),
        tag("span", "" if carried else ": not in the reference", class_="units"),
    ]
    if others:
        verdict += [tag("span", " with " if carried else "; there: ", class_="units"), ", ".join(others)]
    score = f"above {100 * row['rank']:.0f} % of all"
    said = f"{row['label']}, {'carried' if carried else 'not carried'}"
    return framed(row, sounds, verdict, score, said)
