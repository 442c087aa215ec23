"""Miniature copies of FASD13 and of DCASE task 5, with their traps: rates, order of rows, overlaps, names that lie."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from tests.fewshot.conftest import chirp

SET_RATES = {
    "AS": 22_050,
    "CC": 46_875,  # and 187500
    "GS": 8000,
    "HA": 32_000,  # two of its files are FLAC that is called wav
    "HG": 9600,
    "HW": 10_000,
    "JS": 16_000,
    "KD": 96_000,
    "MS": 44_100,
    "PM": 32_000,
    "RG": 32_000,
    "RS": 32_000,
    "RW": 32_800,
}
ONSETS = (0.5, 1.1, 1.6, 2.3, 2.9, 3.7, 4.4, 5.2)
CROWDED = (0.50, 0.55, 0.60, 0.65, 0.70, 2.9, 3.7, 4.4, 5.2)  # JS: five within a fraction of a second, overlapping
SECONDS = 6.0
CALL_S = 0.12
UNKNOWN = (4.9, 5.0)


def band(name: str, rate: int) -> tuple[float, float]:
    """Where the calls of a set lie: katydids above 16 kHz, others at 0.2 to 0.3 of half the rate."""
    return (20_000.0, 26_000.0) if name == "KD" else (0.1 * rate, 0.15 * rate)


def sound(onsets: Sequence[float], rate: int, low: float, high: float, seed: int = 0) -> np.ndarray:
    """Noise with a chirp at every onset."""
    random = np.random.default_rng(seed)
    found = 0.01 * random.standard_normal(round(SECONDS * rate))
    call = 0.3 * chirp(rate, CALL_S, low, high)
    for onset in onsets:
        at = round(onset * rate)
        found[at : at + len(call)] += call
    return found


def rows_of(onsets: Sequence[float], *, shuffled: int | None = None) -> list[tuple[float, float, str]]:
    """Rows with one UNK; in an order of their own where `shuffled`."""
    rows = [(onset, onset + CALL_S, "POS") for onset in onsets]
    rows.append((*UNKNOWN, "UNK"))
    if shuffled is not None:
        order = np.random.default_rng(shuffled).permutation(len(rows))
        rows = [rows[at] for at in order]
    return rows


def write_pair(
    path: Path,
    rows: Sequence[tuple[float, float, str]],
    waveform: np.ndarray,
    rate: int,
    *,
    named: bool = False,
    flac: bool = False,
) -> Path:
    """A recording and the table beside it; as FLAC whatever its name says, with the column Audiofilename if `named`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if flac:
        buffer = io.BytesIO()
        soundfile.write(buffer, waveform, rate, format="FLAC")
        path.write_bytes(buffer.getvalue())
    else:
        soundfile.write(path, waveform, rate)
    head, lead = ("Audiofilename,", f"{path.name},") if named else ("", "")
    lines = [f"{head}Starttime,Endtime,Q"] + [f"{lead}{a:.4f},{b:.4f},{word}" for a, b, word in rows]
    path.with_suffix(".csv").write_text("\n".join(lines) + "\n")
    return path


def fasd13(data: Path, sets: Sequence[str] = tuple(SET_RATES)) -> Path:
    """Two recordings of every set."""
    for name in sets:
        for number in range(2):
            rate = 187_500 if name == "CC" and number else SET_RATES[name]
            low, high = (4700.0, 7000.0) if name == "CC" else band(name, rate)
            onsets = CROWDED if name == "JS" else ONSETS
            write_pair(
                data / name / f"{name}_{number}.wav",
                rows_of(onsets, shuffled=number if name in ("AS", "JS") else None),
                sound(onsets, rate, low, high, seed=number),
                rate,
                flac=name == "HA",
            )
    return data


def dcase(data: Path) -> Path:
    """One recording of two validation sets, and one of a training set with a column per class."""
    for name in ("HB", "ME"):
        path = data / "Development_Set" / "Validation_Set" / name / f"{name.lower()}.wav"
        write_pair(path, rows_of(ONSETS), sound(ONSETS, 16_000, 2000, 3000), 16_000, named=True)
    path = data / "Development_Set" / "Training_Set" / "MT" / "mt.wav"
    write_pair(path, [], sound(ONSETS, 16_000, 2000, 3000), 16_000)
    lines = ["Audiofilename,Starttime,Endtime,CC,SN"]
    for number, onset in enumerate(ONSETS):
        words = ("POS", "NEG") if number else ("UNK", "POS")
        lines.append(f"mt.wav,{onset},{onset + CALL_S},{','.join(words)}")
    path.with_suffix(".csv").write_text("\n".join(lines) + "\n")
    return data
