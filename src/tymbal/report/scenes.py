"""Scenes as pictures: the spectrogram, and a box around every call in the colour of its truth."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tymbal.errors import require
from tymbal.report.spectrogram import LEVELS, spectrogram

if TYPE_CHECKING:
    from tymbal.synthesis import Scene

COLOURS = {"POS": "#5ee6a8", "NEG": "#8fb8ff", "UNK": "#ffd166"}
COLUMNS = 1200  # frames of a spectrogram


def draw_scenes(scenes: Sequence[Scene], *, across: int = 2, dpi: int = 80) -> bytes:
    """All scenes in one PNG, `across` side by side; the same bytes for the same scenes and matplotlib.

    Each box says label and SNR. Raises MissingExtraError without matplotlib.
    """
    require("matplotlib", "report")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    down = -(-len(scenes) // across)
    figure = Figure(figsize=(7.5 * across, 2.6 * down + 0.5), dpi=dpi, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, scene in zip(panels, scenes, strict=False):
        _draw(axes, scene)
    for axes in panels[len(scenes) :]:
        axes.set_axis_off()
    words = {"POS": "target", "NEG": "other class", "UNK": "target too faint to tell"}
    handles = [Patch(facecolor="black", edgecolor=colour, label=words[name]) for name, colour in COLOURS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw(axes: Any, scene: Scene) -> None:
    from matplotlib.patches import Rectangle

    picture = spectrogram(scene.waveform, scene.sample_rate_hz, columns=COLUMNS)
    khz = picture.nyquist_hz / 1000
    extent = (0, picture.duration_s, 0, khz)
    axes.imshow(picture.levels, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=0, vmax=LEVELS - 1)
    for call in scene.calls:
        colour = COLOURS[call.truth]
        low, high = call.low_hz / 1000, call.high_hz / 1000
        box = Rectangle((call.onset_s, low), call.offset_s - call.onset_s, high - low, fill=False, ec=colour, lw=0.9)
        axes.add_patch(box)
        above = high < 0.9 * khz
        words = f"{call.label} {call.snr_db:.0f} dB"
        place = (min(call.onset_s, 0.93 * picture.duration_s), high if above else low)
        axes.text(*place, words, color=colour, fontsize=6, va="bottom" if above else "top", clip_on=True)
    axes.set_title(f"{scene.name}: {len(scene.calls)} calls, overlap {scene.overlap_ratio:.2f}", fontsize=8, loc="left")
    axes.set_xlabel("s", fontsize=7, labelpad=1)
    axes.set_ylabel("kHz", fontsize=7, labelpad=1)
    axes.tick_params(labelsize=7)
