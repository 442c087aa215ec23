"""Labels that go with codec, rate, recorder, level or hour: what a classifier may learn instead."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tymbal.corpus.auditing.association import PERMUTATIONS, Association, Codes, Fact, associations, codes, collapse
from tymbal.corpus.auditing.columns import Grouping, determines
from tymbal.corpus.auditing.findings import Finding, Severity, listed
from tymbal.corpus.auditing.view import FILE_FACTS, SOUND_FACTS, View, facts

ALPHA = 0.05
LEAST = 0.3  # strength below which an association is not worth a finding
STRONG = 0.6
CHANNEL_FACTS = frozenset(
    ("noise_floor_db", "cutoff_hz", "zero_share", "offset")
)  # more of the recorder than the animal
MOST_WORK = 5e7  # permutations x tests x units; beyond it fewer permutations are drawn, never below 99


def confound_findings(view: View, leaky: Sequence[Grouping]) -> list[Finding]:
    """Findings for facts with which the label, or the presence of a label's events, goes."""
    found = facts(view)
    findings = []
    if view.single and len({label for label in view.label if label is not None}) > 1:
        unit, keys = _unit(view, leaky)
        labels = codes(view.label)
        reduced = [collapse(keys, labels, fact) for fact in found]
        if reduced and _enough(reduced[0][0]):
            tested = _test({view.name: reduced[0][0]}, [fact for _, fact in reduced])
            findings += _report(tested, view, unit)
    if view.presence:
        tested = _test(view.presence, found)
        findings += _report(tested, view, "recordings", presence=True)
    return findings


def _unit(view: View, leaky: Sequence[Grouping]) -> tuple[str, list[str | None]]:
    """The widest grouping within which the label is constant: labels were given to these, not to each recording."""
    nested = [grouping for grouping in leaky if determines(list(grouping.keys), view.label)]
    classes = len(set(view.label) - {None})
    nested = [grouping for grouping in nested if len(grouping.sizes) >= 2 * classes]
    if not nested:
        return "recordings", [None] * view.table.height
    widest = min(nested, key=lambda grouping: len(grouping.sizes))
    return f"groups of {widest.name}", list(widest.keys)


def _enough(labels: Codes) -> bool:
    values = labels[labels >= 0].tolist()
    return len(values) >= 8 and len(set(values)) < len(values)


def _test(labels: dict[str, Codes], found: list[Fact]) -> list[Association]:
    units = len(found[0].values) if found else 0
    work = max(1.0, float(units) * len(labels) * len(found))
    permutations = int(min(PERMUTATIONS, max(99, math.floor(MOST_WORK / work))))
    return associations(labels, found, permutations=permutations)


def _report(tested: list[Association], view: View, unit: str, *, presence: bool = False) -> list[Finding]:
    """Findings about facts of files and circumstances one by one, and one for each kind of fact that is heard."""
    shown = [each for each in tested if each.strength >= LEAST and each.p <= ALPHA]
    shown.sort(key=lambda each: (-each.strength, each.fact, each.label))
    groups: dict[str, list[Association]] = {}
    for each in shown:
        kind = "channel" if each.fact in CHANNEL_FACTS else "sound" if each.fact in SOUND_FACTS else each.fact
        groups.setdefault(kind, []).append(each)
    findings = []
    for kind, found in groups.items():
        best: dict[str, Association] = {}
        for each in found:
            best.setdefault(each.fact, each)
        labels = list(dict.fromkeys(each.label for each in found))
        what = f"presence of {listed(labels)}" if presence else view.title
        how = listed([f"{each.fact} ({each.strength:.2f} of 1, p = {each.p:.3f})" for each in best.values()], 8)
        text = f"{what} goes with {how} over {found[0].units} {unit}. {_advice(kind)}"
        numbers = [{"label": e.label, "fact": e.fact, "strength": round(e.strength, 4), "p": e.p} for e in found]
        details = {"facts": list(best), "presence": presence, "unit": unit, "associations": numbers}
        findings.append(Finding("confounded", _severity(kind, found[0].strength), text, details))
    return findings


def _severity(kind: str, strength: float) -> Severity:
    """Facts of files are never part of the sound: strong ones make a score meaningless. What is heard may be."""
    if kind == "sound":
        return "note"
    if set(kind.split(", ")) & {*FILE_FACTS, "bit_depth"}:
        return "error" if strength >= STRONG else "warning"
    return "warning" if strength >= STRONG or kind != "channel" else "note"


def _advice(kind: str) -> str:
    if set(kind.split(", ")) & {*FILE_FACTS, "bit_depth"}:
        return (
            "Bring all recordings to one format and rate before training, or the format is what is learnt: "
            "tymbal reencode RECORDINGS -o FOLDER --noise 20, then index that"
        )
    if kind == "channel":
        return "That is more of the recorder and the place than of the animal: report a baseline from these alone"
    if kind == "sound":
        return "It may belong to the sounds, or to how they were recorded and cut: report a baseline from these alone"
    return f"Balance the labels over {kind}, or hold whole values of it out"
