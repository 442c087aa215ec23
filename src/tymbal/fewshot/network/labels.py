"""What each frame of a support is known to be, as the network is told it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tymbal.fewshot.support import Support

NEG, POS, UNLABELLED, UNK = 0, 1, 2, 3  # UNK comes last: it is masked wherever it would count
KNOWN = 3  # labels that have an embedding
Labels = NDArray[np.uint8]


def frame_labels(support: Support, shots: Sequence[int]) -> tuple[Labels, ...]:
    """One label for each frame of each stretch, (frames,).

    POS inside the examples numbered `shots`; UNK inside other examples and what is unknown; UNLABELLED after the last
    example of a recording, where nobody may have gone on marking; NEG elsewhere and in counter-examples.
    """
    found = []
    for number, stretch in enumerate(support.stretches):
        free = np.where(stretch.doubtful & ~stretch.sure, UNLABELLED, NEG)
        labels = np.where(stretch.free, free, UNK).astype(np.uint8)
        for shot in shots:
            place = support.places[shot]
            if place.stretch == number:
                labels[place.start : place.stop] = POS
        found.append(labels)
    return tuple(found)
