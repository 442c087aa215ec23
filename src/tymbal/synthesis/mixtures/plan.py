"""What mixtures are made: the settings, one dataclass for Python and the command line."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tymbal.errors import ConfigError


@dataclass(frozen=True)
class MixturePlan:
    """Everything that decides which mixtures come of a corpus.

    Parameters
    ----------
    overlap : ratios wanted: pairs of events that share time, per event of a mixture.
    snr_db : by how much the events of one individual are louder than those of the other (power, onset to offset).
    by : column of the recordings that tells individuals apart; a mixture holds two.
    split : a split of the corpus whose folds no mixture crosses, and which the mixtures get as well; None: no split.
    recordings : whole recordings in a mixture, taken from the two individuals by turns. With two, dense song rarely
        gets above a ratio of 0.7; with more, recordings of one individual overlap as well.
    per_level : sets of recordings drawn per fold; every one is mixed at every ratio and every SNR, so that levels
        differ in the offsets alone.
    seed : of what is drawn; 0 … 2^63 - 1.
    """

    overlap: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    snr_db: tuple[float, ...] = (0.0, 10.0)
    by: str = "individual"
    split: str | None = None
    recordings: int = 2
    per_level: int = 8
    seed: int = 0

    def check(self) -> None:
        """Raise ConfigError naming the first field that cannot be."""
        for name, low, high in (("overlap", 0.0, 10.0), ("snr_db", -60.0, 60.0)):
            values = getattr(self, name)
            if not values or not all(math.isfinite(value) and low <= value <= high for value in values):
                raise ConfigError(
                    f"{name} is {values}", parameter=name, allowed=f"one number or more, {low:g} to {high:g}"
                )
        for name, least, most in (("recordings", 2, 8), ("per_level", 1, 10_000), ("seed", 0, 2**63 - 1)):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigError(f"{name} is {value}", parameter=name, allowed=f"{least} to {most}")
