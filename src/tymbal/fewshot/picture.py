"""Pictures: band power over time, compressed and levelled against its own floor, by blocks that a plan fixes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy import fft  # scipy's is a quarter faster on a day of sound, and takes 0.3 s to import for a minute of it
from numpy.typing import NDArray

from tymbal.audio import AudioReader
from tymbal.fewshot.encoded import EncodedScale
from tymbal.fewshot.scale import Scale
from tymbal.units import FrameGrid, windows

Pixels = NDArray[np.float32]
AnyScale = Scale | EncodedScale

BLOCK_FRAMES = 12_000  # of one block; its floor is that of so long a stretch
SPECTRA = 512  # spectra at once
FLOOR = 0.5  # the quantile of a band over a block that counts as its floor
FLOOR_FRAMES = 3000  # the floor is taken of about so many frames, evenly through the block
SILENCE = 1e-12  # power below which nothing is heard


@dataclass(frozen=True)
class Picture:
    """Pixels (frames, bands) float32, 0 at the floor, of frames first ... first + frames - 1 of a recording's grid.

    `core` are the frames (counted from `first`) that this block answers for; the rest is context.
    """

    pixels: Pixels
    first: int
    core: slice
    grid: FrameGrid

    @property
    def frames(self) -> int:
        return len(self.pixels)


def frames_of(samples: int, scale: AnyScale) -> int:
    """Frames of a recording of so many samples: one for each hop that begins in it."""
    return -(-samples // scale.hop)


def hann(samples: int) -> Pixels:
    """The periodic Hann window (samples,); scipy.signal has it too, and takes two seconds to import."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / samples), dtype=np.float32)


def band_power(reader: AudioReader, scale: Scale, first: int, stop: int) -> Pixels:
    """Power of each band in frames first ... stop - 1, shape (frames, bands); zeros lie beyond the recording."""
    taper = hann(scale.n_fft)
    taper /= np.float32(np.sqrt(np.sum(taper.astype(np.float64) ** 2)))
    out = np.empty((stop - first, scale.bands), np.float32)
    for at in range(first, stop, SPECTRA):
        frames = min(SPECTRA, stop - at)
        begin = at * scale.hop - scale.n_fft // 2
        length = (frames - 1) * scale.hop + scale.n_fft
        sound = np.zeros(length, np.float32)
        read = reader.read(max(begin, 0), begin + length - max(begin, 0))
        sound[max(0, -begin) : max(0, -begin) + len(read)] = read
        cut = np.lib.stride_tricks.sliding_window_view(sound, scale.n_fft)[:: scale.hop]
        spectra = fft.rfft(cut * taper, axis=1)
        power = spectra.real**2 + spectra.imag**2
        np.matmul(power, scale.filters, out=out[at - first : at - first + frames])
    return out


def levelled(power: Pixels) -> Pixels:
    """log2(1 + power / floor) - 1, the floor being a quantile of the band: noise stays near 0, calls stand out.

    Below the floor there is little to see (the least is -1), unlike decibels, whose dips in noise are as deep as
    faint calls are high.
    """
    floor = np.quantile(power[:: max(1, len(power) // FLOOR_FRAMES)], FLOOR, axis=0).astype(np.float32)
    floor = np.maximum(floor, np.float32(SILENCE))
    return np.asarray(np.log2(1 + power / floor) - 1, dtype=np.float32)


def view(reader: AudioReader, scale: AnyScale, first: int, stop: int) -> Pixels:
    """Pixels of frames first ... stop - 1: levels of bands, or the frames of an encoder."""
    if isinstance(scale, EncodedScale):
        return scale.view(reader, first, stop)
    return levelled(band_power(reader, scale, first, stop))


def block_count(frames: int) -> int:
    """Blocks that a recording of so many frames is cut into."""
    return max(1, round(frames / BLOCK_FRAMES)) if frames else 0


def blocks_of(samples: int, scale: AnyScale, halo: int) -> list[tuple[int, int, int, int]]:
    """(first, core start, core stop, stop) in frames of every block of a recording, equal cores as near as can be."""
    total = frames_of(samples, scale)
    if not total:
        return []
    length = -(-total // block_count(total))
    cores = [(window.start, window.start + window.valid) for window in windows(total, 1, length=length)]
    return [(max(0, start - halo), start, end, min(total, end + halo)) for start, end in cores]


def pictures(
    reader: AudioReader, scale: AnyScale, halo: int, first_block: int = 0, stop_block: int | None = None
) -> Iterator[Picture]:
    """The blocks of a recording (or some of them), each with `halo` frames of context where the recording has them."""
    for first, start, end, stop in blocks_of(reader.samples, scale, halo)[first_block:stop_block]:
        pixels = view(reader, scale, first, stop)
        yield Picture(pixels, first, slice(start - first, end - first), scale.grid)


def picture_between(reader: AudioReader, scale: AnyScale, begin_s: float, end_s: float) -> Picture:
    """One stretch of a recording as a picture of its own."""
    total = frames_of(reader.samples, scale)
    inside = scale.grid.span(max(begin_s, 0.0), max(end_s, 0.0), max(total, 1))
    pixels = view(reader, scale, inside.start, inside.stop)
    return Picture(pixels, inside.start, slice(0, len(pixels)), scale.grid)
