"""Envelopes of constant-Q Gabor wavelets over octaves: the first order of a scattering transform."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tymbal.audio.frontends.stft import CHUNK_POINTS, Frames, Framing, in_chunks, masked
from tymbal.errors import UsageError
from tymbal.units import FrameGrid

_HALF_BAND_REACH = 11  # taps on either side: 80 dB down from 0.375 of the rate, flat up to 0.125
_DECIMATED_BLOCK = 64  # output samples of one matrix product


def half_band() -> NDArray[np.float64]:
    """Low-pass taps before every second sample is dropped, 23 of them: a Kaiser-windowed sinc (beta 8), cut at 0.25."""
    offset = np.arange(-_HALF_BAND_REACH, _HALF_BAND_REACH + 1)
    taps = np.sinc(offset / 2) * np.kaiser(len(offset), 8.0)
    return np.asarray(taps / taps.sum())


def gabor(frequency: float, per_octave: int) -> NDArray[np.complex128]:
    """A complex wavelet at `frequency` cycles per sample: a Hann-windowed wave without DC, of odd length.

    Its length 2 / (spacing to the next band) lets neighbours of a bank of `per_octave` cross 6 dB down. A sine of
    amplitude A at `frequency` gives a modulus of A.
    """
    spacing = frequency * (2 ** (1 / per_octave) - 1)
    reach = max(2, round(1 / spacing))
    offset = np.arange(-reach, reach + 1)
    hann = 0.5 + 0.5 * np.cos(np.pi * offset / (reach + 1))
    wave = np.exp(2j * np.pi * frequency * offset)
    return np.asarray(2 * hann * (wave - (hann * wave).sum() / hann.sum()) / hann.sum())


class GaborPyramid(nn.Module):
    """Moduli |x * ψ_b| of wavelets from near half the sample rate down `octaves` octaves, every `hop_samples`.

    Below the second octave the wave is low-passed and halved in rate for each octave, so that every octave costs
    about the same. Frame i is centred on sample i·hop, zeros beyond the edges; there are ceil(samples / hop).

    Parameters
    ----------
    octaves, per_octave : bands are octaves · per_octave, returned from low to high.
    hop_samples : the rate is halved at most as often as 2 divides it; a power of two is fastest.
    """

    low_pass: Tensor

    def __init__(self, *, octaves: int, per_octave: int, hop_samples: int) -> None:
        super().__init__()
        self.octaves, self.per_octave, self.hop_samples = octaves, per_octave, hop_samples
        if octaves < 1 or per_octave < 1 or hop_samples < 1:
            raise UsageError(
                f"{octaves} octaves of {per_octave} bands every {hop_samples} samples",
                where="GaborPyramid",
                allowed="one octave, band and sample or more",
            )
        taps = half_band()
        block = np.zeros((2 * _DECIMATED_BLOCK - 2 + len(taps), _DECIMATED_BLOCK))
        for output in range(_DECIMATED_BLOCK):
            block[2 * output : 2 * output + len(taps), output] = taps
        self.register_buffer("low_pass", torch.from_numpy(block).float(), persistent=False)
        self.lengths: list[int] = []
        for octave in range(octaves):
            kernels = [gabor(f * (1 << self.level(octave)), per_octave) for f in self.octave_frequencies(octave)]
            length = max(len(kernel) for kernel in kernels)
            matrix = np.zeros((length, 2, per_octave))
            for band, kernel in enumerate(kernels):
                start = (length - len(kernel)) // 2
                matrix[start : start + len(kernel), :, band] = np.stack([kernel.real, kernel.imag], axis=1)
            self.lengths.append(length)
            self.register_buffer(
                f"octave_{octave}", torch.from_numpy(matrix.reshape(length, -1)).float(), persistent=False
            )

    def level(self, octave: int) -> int:
        """How many times the rate is halved for an octave counted from the top."""
        divisible = (self.hop_samples & -self.hop_samples).bit_length() - 1
        return min(max(0, octave - 1), divisible)

    @property
    def bands(self) -> int:
        """Wavelets in all."""
        return self.octaves * self.per_octave

    def octave_frequencies(self, octave: int) -> NDArray[np.float64]:
        """Centres in one octave, counted from the top, in cycles per sample of the input, rising."""
        return 2.0 ** -(octave + 1) * 2.0 ** (-(np.arange(self.per_octave)[::-1] + 0.5) / self.per_octave)

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """Centres of all bands, shape (bands,), in cycles per sample, rising."""
        return np.concatenate([self.octave_frequencies(octave) for octave in reversed(range(self.octaves))])

    @property
    def receptive_samples(self) -> int:
        """Samples that the longest wavelet sees, low-passes included."""
        reaches = [
            (length // 2 << self.level(octave)) + _HALF_BAND_REACH * ((1 << self.level(octave)) - 1)
            for octave, length in enumerate(self.lengths)
        ]
        return 2 * max(reaches) + 1

    def grid(self, sample_rate_hz: float) -> FrameGrid:
        """Where the frames lie in time."""
        return FrameGrid.from_samples(
            sample_rate_hz, hop=self.hop_samples, first_center=0, receptive=self.receptive_samples
        )

    def _halved(self, wave: Tensor) -> Tensor:
        """(batch, samples) → (batch, ceil(samples / 2)), sample k on input sample 2k."""
        outputs = -(-wave.shape[1] // 2)
        blocks = -(-outputs // _DECIMATED_BLOCK)
        span = self.low_pass.shape[0]
        right = (blocks - 1) * 2 * _DECIMATED_BLOCK + span - _HALF_BAND_REACH - wave.shape[1]
        padded = functional.pad(wave, (_HALF_BAND_REACH, max(0, right)))
        spans = padded.unfold(1, span, 2 * _DECIMATED_BLOCK)[:, :blocks]
        return torch.matmul(spans, self.low_pass).reshape(wave.shape[0], -1)[:, :outputs]

    def _moduli(self, wave: Tensor, octave: int) -> Tensor:
        length, matrix = self.lengths[octave], self.get_buffer(f"octave_{octave}")
        framing = Framing(length, self.hop_samples >> self.level(octave))

        def modulus(frames: Tensor) -> Tensor:
            parts = torch.matmul(frames, matrix).square()
            # The tiny constant keeps the root's gradient finite in silence.
            return torch.sqrt(parts[..., : self.per_octave] + parts[..., self.per_octave :] + 1e-14)

        return in_chunks(framing.cut(wave), modulus, max(1, CHUNK_POINTS // length))

    def forward(self, waveform: Tensor, mask: Tensor | None = None) -> Frames:
        """Moduli (batch, frames, bands) and frame mask of waveforms (batch, samples)."""
        waveform, mask = masked(waveform, mask)
        # Low-passes ring past both ends of the sound. Room for it, in whole hops, makes "zeros beyond the edges" exact
        # for every octave: the frames of a row do not depend on how far it is padded.
        ringing = _HALF_BAND_REACH * ((1 << self.level(self.octaves - 1)) - 1)
        margin = -(-ringing // self.hop_samples)
        wave = functional.pad(waveform, (margin * self.hop_samples, margin * self.hop_samples))
        found = []
        for octave in range(self.octaves):
            if self.level(octave) > self.level(max(0, octave - 1)):
                wave = self._halved(wave)
            found.append(self._moduli(wave, octave))
        mask = mask[:, :: self.hop_samples]
        return Frames(torch.cat(found[::-1], dim=-1)[:, margin : margin + mask.shape[1]], mask)
