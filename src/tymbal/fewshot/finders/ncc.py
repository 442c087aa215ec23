"""Normalised cross-correlation of examples with a picture, on the bands in which examples stand out.

After spectrogram correlation as bioacoustics has it (Mellinger and Clark 2000) with the local normalisation of fast
template matching (Lewis 1995): one Fourier transform per band and stretch, products of all templates and shifts of
pitch summed over bands before the way back, local means and energies from running sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy import fft
from numpy.typing import NDArray

from tymbal.fewshot.finders.contract import Floats, Frames, Kind, Pixels
from tymbal.fewshot.finders.peaks import apart, peaks
from tymbal.fewshot.support import Support

PAD = 0.15  # of an example's length is matched on both sides of it
SHIFTS = 2  # bands up and down that a call may lie from its example
SHARE = 0.25  # of the greatest contrast that a band needs to be matched
LEAST_BANDS = 6
MOST = 12  # templates
DOUBT = 0.1  # of a template's energy is added to the local one: faint noise that is shaped alike is not the call
SPACING = 0.6  # of a template's length lies between peaks
LOWEST = 0.15  # correlation of a peak that is looked at


@dataclass(frozen=True)
class Template:
    """pixels (frames, bands chosen) of one example, `before` frames of which lie before its onset, `length` in it."""

    pixels: Pixels
    before: int
    length: int


def fast_length(least: int) -> int:
    """The smallest number from `least` on without prime factors above 5: lengths that transform fast."""
    found = 1 << max(0, least - 1).bit_length()
    fives = 1
    while fives < found:
        odd = fives
        while odd < found:
            found = min(found, odd << max(0, -(-least // odd) - 1).bit_length())
            odd *= 3
        fives *= 5
    return found


@dataclass(frozen=True)
class Ncc:
    """Templates on the chosen bands of a picture of `width` bands."""

    templates: tuple[Template, ...]
    bands: Frames
    width: int
    doubt: float = DOUBT

    @property
    def reach(self) -> int:
        return 2 * max(len(template.pixels) for template in self.templates)

    def respond(self, pixels: Pixels) -> NccResponse:
        return NccResponse(self, *self.correlate(pixels))

    def correlate(self, pixels: Pixels) -> tuple[Pixels, Frames]:
        """Best correlation of any template and shift centred on each frame (frames,), and the template's number."""
        longest = max(len(template.pixels) for template in self.templates)
        padded = np.pad(pixels, ((longest, longest), (SHIFTS, SHIFTS)))
        found = np.full((len(self.templates), len(pixels)), -1.0, np.float32)
        raw = self._products(padded)
        for shift in range(2 * SHIFTS + 1):
            columns = padded[:, self.bands + shift]
            sums = np.concatenate([[0.0], np.cumsum(columns.sum(axis=1, dtype=np.float64))])
            squares = np.concatenate([[0.0], np.cumsum(np.einsum("tb,tb->t", columns, columns, dtype=np.float64))])
            for number, template in enumerate(self.templates):
                length = len(template.pixels)
                cells = length * len(self.bands)
                first = longest - template.before - template.length // 2  # the window of the template centred on 0
                at = np.arange(first, first + len(pixels))
                total = sums[at + length] - sums[at]
                energy = squares[at + length] - squares[at] - total**2 / cells
                own = self._energies[number]
                score = raw[number, shift, at] / np.sqrt(own * (np.maximum(energy, 0) + self.doubt * own) + 1e-9)
                np.maximum(found[number], score, out=found[number])
        best = np.argmax(found, axis=0)
        return found[best, np.arange(len(pixels))], best

    @cached_property
    def _energies(self) -> Floats:
        return np.array([float(np.sum(template.pixels.astype(np.float64) ** 2)) for template in self.templates])

    @cached_property
    def _size(self) -> int:
        longest = max(len(template.pixels) for template in self.templates)
        return fast_length(max(1024, 4 * longest))

    @cached_property
    def _spectra(self) -> NDArray[np.complex64]:
        """Conjugate spectra laid out for one product per frequency: (frequencies, templates, bands chosen)."""
        stacked = np.zeros((len(self.templates), len(self.bands), self._size), np.float32)
        for number, template in enumerate(self.templates):
            stacked[number, :, : len(template.pixels)] = template.pixels.T
        return np.ascontiguousarray(np.conj(fft.rfft(stacked, axis=2)).transpose(2, 0, 1))

    def _products(self, padded: Pixels) -> Pixels:
        """Sums of products of each template with `padded` from each frame on, (templates, shifts, frames)."""
        longest, size, shifts = max(len(t.pixels) for t in self.templates), self._size, 2 * SHIFTS + 1
        step = size - longest + 1
        frames = len(padded)
        count = -(-frames // step)
        out = np.empty((len(self.templates), shifts, count * step), np.float32)
        for at in range(count):
            piece = np.zeros((size, padded.shape[1]), np.float32)
            here = padded[at * step : at * step + size]
            piece[: len(here)] = here
            spectra = fft.rfft(piece, axis=0)  # (frequencies, bands)
            sheets = np.stack([spectra[:, self.bands + shift] for shift in range(shifts)], axis=2)
            products = np.matmul(self._spectra, sheets)  # (frequencies, templates, shifts)
            out[:, :, at * step : (at + 1) * step] = fft.irfft(products, n=size, axis=0)[:step].transpose(1, 2, 0)
        return out[:, :, :frames]

    def state(self) -> dict[str, NDArray[Any]]:
        lengths = [(len(each.pixels), each.before, each.length) for each in self.templates]
        return {
            "pixels": np.concatenate([each.pixels for each in self.templates]),
            "lengths": np.array(lengths, dtype=np.int64),
            "bands": self.bands,
            "width": np.array(self.width),
        }


@dataclass(frozen=True)
class NccResponse:
    """The correlation curve of one picture."""

    model: Ncc
    curve: Pixels
    which: Frames

    def propose(self) -> tuple[Frames, Frames]:
        lengths = np.array([template.length for template in self.model.templates])
        at = peaks(self.curve, LOWEST)
        at = apart(at, self.curve[at].astype(np.float64), SPACING * lengths[self.which[at]])
        length = lengths[self.which[at]]
        starts = at - length // 2
        return starts, starts + length

    def rate(self, starts: Frames, stops: Frames) -> Floats:
        """The greatest correlation within a quarter of the box's length of its middle."""
        frames = len(self.curve)
        middle = (starts + stops) // 2
        slack = np.maximum(1, (stops - starts) // 4)
        low = np.clip(middle - slack, 0, frames - 1)
        high = np.clip(middle + slack + 1, low + 1, frames)
        return np.array([float(self.curve[a:b].max()) for a, b in zip(low, high, strict=True)])


def chosen_bands(support: Support, shots: Sequence[int]) -> Frames:
    """Bands whose contrast between the examples and the frames around them is SHARE of the greatest, or more."""
    inside = np.concatenate([support.pixels(support.places[number]) for number in shots])
    around = np.concatenate([stretch.picture.pixels[stretch.free] for stretch in support.stretches])
    if len(around) < 8:
        return np.arange(inside.shape[1])
    contrast = (inside.mean(axis=0) - around.mean(axis=0)) / (around.std(axis=0) + 0.1)
    enough = np.flatnonzero(contrast >= SHARE * contrast.max())
    if len(enough) < LEAST_BANDS:
        enough = np.sort(np.argsort(-contrast, kind="stable")[: min(LEAST_BANDS, len(contrast))])
    return enough.astype(np.int64)


def fit(support: Support, shots: Sequence[int]) -> Ncc:
    """Templates of the examples, at most MOST of them (evenly through their lengths)."""
    bands = chosen_bands(support, shots)
    order = sorted(shots, key=lambda number: (support.places[number].frames, number))
    picked = [order[int(at)] for at in np.unique(np.linspace(0, len(order) - 1, MOST).round())]
    templates = []
    for number in sorted(picked):
        place = support.places[number]
        pad = max(1, round(PAD * place.frames))
        pixels = support.pixels(place, pad, pad)[:, bands]
        templates.append(Template(np.ascontiguousarray(pixels - pixels.mean()), pad, place.frames))
    return Ncc(tuple(templates), bands, support.stretches[0].picture.pixels.shape[1])


def load(state: Mapping[str, NDArray[Any]]) -> Ncc:
    lengths = state["lengths"].tolist()
    parts = np.split(state["pixels"], np.cumsum([row[0] for row in lengths])[:-1])
    templates = tuple(Template(p, before, length) for p, (_, before, length) in zip(parts, lengths, strict=True))
    return Ncc(templates, state["bands"], int(state["width"]))


KIND = Kind("ncc", fit, load, "normalised cross-correlation on the bands where the examples stand out", share=2.0)
