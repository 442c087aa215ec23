"""Slow float64 twins of the torch front ends: one waveform, loops, nothing shared with the fast code."""

from __future__ import annotations

import math

import numpy as np


def hann(length: int) -> np.ndarray:
    return np.array([math.sin(math.pi * i / length) ** 2 for i in range(length)])


def stft_power(x: np.ndarray, n_fft: int, hop: int, window_samples: int) -> np.ndarray:
    """|DFT|² (frames, bins) of frames centred on i·hop, by the definition."""
    kernel = hann(window_samples)
    frames = math.ceil(len(x) / hop)
    out = np.zeros((frames, n_fft // 2 + 1))
    turns = np.exp(-2j * np.pi * np.outer(np.arange(n_fft // 2 + 1), np.arange(window_samples)) / n_fft)
    for i in range(frames):
        piece = np.zeros(window_samples)
        for k in range(window_samples):
            at = i * hop + k - window_samples // 2
            piece[k] = kernel[k] * x[at] if 0 <= at < len(x) else 0.0
        out[i] = np.abs(turns @ piece) ** 2
    return out


def mel_of(hz: float, scale: str) -> float:
    if scale == "htk":
        return 2595 * math.log10(1 + hz / 700)
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def hz_of(mel: float, scale: str) -> float:
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def mel_filters(rate: float, n_fft: int, bands: int, low: float, high: float, scale: str, area: bool) -> np.ndarray:
    low_mel, high_mel = mel_of(low, scale), mel_of(high, scale)
    points = [hz_of(low_mel + (high_mel - low_mel) * i / (bands + 1), scale) for i in range(bands + 2)]
    out = np.zeros((n_fft // 2 + 1, bands))
    for band in range(bands):
        left, middle, right = points[band : band + 3]
        for k in range(n_fft // 2 + 1):
            f = k * rate / n_fft
            if left < f <= middle:
                out[k, band] = (f - left) / (middle - left)
            elif middle < f < right:
                out[k, band] = (right - f) / (right - middle)
            out[k, band] *= 2 / (right - left) if area else 1.0
    return out


def kaldi_fbank(
    x: np.ndarray, *, bands: int, power: float, rate: int = 16000, low: float = 20.0, pre: float = 0.97
) -> np.ndarray:
    """Log-mel filter bank (frames, bands) of ±1 full scale: 25/10 ms, DC removed, Hann to `power`, snip edges."""
    width, hop, n_fft = rate // 40, rate // 100, 512
    kernel = [(0.5 - 0.5 * math.cos(2 * math.pi * i / (width - 1))) ** power for i in range(width)]
    mel = [1127 * math.log(1 + k * rate / n_fft / 700) for k in range(n_fft // 2)]
    low_mel, high_mel = 1127 * math.log(1 + low / 700), 1127 * math.log(1 + rate / 2 / 700)
    step = (high_mel - low_mel) / (bands + 1)
    rows = []
    for start in range(0, len(x) - width + 1, hop):
        frame = 32768.0 * x[start : start + width]
        frame = frame - frame.mean()
        shaped = [kernel[i] * (frame[i] - pre * frame[max(0, i - 1)]) for i in range(width)]
        energy = np.abs(np.fft.rfft(shaped, n_fft)) ** 2
        row = []
        for band in range(bands):
            left = low_mel + band * step
            total = 0.0
            for k, m in enumerate(mel):
                if left < m < left + 2 * step:
                    total += energy[k] * (1 - abs(m - left - step) / step)
            row.append(math.log(max(total, 2.0**-23)))
        rows.append(row)
    return np.array(rows)


def frame_filter(x: np.ndarray, taps: np.ndarray, origin: int, stride: int) -> np.ndarray:
    """(frames, channels) → (output frames, filters, channels)."""
    outputs = math.ceil(len(x) / stride)
    out = np.zeros((outputs, len(taps), x.shape[1]))
    for j in range(outputs):
        for k in range(taps.shape[1]):
            at = j * stride + k - origin
            if 0 <= at < len(x):
                out[j] += taps[:, k, None] * x[at]
    return out


def masked_mean(x: np.ndarray, mask: np.ndarray, weights: np.ndarray, origin: int, stride: int) -> np.ndarray:
    outputs = math.ceil(len(x) / stride)
    out = np.zeros((outputs, x.shape[1]))
    for j in range(outputs):
        near = [(j * stride + k - origin, w) for k, w in enumerate(weights)]
        near = [(at, w) for at, w in near if 0 <= at < len(x) and mask[at]]
        total = sum(w for _, w in near)
        if total > 0:
            out[j] = sum(w * x[at] for at, w in near) / total
    return out


def modulation(x: np.ndarray, mask: np.ndarray, rates: tuple[float, ...], length: int, stride: int) -> np.ndarray:
    """(frames, channels) → (output frames, channels, rates)."""
    reach = length // 2
    outputs = math.ceil(len(x) / stride)
    out = np.zeros((outputs, x.shape[1], len(rates)))
    for j in range(outputs):
        near = [(k, j * stride + k) for k in range(-reach, reach + 1)]
        near = [(k, at) for k, at in near if 0 <= at < len(x) and mask[at]]
        if not near:
            continue
        w = np.array([math.cos(math.pi * k / (reach + 1) / 2) ** 2 for k, _ in near])
        values = np.array([x[at] for _, at in near])
        centred = values - (w[:, None] * values).sum(0) / w.sum()
        for r, rate in enumerate(rates):
            wave = np.array([np.exp(-2j * np.pi * rate * k) for k, _ in near])
            out[j, :, r] = 2 * np.abs((w[:, None] * centred * wave[:, None]).sum(0)) / w.sum()
    return out


def pcen(
    energy: np.ndarray, mask: np.ndarray, *, smoothing: float, gain: float, bias: float, power: float, floor: float
) -> np.ndarray:
    """The recursion itself, over real frames, each average divided by the weight it has gathered; endless memory."""
    out = np.zeros_like(energy)
    total, weight = np.zeros(energy.shape[1]), 0.0
    for t, row in enumerate(energy):
        total, weight = (1 - smoothing) * total, (1 - smoothing) * weight
        if mask[t]:
            total, weight = total + smoothing * row, weight + smoothing
        mean = total / weight if weight > 0 else 0 * row
        out[t] = (row / (floor + mean) ** gain + bias) ** power - bias**power
    return out


def deltas(x: np.ndarray, mask: np.ndarray, reach: int) -> np.ndarray:
    out = np.zeros_like(x)
    for t in range(len(x)):
        for k in range(1, reach + 1):
            if t - k >= 0 and t + k < len(x) and mask[t - k] and mask[t + k]:
                out[t] += k * (x[t + k] - x[t - k])
    return out / (2 * sum(k * k for k in range(1, reach + 1)))


def cepstra(log_mel: np.ndarray, coefficients: int) -> np.ndarray:
    bands = log_mel.shape[1]
    out = np.zeros((len(log_mel), coefficients))
    for c in range(coefficients):
        scale = math.sqrt((1 if c == 0 else 2) / bands)
        for n in range(bands):
            out[:, c] += scale * math.cos(math.pi * c * (n + 0.5) / bands) * log_mel[:, n]
    return out


def gabor_moduli(x: np.ndarray, octaves: int, per_octave: int, hop: int) -> np.ndarray:
    """(frames, bands), bands rising: the wave halved octave by octave, each frame correlated with each wavelet."""
    taps = np.array([np.sinc(k / 2) * np.kaiser(23, 8.0)[k + 11] for k in range(-11, 12)])
    taps /= taps.sum()
    frames = math.ceil(len(x) / hop)
    out = np.zeros((frames, octaves * per_octave))
    margin = 40 * hop  # as good as endless zeros before and after
    wave, level = np.concatenate([np.zeros(margin), x, np.zeros(margin)]), 0
    for octave in range(octaves):
        if octave >= 2 and hop % 2 ** (level + 1) == 0:
            wave = np.convolve(wave, taps)[11 : 11 + len(wave)][::2]
            level += 1
        for band in range(per_octave):
            f = 2.0 ** -(octave + 1) * 2.0 ** (-(per_octave - 1 - band + 0.5) / per_octave) * 2**level
            reach = max(2, round(1 / (f * (2 ** (1 / per_octave) - 1))))
            k = np.arange(-reach, reach + 1)
            w = np.cos(np.pi * k / (reach + 1) / 2) ** 2
            turn = np.exp(2j * np.pi * f * k)
            kernel = 2 * w / w.sum() * (turn - (w * turn).sum() / w.sum())
            padded = np.concatenate([np.zeros(reach), wave, np.zeros(reach + hop)])
            step, first = hop >> level, margin >> level
            column = (octaves - 1 - octave) * per_octave + band
            for i in range(frames):
                out[i, column] = abs((padded[first + i * step : first + i * step + 2 * reach + 1] * kernel).sum())
    return out


def scattering(
    x: np.ndarray,
    mask: np.ndarray,
    *,
    octaves: int,
    per_octave: int,
    hop: int,
    reach: int,
    stride: int,
    rates: tuple[float, ...],
) -> np.ndarray:
    """(output frames, bands, 1 + rates): moduli averaged, and their swings averaged."""
    envelopes, real = gabor_moduli(x, octaves, per_octave, hop), mask[::hop]

    def bump(n: int) -> np.ndarray:
        return np.cos(np.pi * np.arange(-n, n + 1) / (n + 1) / 2) ** 2

    found = [masked_mean(envelopes, real, bump(reach), reach, stride)]
    for rate in rates:
        length = int(2 / rate) // 2 * 2 + 1
        step = 1
        while 2 * step <= min(stride, length / 4):
            step *= 2
        swing = modulation(envelopes, real, (rate,), length, step)[..., 0]
        found.append(masked_mean(swing, real[::step], bump(reach // step), reach // step, stride // step))
    return np.stack(found, axis=-1)
