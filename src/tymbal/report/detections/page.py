"""Scores of detections as the body of one page."""

from __future__ import annotations

from tymbal.report.detections import parts
from tymbal.report.detections.cards import choose
from tymbal.report.detections.read import Scored
from tymbal.report.examples import Sounds
from tymbal.report.html import Child, Markup, tag

NAMES = (
    ("missed", "Missed"),
    ("false", "False alarms"),
    ("found", "Found"),
    ("scores", "Scores"),
    ("curves", "Curves"),
    ("strata", "Overlap and noise"),
    ("classes", "Classes"),
    ("units", "Units"),
    ("alarms", "Per hour"),
    ("parameters", "How"),
)


def title(found: Scored) -> str:
    """What the page is called."""
    detector = found.scores.provenance.get("detector")
    labels = found.scores.labels
    what = labels[0].replace("_", " ") if len(labels) == 1 else f"{len(labels)} classes"
    if found.scores.settings.class_agnostic:
        what = "events of any class"
    return f"Detections of {what}" + (f" by {detector}" if detector else "")


def body(found: Scored, sounds: Sounds, examples: int) -> Markup:
    """Everything between <body> and </body>: what went wrong first."""
    made = f"Tymbal {found.scores.provenance.get('tymbal_version', 'of unknown version')}"
    top = tag(
        "header",
        tag("p", f"Tymbal report: {found.path.resolve().name}", class_="kind"),
        tag("h1", title(found)),
        tag("p", made, class_="lead"),
    )
    answers: list[tuple[str, Child]] = [("Found", parts.headline(found)), ("Judged", parts.counted(found))]
    if found.scores.notes:
        answers.append(("Beware", tag("ul", [tag("li", note) for note in found.scores.notes])))
    said = [[tag("dt", question), tag("dd", answer)] for question, answer in answers]
    chosen = choose(found.scores.events, examples)
    shown = [
        *parts.events(found, chosen, sounds),
        parts.scores(found),
        parts.curves(found),
        parts.strata(found),
        parts.classes(found),
        parts.units(found),
        parts.alarms(found),
        parts.parameters(found),
    ]
    links = [tag("a", name, href=f"#{key}") for key, name in NAMES if any(f'<section id="{key}"' in p for p in shown)]
    nav = tag("nav", links, aria_label="Parts of this page")
    return tag("main", top, tag("dl", said, class_="summary"), nav, shown)
