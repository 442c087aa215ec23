"""Drawings: spectrograms with axes, the confusion matrix, bars. Text in them is text, colours follow the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.report.html import Child, Markup, tag
from tymbal.report.numbers import datum, pointer
from tymbal.report.spectrogram import Spectrogram, png

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 380, 190, 44, 34, 6, 8  # of a spectrogram, in units of the drawing
Box = tuple[float, float, float | None, float | None, str]
LARGEST_TABLE = 30  # classes; a larger confusion matrix becomes a picture


def data_uri(kind: str, content: bytes) -> str:
    """`content` as a data: address, so that the page needs no other file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def ticks(low: float, high: float, wanted: int) -> list[float]:
    """Round numbers from low to high, about `wanted` of them."""
    from matplotlib.ticker import MaxNLocator

    found = MaxNLocator(nbins=wanted, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    slack = 1e-9 * (high - low)
    return [float(value) for value in found if low - slack <= value <= high + slack]


def draw_spectrogram(
    picture: Spectrogram,
    *,
    start_s: float,
    event: tuple[float, float] | None,
    alt: str,
    boxes: Sequence[Box] = (),
) -> Markup:
    """The picture with axes in seconds of the recording and kHz; `event` (onset, offset) in s of the clip is marked.

    `boxes` (onset, offset in s of the clip; low, high in Hz or None for all of it; what it is) are drawn with a
    rectangle each, of the class `box` and what it is.
    """
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts: list[Child] = [
        tag(
            "image",
            href=data_uri("image/png", png(picture)),
            x=LEFT,
            y=TOP,
            width=width,
            height=height,
            preserveAspectRatio="none",
        )
    ]
    for onset in event or ():
        x = LEFT + width * min(max(onset / picture.duration_s, 0.0), 1.0)
        parts.append(tag("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=TOP, y2=TOP + height, class_="mark"))
    for onset, offset, low_hz, high_hz, kind in boxes:
        left, right = (LEFT + width * min(max(at / picture.duration_s, 0.0), 1.0) for at in (onset, offset))
        top = TOP + height * (1 - min((high_hz or picture.nyquist_hz) / picture.nyquist_hz, 1.0))
        bottom = TOP + height * (1 - (low_hz or 0.0) / picture.nyquist_hz)
        size = {"width": f"{max(right - left, 1):.1f}", "height": f"{max(bottom - top, 1):.1f}"}
        parts.append(tag("rect", x=f"{left:.1f}", y=f"{top:.1f}", **size, class_=f"box {kind}"))
    end_s = start_s + picture.duration_s
    for time_s in ticks(start_s, end_s, 5):
        x = LEFT + width * (time_s - start_s) / picture.duration_s
        parts.append(tag("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=TOP + height, y2=TOP + height + 4, class_="tick"))
        parts.append(tag("text", f"{time_s:g}", x=f"{x:.1f}", y=TOP + height + 15, text_anchor="middle"))
    top_khz = picture.nyquist_hz / 1000
    for khz in ticks(0, top_khz, 4):
        y = TOP + height * (1 - khz / top_khz)
        parts.append(tag("line", x1=LEFT - 4, x2=LEFT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="tick"))
        parts.append(tag("text", f"{khz:g}", x=LEFT - 7, y=f"{y + 3.5:.1f}", text_anchor="end"))
    parts.append(tag("text", "time (s)", x=LEFT + width / 2, y=HEIGHT - 4, text_anchor="middle", class_="axis"))
    middle = TOP + height / 2
    parts.append(
        tag(
            "text",
            "frequency (kHz)",
            x=9,
            y=middle,
            text_anchor="middle",
            class_="axis",
            transform=f"rotate(-90 9 {middle:g})",
        )
    )
    return tag("svg", parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=alt, class_="spectrogram")


def confusion_table(counts: NDArray[np.int64], labels: Sequence[str]) -> Markup:
    """Rows = reference, columns = predicted; the shade is the share of the row. Past LARGEST_TABLE, a picture."""
    if len(labels) > LARGEST_TABLE:
        return _confusion_picture(counts)
    support = counts.sum(axis=1)
    head = [tag("th", tag("span", label, title=label), scope="col") for label in labels]
    rows = []
    for number, label in enumerate(labels):
        cells = []
        for column, cell in enumerate(counts[number].tolist()):
            share = cell / support[number] if support[number] else 0.0
            classes = " ".join(name for name, on in (("hit", number == column), ("deep", share > 0.55)) if on)
            cells.append(tag("td", str(cell) if cell else "", style=f"--s:{100 * share:.0f}%", class_=classes or None))
        rows.append(
            tag("tr", tag("th", label, scope="row", title=label), cells, tag("td", str(support[number]), class_="sum"))
        )
    caption = "Confusion matrix: rows are the reference, columns what was predicted, shade the share of the row"
    inner = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", tag("td"), head, tag("th", tag("span", "all"), scope="col", class_="sum"))),
        tag("tbody", rows),
        class_="confusion",
    )
    return tag("div", inner, class_="scroll", role="region", aria_label="Confusion matrix", tabindex="0")


def _confusion_picture(counts: NDArray[np.int64]) -> Markup:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6.4), dpi=140, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    support = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(counts / support, cmap="magma", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xlabel("predicted (number of the label in the table below)")
    axes.set_ylabel("reference")
    figure.colorbar(image, ax=axes, label="share of the row", shrink=0.8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    alt = f"Confusion matrix of {len(counts)} labels: {int(np.trace(counts))} of {int(counts.sum())} on the diagonal"
    return tag("img", src=data_uri("image/png", buffer.getvalue()), alt=alt, class_="figure")


def weight_bars(weights: Mapping[str, Any], probe: str, base: str | None = None) -> Markup:
    """One bar per layer with a whisker from lowest to highest; `weights` is {layer: [mean, min, max]}.

    `base` is their JSON pointer; None: that of a study.
    """
    base = pointer("probes", probe, "layer_weights") if base is None else base
    largest = max((float(high) for _, _, high in weights.values()), default=0.0) or 1.0
    rows = []
    for layer, (mean, low, high) in weights.items():
        source = base + pointer(layer)
        bar = tag(
            "span",
            tag("i", class_="even", style=f"left:{100 / len(weights) / largest:.2f}%"),
            tag("i", class_="bar", style=f"width:{100 * mean / largest:.2f}%"),
            tag("i", class_="range", style=f"left:{100 * low / largest:.2f}%;right:{100 - 100 * high / largest:.2f}%"),
            class_="bars",
            aria_hidden="true",
        )
        numbers = [datum(mean, source=f"{source}/0"), " ", _range(low, high, source)]
        rows.append(tag("tr", tag("th", layer, scope="row"), tag("td", bar, class_="wide"), tag("td", numbers)))
    head = tag("tr", tag("th", "layer", scope="col"), tag("th", "weight", scope="col"), tag("th", "", scope="col"))
    caption = f"Learned layer weights of {probe}: mean, and lowest to highest over folds and seeds"
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", rows), class_="weights")


def _range(low: float, high: float, source: str) -> Markup:
    ends = datum(low, source=f"{source}/1"), datum(high, source=f"{source}/2")
    return tag("span", "(", ends[0], "–", ends[1], ")", class_="units")
