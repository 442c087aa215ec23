"""A diagnosis as the body of one page, or as sections of the page of the run that was diagnosed."""

from __future__ import annotations

from tymbal.report.diagnoses.parts import PARTS
from tymbal.report.diagnoses.read import Diagnosis
from tymbal.report.html import Child, Markup, tag
from tymbal.report.numbers import count

NAMES = tuple((anchor, name) for anchor, name, _ in PARTS.values())  # for the contents of a page


def title(found: Diagnosis) -> str:
    """What the page is called."""
    label = str(found.task["label"]).replace("_", " ").capitalize()
    return f"{label} from {found.results['provenance'].get('encoder') or 'encoder'} features, diagnosed"


def sections(found: Diagnosis) -> list[Markup]:
    """One section per diagnostic that was made."""
    return [PARTS[name][2](found) for name in found.names if name in PARTS]


def body(found: Diagnosis) -> Markup:
    """Everything between <body> and </body>, for a diagnosis without a run."""
    task, provenance = found.task, found.results["provenance"]
    made = f"Tymbal {provenance.get('tymbal_version', 'of unknown version')}"
    made += f", encoder {provenance.get('encoder')} {str(provenance.get('encoder_checksum') or '')[:12]}"
    top = tag(
        "header",
        tag("p", f"Tymbal report: {found.path.resolve().name}", class_="kind"),
        tag("h1", title(found)),
        tag("p", made, class_="lead"),
    )
    asked = f"{count(task['examples'], 'example')} of {count(len(task['labels']), 'label')}, split {task['scheme']}, "
    asked += f"{count(task['units'], found.unit_name)} that intervals resample."
    not_shown: list[Child] = [tag("li", "Which probe is best: test examples were read, so nothing may be picked here.")]
    not_shown += [tag("li", str(note)) for note in task["notes"]]
    answers: tuple[tuple[str, Child], ...] = (("Asked", asked), ("Not shown by this", tag("ul", not_shown)))
    said = [[tag("dt", question), tag("dd", answer)] for question, answer in answers]
    parts = sections(found)
    there = [tag("a", PARTS[name][1], href=f"#{PARTS[name][0]}") for name in found.names if name in PARTS]
    nav = tag("nav", there, aria_label="Parts of this page")
    return tag("main", top, tag("dl", said, class_="summary"), nav, parts)
