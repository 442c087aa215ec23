"""Computed, not learned: an encoder without weights, for any sample rate from 1 Hz to ultrasound.

Time and frequency scale with the rate. Between 4 and 48 kHz the lengths in the configuration are seconds of sound.
Outside, a recording is taken as if it had been played at 4 or 48 kHz: at 384 kHz everything is 8 times shorter
(windows of 3 ms every 1.25 ms, so that a bat's call of a few ms has several frames), at 1 kHz 4 times longer. Bands
always reach up to half the sample rate. Features of recordings of different rates are therefore not comparable:
resample to one rate first, or give `sample_rate`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tymbal.audio.frontends.fir import Modulation
from tymbal.audio.frontends.mel import MelConfig, MelSpectrogram, hz_to_mel, mel_to_hz
from tymbal.audio.frontends.mfcc import dct_matrix, deltas
from tymbal.audio.frontends.pcen import PCEN, PcenConfig
from tymbal.audio.frontends.scattering import Scattering, ScatteringConfig
from tymbal.audio.frontends.stft import fast_length, window
from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.errors import EncoderError, UsageError
from tymbal.units import FrameGrid, to_samples

MAX_RATE_HZ = 500_000
_SCALED_BELOW_HZ, _SCALED_ABOVE_HZ = 4_000, 48_000
_POWER_FLOOR = 1e-9  # added to band powers before logarithms; a full-scale sine has power 1
_AMPLITUDE_FLOOR = 1e-4  # the same for scattering amplitudes, 80 dB under a full-scale sine
_SWING_FLOOR = 0.1  # of it under second-order amplitudes, which are ever smaller
_LOG_SWING_FLOOR = 0.03  # in nepers, under the modulation of log-mel bands
_ENVELOPE_S = 0.003


@dataclass(frozen=True)
class SpectralConfig:
    """Settings of `spectral`. Lengths in seconds and rates in Hz hold between 4 and 48 kHz and scale outside.

    Parameters
    ----------
    sample_rate : deliver recordings at this rate (Hz); None takes each at its own.
    mel_bands, window_s, hop_s : of the mel spectrogram (HTK mel, from `low_hz` up to half the rate).
    coefficients, delta_reach_frames : cepstra, and the frames on either side that their slopes span.
    smoothing_s : time constant of the PCEN smoother; it sees 4 of them.
    modulation_s, modulation_stride, modulation_hz : window, mel frames per output frame, and rates of the modulation
        spectrum, taken on pairs of mel bands.
    octaves, per_octave, swing_rates, scattering_reach, scattering_stride : see `ScatteringConfig`; the envelope is
        taken about every 3 ms.
    """

    sample_rate: int | None = None
    mel_bands: int = 64
    window_s: float = 0.025
    hop_s: float = 0.010
    low_hz: float = 20.0
    coefficients: int = 20
    delta_reach_frames: int = 4
    smoothing_s: float = 0.4
    modulation_s: float = 1.0
    modulation_stride: int = 10
    modulation_hz: tuple[float, ...] = (2.0, 4.0, 8.0, 16.0, 32.0)
    octaves: int = 7
    per_octave: int = 6
    swing_rates: tuple[float, ...] = (1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64)
    scattering_reach: int = 64
    scattering_stride: int = 16

    def __post_init__(self) -> None:
        sound = (
            self.window_s >= self.hop_s >= 0.001
            and self.modulation_s >= 3 * self.hop_s
            and self.smoothing_s >= self.hop_s
            and all(0 < rate <= 0.5 / self.hop_s for rate in self.modulation_hz)
            and len(self.modulation_hz) > 0
            and self.mel_bands >= 2
            and self.mel_bands % 2 == 0
            and 1 <= self.coefficients <= self.mel_bands
            and min(self.modulation_stride, self.delta_reach_frames, self.octaves, self.per_octave) >= 1
            and 0 <= self.low_hz < _SCALED_BELOW_HZ / 4
        )
        if not sound:
            raise UsageError(
                f"{self}",
                where="SpectralConfig",
                allowed="window_s >= hop_s >= 0.001; modulation_s of 3 hops or more; modulation_hz up to 0.5 / hop_s; "
                "an even number of mel_bands; coefficients up to mel_bands; low_hz below 1000",
            )


class SpectralEncoder(Encoder):
    """Five views of a sound, each of zeros-padded, centred frames: frame i lies on sample i·hop.

    Layers, in order
    ----------------
    log_mel : natural log of mel power; (mel_bands, 1).
    pcen_mel : mel power divided by its own recent past (PCEN).
    mfcc : cepstra of log_mel, their slopes and the slopes' slopes; (1, 3 · coefficients).
    modulation : log of how strongly log_mel swings at several rates within a second; (mel_bands / 2, rates).
    scattering : log S1, and log S2 / S1 for several rates, of wavelet envelopes; (octaves · per_octave, 1 + rates).
        Andén & Mallat 2014 (1304.6763), whose log-normalised coefficients these are.

    All are local: a frame never sees further than half its receptive field, padding changes nothing, and a stream
    equals one long pass.
    """

    name: ClassVar[str] = "spectral"

    def __init__(self, config: SpectralConfig | None = None, *, bound_rate_hz: int | None = None) -> None:
        super().__init__()
        self.config: SpectralConfig = SpectralConfig() if config is None else config
        config = self.config
        self.sample_rate = config.sample_rate if bound_rate_hz is None else bound_rate_hz
        self._bound: dict[int, SpectralEncoder] = {}
        self._layers: tuple[LayerSpec, ...] = ()
        if self.sample_rate is not None:
            check_native_rate(self.sample_rate)
            self._build(self.sample_rate)

    @classmethod
    def tiny(cls) -> SpectralEncoder:
        """Few bands and short reaches, for tests."""
        config = SpectralConfig(
            mel_bands=12,
            coefficients=5,
            delta_reach_frames=2,
            smoothing_s=0.03,
            modulation_s=0.11,
            modulation_stride=3,
            modulation_hz=(12.5, 25.0),
            octaves=3,
            per_octave=2,
            swing_rates=(1 / 4, 1 / 8),
            scattering_reach=8,
            scattering_stride=4,
        )
        return cls(config)

    def _build(self, rate_hz: int) -> None:
        config = self.config
        played_hz = min(max(rate_hz, _SCALED_BELOW_HZ), _SCALED_ABOVE_HZ)
        mel = mel_config(config, played_hz)
        self.mel = MelSpectrogram(played_hz, mel)
        # Power 1 for a sine of amplitude 1: (2 / sum of the window)².
        self.power_scale = float((2 / window("hann", self.mel.stft.window_samples).sum()) ** 2)
        self.pcen = PCEN(PcenConfig(smoothing=min(1.0, config.hop_s / config.smoothing_s), gain=0.8))
        cosines = torch.from_numpy(dct_matrix(config.mel_bands, config.coefficients)).float()
        self.register_buffer("cosines", cosines, persistent=False)
        reach = round(config.modulation_s / config.hop_s / 2)
        self.modulation = Modulation(
            tuple(rate * config.hop_s for rate in config.modulation_hz),
            length=2 * reach + 1,
            stride=config.modulation_stride,
        )
        self.scattering = Scattering(
            ScatteringConfig(
                octaves=config.octaves,
                per_octave=config.per_octave,
                hop_samples=1 << round(math.log2(_ENVELOPE_S * played_hz)),
                reach=config.scattering_reach,
                stride=config.scattering_stride,
                rates=config.swing_rates,
            )
        )
        self._layers = self._specifications(rate_hz)

    def _specifications(self, rate_hz: int) -> tuple[LayerSpec, ...]:
        config, hop = self.config, self.mel.config.hop_samples
        width = self.mel.stft.window_samples

        def grid(hops: int, reach_frames: int) -> FrameGrid:
            receptive = width + 2 * reach_frames * hop
            return FrameGrid.from_samples(rate_hz, hop=hops * hop, first_center=0, receptive=receptive)

        bands, wavelets = config.mel_bands, self.scattering.envelopes.bands
        reach = round(config.modulation_s / config.hop_s / 2)
        return (
            LayerSpec("log_mel", 1, bands, grid(1, 0), local=True),
            LayerSpec("pcen_mel", 1, bands, grid(1, self.pcen.config.memory - 1), local=True),
            LayerSpec("mfcc", 3 * config.coefficients, 1, grid(1, 2 * config.delta_reach_frames), local=True),
            LayerSpec(
                "modulation", len(config.modulation_hz), bands // 2, grid(config.modulation_stride, reach), local=True
            ),
            LayerSpec("scattering", 1 + len(config.swing_rates), wavelets, self.scattering.grid(rate_hz), local=True),
        )

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Specifications of the five layers. Raises EncoderError where no rate is known yet."""
        self._require_rate()
        return self._layers

    def _require_rate(self) -> None:
        if self.sample_rate is None:
            raise EncoderError(
                "the sample rate is not known yet",
                where=self.name,
                mend="Call at_rate(sample_rate_hz) for the encoder of recordings of that rate.",
            )

    def at_rate(self, sample_rate_hz: int) -> SpectralEncoder:
        """The encoder for recordings of `sample_rate_hz`, built once; itself where the rate is fixed already."""
        if self.config.sample_rate is not None or sample_rate_hz == self.sample_rate:
            return self
        check_native_rate(sample_rate_hz)
        if sample_rate_hz not in self._bound:
            self._bound[sample_rate_hz] = SpectralEncoder(self.config, bound_rate_hz=sample_rate_hz)
        bound = self._bound[sample_rate_hz]
        if getattr(self, "_frozen", False):
            bound.freeze()
        return bound

    def frames(self, samples: int) -> dict[str, int]:
        """Frames of each layer: as many as have their centre inside `samples`."""
        hops = self._hops()
        return {name: -(-samples // hop) for name, hop in hops.items()}

    def _hops(self) -> dict[str, int]:
        self._require_rate()
        hop = self.mel.config.hop_samples
        return {
            "log_mel": hop,
            "pcen_mel": hop,
            "mfcc": hop,
            "modulation": hop * self.config.modulation_stride,
            "scattering": self.scattering.hop_samples,
        }

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        """All layers; see `Encoder.encode`. Frames that are not real are zero."""
        self._require_rate()
        power, real = self.mel(waveform, mask)
        power = power * self.power_scale
        log_mel = torch.log(power + _POWER_FLOOR)
        cepstra = log_mel @ self.get_buffer("cosines")
        slopes = deltas(cepstra, real, self.config.delta_reach_frames)
        curves = deltas(slopes, real, self.config.delta_reach_frames)
        swings = self.modulation(0.5 * (log_mel[..., 0::2] + log_mel[..., 1::2]), real)
        values = {
            "log_mel": log_mel.unsqueeze(-1),
            "pcen_mel": self.pcen(power, real).values.unsqueeze(-1),
            "mfcc": torch.cat([cepstra, slopes, curves], dim=-1).unsqueeze(2),
            "modulation": torch.log(swings + _LOG_SWING_FLOOR),
            "scattering": log_scattering(self.scattering(waveform, mask)[0]),
        }
        found = {}
        for name, hop in self._hops().items():
            frames_mask = mask[:, ::hop]
            found[name] = LayerOutput(torch.where(frames_mask[:, :, None, None], values[name], 0.0), frames_mask)
        return found


def log_scattering(amplitudes: Tensor) -> Tensor:
    """log S1 and log S2 / S1, each with a floor, of (…, 1 + rates) amplitudes, S1 first."""
    first = amplitudes[..., :1] + _AMPLITUDE_FLOOR
    second = amplitudes[..., 1:] + _SWING_FLOOR * _AMPLITUDE_FLOOR
    return torch.cat([torch.log(first), torch.log(second / first)], dim=-1)


def mel_config(config: SpectralConfig, played_hz: int) -> MelConfig:
    """The mel spectrogram at `played_hz`: an even window, and FFT points enough for no band to be empty."""
    edges = mel_to_hz([*_first_edges(config, played_hz)])
    half = max(1, to_samples(config.window_s / 2, played_hz))
    # The lowest triangle spans edges[0] to edges[1]; a bin in every 0.9 of it.
    needed = math.ceil(played_hz / (0.9 * float(edges[1] - edges[0])))
    return MelConfig(
        n_fft=fast_length(max(2 * half, needed)),
        hop_samples=max(1, to_samples(config.hop_s, played_hz)),
        window_samples=2 * half,
        bands=config.mel_bands,
        low_hz=config.low_hz,
    )


def _first_edges(config: SpectralConfig, played_hz: int) -> tuple[float, float]:
    low, high = (float(edge) for edge in hz_to_mel([config.low_hz, played_hz / 2]))
    return low, low + 2 * (high - low) / (config.mel_bands + 1)


def check_native_rate(rate_hz: int) -> None:
    """Raise EncoderError unless an encoder of any rate takes recordings of `rate_hz`."""
    if isinstance(rate_hz, bool) or not isinstance(rate_hz, int) or not 1 <= rate_hz <= MAX_RATE_HZ:
        raise EncoderError(
            f"sample rate of {rate_hz!r} Hz",
            where="at_rate",
            parameter="sample_rate_hz",
            allowed=f"a whole number from 1 to {MAX_RATE_HZ}",
        )
