"""HTML as values: every string is escaped unless it was built here, so no label can become markup."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from importlib import resources
from string import Template
from typing import TypeAlias

_VOID = {"meta", "br", "wbr", "img", "col", "image", "line", "rect", "circle", "path"}


class Markup(str):
    """A string that is HTML already."""

    __slots__ = ()


Child: TypeAlias = "str | Markup | Iterable[Child] | None"


def text(child: Child) -> Markup:
    """Escape a string, keep Markup, join a sequence, drop None."""
    if child is None:
        return Markup("")
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return Markup(html.escape(child, quote=True))
    return Markup("".join(text(part) for part in child))


def tag(name: str, *children: Child, **attributes: object) -> Markup:
    """One element. `class_` is class, `data_from` data-from; True = bare attribute, None or False = none."""
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        parts.append(key if value is True else f'{key}="{html.escape(str(value), quote=True)}"')
    opening = " ".join(parts)
    if name in _VOID:
        return Markup(f"<{opening}/>")
    return Markup(f"<{opening}>{text(children)}</{name}>")


def table(header: Sequence[Child], rows: Sequence[Sequence[Child]], *, caption: str, class_: str = "") -> Markup:
    """A table in a frame that scrolls sideways where the screen is narrow; the first cell of a row is its heading."""
    head = tag("thead", tag("tr", [tag("th", cell, scope="col") for cell in header]))
    body = tag(
        "tbody",
        [tag("tr", tag("th", row[0], scope="row"), [tag("td", cell) for cell in row[1:]]) for row in rows],
    )
    inner = tag("table", tag("caption", caption), head, body, class_=class_ or None)
    return tag("div", inner, class_="scroll", role="region", aria_label=caption, tabindex="0")


def section(anchor: str, title: str, *children: Child) -> Markup:
    """A section with a heading that can be linked to."""
    return tag(
        "section", tag("h2", title, id=f"{anchor}-title"), *children, id=anchor, aria_labelledby=f"{anchor}-title"
    )


def document(title: str, body: Markup) -> str:
    """The whole page: template and style sheet from this package, nothing from anywhere else."""
    files = resources.files("tymbal.report")
    page = Template((files / "page.html").read_text(encoding="utf-8"))
    style = (files / "page.css").read_text(encoding="utf-8")
    return page.substitute(title=text(title), style=style, body=body)
