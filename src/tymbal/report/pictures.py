"""Mel pictures, as encoders see them, one under the other: what an augmentation made of one."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tymbal.errors import require

if TYPE_CHECKING:
    from torch import Tensor

    from tymbal.encoders.pictures import PictureConfig

RANGE = (-2.0, 2.0)  # in the units of a picture: silence to 20 dB below a full-scale sine


def draw_pictures(pictures: Mapping[str, Tensor], config: PictureConfig, *, across: int = 2, dpi: int = 80) -> bytes:
    """Pictures (frames, bands) under their names in one PNG, `across` side by side, on one scale of colours.

    Raises MissingExtraError without matplotlib.
    """
    require("matplotlib", "report")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from tymbal.audio.frontends.mel import hz_to_mel

    down = -(-len(pictures) // across)
    figure = Figure(figsize=(6.0 * across, 2.0 * down + 0.2), dpi=dpi, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
    low, high = hz_to_mel([config.low_hz, config.high_hz])
    marks = [hz for hz in (200, 500, 1000, 2000, 4000, 8000, 16000) if config.low_hz <= hz <= config.high_hz]
    for axes, (name, picture) in zip(panels, pictures.items(), strict=False):
        values = np.asarray(picture.detach().cpu(), dtype=np.float32)
        extent = (0, len(values) * config.hop_s, low, high)
        style = {"origin": "lower", "aspect": "auto", "cmap": "magma", "interpolation": "nearest"}
        axes.imshow(values.T, extent=extent, vmin=RANGE[0], vmax=RANGE[1], **style)
        axes.set_yticks(hz_to_mel(marks), [f"{hz / 1000:g}" for hz in marks], fontsize=6)
        axes.set_ylabel("kHz", fontsize=7, labelpad=1)
        axes.tick_params(axis="x", labelsize=6)
        axes.set_title(name, fontsize=8, loc="left")
    for axes in panels[len(pictures) :]:
        axes.set_axis_off()
    return small_png(figure)


def small_png(figure: Any, *marks: str) -> bytes:
    """A figure in shades of magma, greys and the colours of `marks`, as a PNG with that palette: a third of the bytes;
    the same for the same figure and matplotlib."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb
    from PIL import Image

    scale = colormaps["magma"](np.linspace(0, 1, 128))[:, :3]
    shades = np.linspace(0.25, 1, 16)[:, None]
    marked = [shades * np.array(to_rgb(colour)) for colour in marks]
    greys = np.linspace(0, 1, 128 - 16 * len(marks))[:, None] * np.ones(3)
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.round(255 * np.concatenate([scale, *marked, greys])).astype(np.uint8).tobytes())
    whole, small = io.BytesIO(), io.BytesIO()
    figure.savefig(whole, format="png", metadata={"Software": None})
    image = Image.open(whole).convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
    image.save(small, format="PNG", optimize=True)
    return small.getvalue()
