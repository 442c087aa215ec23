"""A sweep's folder as the body of one page."""

from __future__ import annotations

from tymbal.report.html import Child, Markup, section, tag
from tymbal.report.numbers import count
from tymbal.report.summary import metric_title
from tymbal.report.sweeps import parts
from tymbal.report.sweeps.read import Sweep


def title(sweep: Sweep) -> str:
    """What the page is called."""
    encoders = {name for task in sweep.tasks for name in sweep.encoders(task)}
    return f"Sweep: {count(len(sweep.tasks), 'task')}, {count(len(encoders), 'encoder')}"


def body(sweep: Sweep) -> Markup:
    """Everything between <body> and </body>."""
    rows = sweep.table.height
    made = f"Tymbal {sweep.results.get('tymbal_version', 'of unknown version')}, {count(rows, 'fitted probe')}"
    made += f", judged by {metric_title(sweep.results['metric'])}"
    top = tag(
        "header",
        tag("p", f"Tymbal report: {sweep.path.resolve().name}", class_="kind"),
        tag("h1", title(sweep)),
        tag("p", made, class_="lead"),
    )
    said: list[Child] = [[tag("dt", part["about"]), tag("dd", part["text"])] for part in sweep.results["words"]]
    tasks = [(f"task{number}", name, _task(sweep, name, f"task{number}")) for number, name in enumerate(sweep.tasks)]
    rest = [
        ("gains", "All or last", parts.gains(sweep)),
        ("cost", "Cost", parts.cost(sweep)),
        ("every", "Every probe", parts.every(sweep)),
        ("failures", "Not run", parts.failures(sweep)),
        ("parameters", "Parameters", parts.parameters(sweep)),
    ]
    shown = [*tasks, *rest]
    links = [tag("a", name, href=f"#{anchor}") for anchor, name, part in shown if part]
    nav = tag("nav", links, aria_label="Parts of this page")
    return tag("main", top, tag("dl", said, class_="summary"), nav, [part for _, _, part in shown])


def _task(sweep: Sweep, name: str, anchor: str) -> Markup:
    row = sweep.tasks[name]
    lead = f"Label {row['label'].replace('_', ' ')}, split {row['split']}: {count(row['examples'], 'example')}, "
    lead += f"{count(len(row['labels']), 'label')}, {count(len(row['folds']), 'test fold')}."
    curves = parts.curves(sweep, name)
    return section(
        anchor,
        name[:1].upper() + name[1:],
        tag("p", lead, class_="lead"),
        parts.audit(sweep, name),
        tag("h3", "Heads by encoders"),
        parts.matrix(sweep, name),
        [tag("h3", "Layer by layer"), curves] if curves else None,
        parts.differences(sweep, name),
        parts.weights(sweep, name),
    )
