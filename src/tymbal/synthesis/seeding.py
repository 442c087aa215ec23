"""Counter-based random streams: every draw of a scene is a function of (seed, scene, part, purpose) and nothing else.

Philox (Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3) is a keyed hash of a counter. Seed and scene
are the key; part and purpose are the two high words of the counter, whose low words (2^128 draws) count the draws. So
scene 7000 needs nothing of scenes 0 … 6999, and a new draw for the room moves no draw of the background.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.random import Generator, Philox


class Purpose(IntEnum):
    """What a stream is for; numbers are part of the format and never change their meaning."""

    POOL = 1  # a vocabulary that all scenes share; its index counts classes
    CLASSES = 2
    BACKGROUND = 3
    NOISE = 4
    CALLS = 5
    EXEMPLARS = 6
    PLACEMENT = 7
    LEVELS = 8
    RECORDER = 9
    ANNOTATOR = 10
    ROOMS = 11
    SHIFT = 12
    DRAWS = 13  # of recordings to mix; its index counts folds
    OFFSETS = 14  # of mixed recordings; its index counts draws, its part ratios


def stream(seed: int, index: int, purpose: Purpose, part: int = 0) -> Generator:
    """The generator of one purpose in one part of one scene; seed and index are 0 … 2^64 - 1."""
    key = np.array([seed, index], dtype=np.uint64)
    counter = np.array([0, 0, part, int(purpose)], dtype=np.uint64)
    return Generator(Philox(key=key, counter=counter))
