"""Families of vocalisation, one file each: `render` makes one syllable of a voice. A new one is a file and a line."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.synthesis.voices import Voice

Render = Callable[[Voice, int, float, Generator], NDArray[np.float32]]

RENDERERS = {
    "tone": "tymbal.synthesis.families.tone",
    "harmonic": "tymbal.synthesis.families.harmonic",
    "trill": "tymbal.synthesis.families.trill",
    "pulses": "tymbal.synthesis.families.pulses",
    "noise": "tymbal.synthesis.families.noise",
    "click": "tymbal.synthesis.families.click",
    "buzz": "tymbal.synthesis.families.buzz",
}


def renderer(family: str) -> Render:
    """The `render` of a family."""
    render: Render = importlib.import_module(RENDERERS[family]).render
    return render
