"""A RUN directory as one HTML file that needs nothing else: no network, no script, pictures and sounds inside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tymbal.errors import UsageError, require
from tymbal.evaluation import confusion
from tymbal.jobs import write_text
from tymbal.report import detections, diagnoses, label_sets, sections, sweeps
from tymbal.report.calibration import calibration
from tymbal.report.examples import Sounds, card, open_sounds, pick, with_sureness
from tymbal.report.figures import confusion_table
from tymbal.report.html import Child, Markup, document, section, tag
from tymbal.report.numbers import count
from tymbal.report.run import Run, open_run
from tymbal.report.summary import commonest_mistake, summary

EXAMPLES = 12  # right ones and as many wrong ones


@dataclass(frozen=True)
class Report:
    """A page that was written; `placeholders` examples could not be drawn, `failed` says which and why."""

    path: Path
    size_bytes: int
    examples: int
    placeholders: int
    failed: tuple[tuple[str, str], ...]


def write_report(
    run: Path | str, out: Path | str, *, corpus: Path | str | None = None, examples: int = EXAMPLES
) -> Report:
    """Draw a run, a sweep, a diagnosis, scores of detections or a benchmark of boxes as one self-contained HTML page.

    The same run gives the same bytes.
    corpus : where the corpus lies now, if not where the run says. examples : right ones shown, and wrong ones.
    Raises MissingExtraError without matplotlib, DataError where the run is damaged. Recordings that cannot be read
    leave placeholders.
    """
    require("matplotlib", "report")
    if examples < 0:
        raise UsageError(f"examples is {examples}", parameter="examples", where="report", allowed="0 or more")
    out = Path(out)
    if sweeps.is_sweep(run):
        sweep = sweeps.open_sweep(run)
        return _write(out, document(sweeps.title(sweep), sweeps.body(sweep)), Sounds(None))
    if detections.is_scored(run):
        scored = detections.open_scored(run)
        place = corpus if corpus is not None else scored.scores.provenance.get("corpus")
        sounds = open_sounds(place, scored.path)
        return _write(out, document(detections.title(scored), detections.body(scored, sounds, examples)), sounds)
    if (Path(run) / "results.json").is_file():
        from tymbal.report import boxes  # brings the detector, and torch with it

        if boxes.is_boxes(run):
            bench = boxes.open_boxes(run)
            return _write(out, document(boxes.title(bench), boxes.body(bench)), Sounds(None))
    diagnosis = diagnoses.find_diagnosis(run)
    if diagnosis is not None and not (Path(run) / "results.json").is_file():
        return _write(out, document(diagnoses.title(diagnosis), diagnoses.body(diagnosis)), Sounds(None))
    found = open_run(run)
    sounds = open_sounds(corpus if corpus is not None else found.find("corpus"), found.path)
    return _write(out, document(title(found), body(found, sounds, examples)), sounds)


def _write(out: Path, page: str, sounds: Sounds) -> Report:
    write_text(out, page)
    return Report(out, len(page.encode("utf-8")), sounds.shown, sounds.missing, tuple(sounds.failed))


def title(run: Run) -> str:
    """What the page is called."""
    label = str(run.task.get("label") or "label").replace("_", " ").capitalize()
    return f"{label} from {run.provenance.get('encoder') or 'encoder'} features"


def body(run: Run, sounds: Sounds, examples: int) -> Markup:
    """Everything between <body> and </body>."""
    labels, shown, top_words = (_of_sets if run.multilabel else _of_classes)(run, sounds, examples)
    first = [sections.audit(run), sections.probes(run), sections.differences(run), sections.per_unit(run)]
    parts = [*first, *labels, calibration(run), *shown, sections.weights(run)]
    diagnosis = diagnoses.find_diagnosis(run.path)
    if diagnosis is not None:
        parts += diagnoses.sections(diagnosis)
    parts.append(sections.odd_files(sounds.corpus, sounds.failed))
    parts.append(sections.parameters(run))
    provenance = run.provenance
    made = f"Tymbal {provenance.get('tymbal_version', 'of unknown version')}"
    made += f", encoder {provenance.get('encoder', 'unknown')} {str(provenance.get('encoder_checksum') or '')[:12]}"
    top = tag(
        "header",
        tag("p", f"Tymbal report: {run.path.resolve().name}", class_="kind"),
        tag("h1", title(run)),
        tag("p", made, class_="lead"),
    )
    return tag("main", top, top_words, _contents(parts), parts)


Parts = tuple[list[Markup], list[Markup], Markup]


def _of_classes(run: Run, sounds: Sounds, examples: int) -> Parts:
    """(parts about labels, parts with examples, summary) where every example has one label."""
    rows = with_sureness(run.shown(), run.labels)
    counts = confusion(rows["reference"].to_list(), rows["predicted"].to_list(), run.labels)
    lead = "Test predictions of the probe picked in each fold" if run.choices else "Test predictions"
    seeds = run.predictions["seed"].n_unique()
    lead += f", first of {count(seeds, 'seed')}." if seeds > 1 else "."
    matrix = section("confusion", "Confusion", tag("p", lead, class_="lead"), confusion_table(counts, run.labels))
    shown = [
        _cards("wrong", "Wrong, surest first", pick(rows, right=False, wanted=examples), sounds),
        _cards("right", "Right, surest of each label", pick(rows, right=True, wanted=examples), sounds),
    ]
    worst = commonest_mistake(run, counts)
    return [matrix, sections.per_class(run)], shown, summary(run, worst, counts.sum(axis=1))


def _of_sets(run: Run, sounds: Sounds, examples: int) -> Parts:
    """The same where an example may have several labels or none."""
    sets = label_sets.LabelSets.of(run)
    shown = [
        label_sets.cards(kind, label_sets.pick(sets, run.labels, kind=kind, wanted=examples), sounds)
        for kind in ("missed", "false", "right")
    ]
    return [label_sets.per_label(run, sets)], shown, summary(run, label_sets.found(run, sets), sets.support)


def _contents(parts: list[Markup]) -> Markup:
    names = (
        ("audit", "Audit"),
        ("probes", "Probes"),
        ("differences", "Differences"),
        ("units", "Units"),
        ("confusion", "Confusion"),
        ("labels", "Labels"),
        ("calibration", "Calibration"),
        ("wrong", "Wrong"),
        ("false", "Mistaken"),
        ("right", "Right"),
        ("weights", "Layers"),
        *diagnoses.NAMES,
        ("files", "Files"),
        ("parameters", "Parameters"),
    )
    there = [tag("a", name, href=f"#{key}") for key, name in names if any(f'<section id="{key}"' in p for p in parts)]
    return tag("nav", there, aria_label="Parts of this page")


def _cards(anchor: str, heading: str, rows: list[dict[str, object]], sounds: Sounds) -> Markup:
    if not rows:
        return section(anchor, heading, tag("p", "None.", class_="lead"))
    shown: list[Child] = [card(row, sounds) for row in rows]
    lead = "Time is that of the recording; lines mark the event’s onset and offset. Sounds are raised to full level."
    if anchor == "right":
        lead = "The surest of each label in turn, so that every label is heard."
    return section(anchor, heading, tag("p", lead, class_="lead"), tag("div", shown, class_="cards"))
