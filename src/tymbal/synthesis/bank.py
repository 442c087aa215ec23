"""A bank: calls and backgrounds cut from a user's recordings, on disk, read as they are needed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.corpus.corpus import read_table
from tymbal.errors import CorpusError, DataError
from tymbal.synthesis.exemplars import Exemplar, Sound, cut, unit_power
from tymbal.synthesis.voices import HIGHEST

HEAD = "bank.toml"
FORMAT = 1
CALLS = pl.Schema(
    {
        "recording": pl.String(),
        "onset_s": pl.Float64(),  # in the recording
        "offset_s": pl.Float64(),
        "low_hz": pl.Float64(),  # at the reference rate
        "high_hz": pl.Float64(),
        "shard": pl.String(),  # the file of int16 samples, without its extension
        "start": pl.Int64(),  # its first sample there
        "samples": pl.Int64(),
        "scale": pl.Float64(),
    }
)
BACKGROUNDS = CALLS
FACTORS = (3.0, 2.0, 1.7, 1.2, 1.0, 1.0, 0.9, 0.7, 0.5, 0.3)  # of resampling: pitch and time of a class together
REVERSED = 0.2  # share of classes played backwards
LEAST = 2  # calls of a cluster that can be a class
LONGEST_FADE = 1600  # samples over which crops of a background are faded into one another


@dataclass(frozen=True)
class Bank:
    """An opened bank. `sample_rate_hz` is that of its sounds, seconds and Hz of its tables are those of
    `reference_rate_hz` (as in a scene plan); `digest` is its content address."""

    path: Path
    sample_rate_hz: int
    reference_rate_hz: int
    digest: str
    calls: pl.DataFrame
    backgrounds: pl.DataFrame

    @classmethod
    def open(cls, path: Path, *, sample_rate_hz: int | None = None, reference_rate_hz: int | None = None) -> Bank:
        """Open a bank. Raises CorpusError where there is none, it is damaged, or of other rates than asked for."""
        path = Path(path)
        try:
            head = tomllib.loads((path / HEAD).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError) as error:
            mend = "Make one with: tymbal synth cuts RECORDINGS -o BANK"
            raise CorpusError(f"no {HEAD} here: not a bank", where=path, mend=mend) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise CorpusError(f"{HEAD} is damaged: {error}", where=path, mend="Run tymbal synth cuts again.") from error
        if head.get("format") != FORMAT:
            raise CorpusError(f"{HEAD} is of format {head.get('format')!r}", where=path, allowed=FORMAT)
        rates = int(head["sample_rate_hz"]), int(head["reference_rate_hz"])
        wanted = sample_rate_hz or rates[0], reference_rate_hz or rates[1]
        if rates != wanted:
            raise CorpusError(
                f"its sounds are at {rates[0]} Hz (reference {rates[1]}), the scenes at {wanted[0]} ({wanted[1]})",
                where=path,
                mend=f"Make a bank with: tymbal synth cuts ... --rate {wanted[0]} --reference-rate {wanted[1]}",
            )
        calls, backgrounds = (read_table(path / f"{name}.parquet") for name in ("calls", "backgrounds"))
        return cls(path, *rates, str(head["digest"]), calls, backgrounds)

    @property
    def granularities(self) -> tuple[str, ...]:
        """The columns of `calls` that hold clusters, finest first."""
        return tuple(name for name in self.calls.columns if name.startswith("cluster_"))

    def source(self, rng: Generator) -> BankSource:
        """A class: one cluster, of a granularity drawn first, at one factor of resampling, forwards or backwards.

        Raises DataError for a bank with too few calls to make classes of.
        """
        names = self.granularities
        if not names:
            raise DataError(
                f"{self.calls.height} calls are too few to make classes of",
                where=self.path,
                mend="Cut more recordings, or leave classes.recorded at 0.",
            )
        column = self.calls[names[int(rng.integers(len(names)))]].to_numpy()
        sizes = np.bincount(column)
        able = np.flatnonzero(sizes >= LEAST)
        rows = np.flatnonzero(column == able[int(rng.integers(len(able)))])
        highest_hz = float(self.calls["high_hz"].to_numpy()[rows].max())
        allowed = [factor for factor in FACTORS if highest_hz * factor <= HIGHEST * self.reference_rate_hz] or [1.0]
        factor = allowed[int(rng.integers(len(allowed)))]
        return BankSource(self, rows, factor, bool(rng.random() < REVERSED))

    def call(self, row: int) -> Exemplar:
        """One call as it was cut."""
        each = self.calls.row(row, named=True)
        return Exemplar(
            self._sound(each), each["low_hz"], each["high_hz"], f"{each['recording']}@{each['onset_s']:.3f}"
        )

    def noise(self, samples: int, rng: Generator) -> Sound:
        """A background of that many samples: crops of one piece, faded into one another. DataError without any."""
        if not self.backgrounds.height:
            raise DataError(
                "there is no background in this bank",
                where=self.path,
                mend="Cut recordings with quiet stretches, or leave backgrounds.recorded at 0.",
            )
        lengths = self.backgrounds["samples"].to_numpy().astype(np.float64)
        row = int(rng.choice(len(lengths), p=lengths / lengths.sum()))
        piece = self._sound(self.backgrounds.row(row, named=True))
        fade = min(LONGEST_FADE, len(piece) // 4)
        rise = np.sin(np.linspace(0, np.pi / 2, fade, dtype=np.float32))
        found = np.zeros(samples, dtype=np.float32)
        at = 0
        while at < samples:  # a crop that does not suffice begins in the first half: no scrap follows scrap
            begin = int(rng.integers(0, max(1, len(piece) // 2 - fade, len(piece) - samples + 1)))
            crop = piece[begin : begin + samples - at].copy()
            if at:
                here = min(fade, len(crop))
                found[at : at + here] *= rise[::-1][:here]
                crop[:here] *= rise[:here]
            found[at : at + len(crop)] += crop
            at += len(crop) if at + len(crop) >= samples else len(crop) - fade
        return unit_power(found)

    def _sound(self, row: dict[str, Any]) -> Sound:
        file = self.path / "shards" / f"{row['shard']}.i16"
        try:
            whole: NDArray[np.int16] = np.memmap(file, dtype="<i2", mode="r")
        except (OSError, ValueError) as error:
            raise CorpusError(f"cannot be read: {error}", where=file, mend="Run tymbal synth cuts again.") from error
        part = whole[row["start"] : row["start"] + row["samples"]]
        return part.astype(np.float32) * np.float32(row["scale"])


@dataclass(frozen=True)
class BankSource:
    """A class of recorded calls: rows of the bank, resampled by `factor` (2: twice as high and fast)."""

    bank: Bank
    rows: NDArray[np.int64]
    factor: float
    backwards: bool

    family = "recorded"

    def exemplar(self, rng: Generator) -> Exemplar:
        """One of the calls, each as likely."""
        found = self.bank.call(int(self.rows[int(rng.integers(len(self.rows)))]))
        samples = found.samples
        if self.factor != 1.0:
            from scipy.signal import resample

            samples = resample(samples, max(32, round(len(samples) / self.factor))).astype(np.float32)
        if self.backwards:
            samples = np.ascontiguousarray(samples[::-1])
        if samples is found.samples:
            return Exemplar(unit_power(samples), found.low_hz, found.high_hz, found.origin)
        return cut(samples, float(self.bank.reference_rate_hz), origin=found.origin)
