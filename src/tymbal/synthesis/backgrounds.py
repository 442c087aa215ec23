"""What sounds behind the calls: coloured, tilted, swelling noise with rain and hum, or a user's own recordings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.synthesis.distributions import Distribution, log_uniform, uniform
from tymbal.synthesis.exemplars import unit_power

TILTS = 8  # points of the random tilt, evenly spaced in octaves
OCTAVES = 9  # that the tilt spans below half the sample rate
FLOOR_DB = -66.0  # below the loudest frequency: the recorder's own noise
DROP_SAMPLES = 48
DROPS = 16  # different drops of one rain
MAINS_HZ = (50.0, 60.0)
Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Backgrounds:
    """How the background of a scene is drawn. Decibels are relative to the noise.

    Parameters
    ----------
    slope : beta of noise with power 1/f^beta (0 white, 1 pink, 2 brown, below 0 blue).
    tilt_db : standard deviation of a random curve of eight points over the spectrum.
    low_pass : cut-off of the noise as a share of half the sample rate; 1 leaves it.
    swell_db, swell_hz : depth and speed of slow changes of level (wind, traffic).
    rain : drops per second; 0 is a dry night.
    rain_db : power of the rain.
    hum : share of scenes with mains hum.
    hum_db : power of the hum.
    mixed : share of scenes in which a second background of its own kind lies over the first.
    recorded : share of backgrounds taken from the bank's recordings, their detected activity left out.
    """

    slope: Distribution = uniform(-0.2, 2.2)
    tilt_db: Distribution = uniform(0.0, 6.0)
    low_pass: Distribution = Distribution(choice=(1.0, 0.7, 0.4), weights=(0.7, 0.15, 0.15))
    swell_db: Distribution = uniform(0.0, 4.0)
    swell_hz: Distribution = log_uniform(0.1, 2.0)
    rain: Distribution = Distribution(choice=(0.0, 3.0, 15.0, 60.0), weights=(0.7, 0.1, 0.1, 0.1))
    rain_db: Distribution = uniform(-15.0, 0.0)
    hum: float = 0.15
    hum_db: Distribution = uniform(-20.0, 0.0)
    mixed: float = 0.15
    recorded: float = 0.0

    def check(self, where: object, rate_hz: float) -> None:
        """Raise ConfigError naming the first field that cannot be rendered."""
        ranges = {
            "slope": (-4, 4),
            "tilt_db": (0, 30),
            "low_pass": (0.01, 1),
            "swell_db": (0, 30),
            "swell_hz": (0.001, rate_hz / 400),
            "rain": (0, rate_hz / DROP_SAMPLES),
            "rain_db": (-80, 40),
            "hum_db": (-80, 40),
        }
        for name, (low, high) in ranges.items():
            getattr(self, name).check(f"backgrounds.{name}", low, high, where=where)


class RecordedNoise(Protocol):
    """A store of recorded backgrounds."""

    def noise(self, samples: int, rng: Generator) -> Sound: ...


@dataclass(frozen=True)
class Ambience:
    """One background, drawn: what stays the same while time goes on."""

    slope: float
    tilt_db: tuple[float, ...]
    low_pass: float
    swell_db: float
    swell_hz: float
    rain: float
    rain_db: float
    hum_hz: float  # 0: none
    hum_db: float
    recorded: bool


def draw_ambience(plan: Backgrounds, rng: Generator) -> tuple[Ambience, ...]:
    """The background of a scene, or the two that are mixed."""
    return tuple(_draw(plan, rng) for _ in range(2 if rng.random() < plan.mixed else 1))


def _draw(plan: Backgrounds, rng: Generator) -> Ambience:
    humming = rng.random() < plan.hum
    mains = MAINS_HZ[int(rng.integers(2))]
    return Ambience(
        slope=plan.slope.draw(rng),
        tilt_db=tuple(float(value) for value in rng.normal(0.0, 1.0, TILTS) * plan.tilt_db.draw(rng)),
        low_pass=plan.low_pass.draw(rng),
        swell_db=plan.swell_db.draw(rng),
        swell_hz=plan.swell_hz.draw(rng),
        rain=plan.rain.draw(rng),
        rain_db=plan.rain_db.draw(rng),
        hum_hz=mains if humming else 0.0,
        hum_db=plan.hum_db.draw(rng),
        recorded=bool(rng.random() < plan.recorded),
    )


def render_background(
    ambience: tuple[Ambience, ...], samples: int, rate_hz: float, rng: Generator, bank: RecordedNoise | None = None
) -> Sound:
    """The background, shape (samples,), with a mean power of 1; two are laid over one another at equal power."""
    layers = []
    for each in ambience:
        recorded = each.recorded and bank is not None
        layers.append(bank.noise(samples, rng) if recorded and bank else _noise(each, samples, rate_hz, rng))
    return unit_power(layers[0] if len(layers) == 1 else unit_power(layers[0]) + unit_power(layers[1]))


def _noise(ambience: Ambience, samples: int, rate_hz: float, rng: Generator) -> Sound:
    import scipy.fft

    length = scipy.fft.next_fast_len(samples, real=True)
    bins = length // 2 + 1
    draws = rng.standard_normal(2 * bins, dtype=np.float32).view(np.complex64)
    draws *= _gain(ambience, bins)
    if ambience.hum_hz > 0:
        _add_hum(draws, ambience, length, rate_hz, rng)
    wave: Sound = unit_power(scipy.fft.irfft(draws, length)[:samples])
    if ambience.swell_db > 0:
        wave *= _swell(ambience, samples, rate_hz, rng)
    if ambience.rain > 0:
        rain = _rain(ambience, samples, rate_hz, rng)
        wave += unit_power(rain) * np.float32(10 ** (ambience.rain_db / 20))
    return wave


def _gain(ambience: Ambience, bins: int) -> NDArray[np.float32]:
    """Amplitude of each of `bins` bins; bin 0 is silent, and the lowest octaves are all as the ninth from the top."""
    octaves = np.linspace(-OCTAVES, 0.0, 129)
    decibels = -3.0103 * ambience.slope * octaves + np.interp(
        octaves, np.linspace(-OCTAVES, 0.0, TILTS), ambience.tilt_db
    )
    above = octaves - math.log2(ambience.low_pass)
    decibels -= np.where(above > 0, 24.0 * above, 0.0)
    place = np.log2(np.arange(1, bins, dtype=np.float32) / np.float32(bins - 1))
    gain = np.zeros(bins, dtype=np.float32)
    decibels = np.maximum(decibels - decibels.max(), FLOOR_DB)
    gain[1:] = 10 ** (np.interp(place, octaves, decibels) / 20)
    return gain


def _add_hum(spectrum: NDArray[np.complex64], ambience: Ambience, length: int, rate_hz: float, rng: Generator) -> None:
    """Mains and its harmonics as single bins: sines, without a pass over the samples."""
    noise_power = float(np.sum(np.abs(spectrum) ** 2, dtype=np.float64))
    numbers = np.arange(1, 9)
    level = rng.normal(0.0, 6.0, len(numbers)) - 4.0 * (numbers - 1)
    places = np.round(numbers * ambience.hum_hz * length / rate_hz).astype(np.int64)
    held = places < len(spectrum) - 1
    power = 10 ** (level[held] / 10)
    power *= noise_power * 10 ** (ambience.hum_db / 10) / max(power.sum(), 1e-12)
    turns = rng.uniform(0, 2 * math.pi, len(numbers))[held]
    spectrum[places[held]] += (np.sqrt(power) * np.exp(1j * turns)).astype(np.complex64)


def _swell(ambience: Ambience, samples: int, rate_hz: float, rng: Generator) -> Sound:
    """A slowly wandering gain whose decibels have a standard deviation of swell_db."""
    step = max(64, round(rate_hz / ambience.swell_hz / 16))
    points = samples // step + 34
    raw = np.convolve(rng.standard_normal(points), np.hanning(32), mode="valid")
    curve = raw / math.sqrt(float(np.sum(np.hanning(32) ** 2))) * ambience.swell_db
    gain = 10 ** (curve / 20)
    ramp = np.arange(step) / step
    lines = gain[:-1, None] + np.diff(gain)[:, None] * ramp
    return lines.reshape(-1)[:samples].astype(np.float32)


def _rain(ambience: Ambience, samples: int, rate_hz: float, rng: Generator) -> Sound:
    """Drops at random moments: short strokes of noise whose sizes spread over a decade."""
    number = int(rng.poisson(ambience.rain * samples / rate_hz))
    wave = np.zeros(samples + DROP_SAMPLES, dtype=np.float32)
    times = np.arange(DROP_SAMPLES, dtype=np.float32)
    decays = rng.uniform(3.0, 12.0, (DROPS, 1)).astype(np.float32)
    strokes = rng.standard_normal((DROPS, DROP_SAMPLES), dtype=np.float32) * np.exp(-times / decays)
    sizes = np.exp(rng.normal(0.0, 0.8, number)).astype(np.float32)
    starts = rng.integers(0, samples, number)
    drops = strokes[rng.integers(0, DROPS, number)] * sizes[:, None]
    np.add.at(wave, starts[:, None] + np.arange(DROP_SAMPLES), drops)
    return wave[:samples]
