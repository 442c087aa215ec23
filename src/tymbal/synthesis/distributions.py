"""Distributions by name, as they stand in a plan: `snr_db = { uniform = [-8.0, 22.0] }`."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.errors import ConfigError

KINDS = "constant, uniform, log_uniform, normal, triangular, choice"


@dataclass(frozen=True)
class Distribution:
    """Where a number is drawn from; exactly one kind is given.

    Parameters
    ----------
    constant : always this.
    uniform : (low, high).
    log_uniform : (low, high), both above 0; equal chances per octave.
    normal : (mean, standard deviation); has no bounds unless `clip` sets them.
    triangular : (low, mode, high).
    choice : one of these values, equally likely or by `weights`.
    weights : of `choice`, in its order.
    clip : (low, high) that draws are limited to.
    """

    constant: float | None = None
    uniform: tuple[float, float] | None = None
    log_uniform: tuple[float, float] | None = None
    normal: tuple[float, float] | None = None
    triangular: tuple[float, float, float] | None = None
    choice: tuple[float, ...] | None = None
    weights: tuple[float, ...] | None = None
    clip: tuple[float, float] | None = None

    @property
    def kind(self) -> str:
        """The name of the kind that is set ("" where none or several are)."""
        found = [name for name in KINDS.split(", ") if getattr(self, name) is not None]
        return found[0] if len(found) == 1 else ""

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value that can be drawn."""
        given = getattr(self, self.kind)
        if self.kind == "constant":
            low = high = float(given)
        elif self.kind == "normal":
            low, high = (-math.inf, math.inf) if given[1] > 0 else (given[0], given[0])
        elif self.kind == "choice":
            low, high = min(given), max(given)
        else:
            low, high = given[0], given[-1]
        if self.clip is not None:
            low, high = (min(max(value, self.clip[0]), self.clip[1]) for value in (low, high))
        return low, high

    def draw(self, rng: Generator) -> float:
        """One value."""
        return float(self.draws(rng, 1)[0])

    def count(self, rng: Generator) -> int:
        """One value as a whole number, halves rounded up."""
        return math.floor(self.draw(rng) + 0.5)

    def draws(self, rng: Generator, number: int) -> NDArray[np.float64]:
        """`number` independent values, shape (number,)."""
        values = self._draws(rng, number)
        return values if self.clip is None else np.clip(values, *self.clip)

    def _draws(self, rng: Generator, number: int) -> NDArray[np.float64]:
        if self.uniform is not None:
            return rng.uniform(*self.uniform, number)
        if self.log_uniform is not None:
            low, high = self.log_uniform
            return np.asarray(np.exp(rng.uniform(math.log(low), math.log(high), number)))
        if self.normal is not None:
            return rng.normal(*self.normal, number)
        if self.triangular is not None:
            low, mode, high = self.triangular
            return rng.triangular(low, mode, high, number) if high > low else np.full(number, low)
        if self.choice is not None:
            shares = None if self.weights is None else np.asarray(self.weights) / sum(self.weights)
            return rng.choice(np.asarray(self.choice, dtype=np.float64), number, p=shares)
        return np.full(number, float(self.constant if self.constant is not None else 0.0))

    def check(self, name: str, low: float = -math.inf, high: float = math.inf, *, where: object = None) -> None:
        """Raise ConfigError, naming the field, unless every value that can be drawn lies in [low, high]."""
        fault = self._fault()
        if fault is not None:
            raise ConfigError(f"{name}: {fault}", where=where, mend="For example { uniform = [0.5, 2.0] }.")
        least, most = self.bounds
        if least < low or most > high:
            mend = "Narrow it, or limit its draws with clip = [low, high]." if self.kind == "normal" else "Narrow it."
            raise ConfigError(
                f"{name}: draws from {least:g} to {most:g}", where=where, allowed=f"{low:g} to {high:g}", mend=mend
            )

    def _fault(self) -> str | None:
        """What is wrong with the distribution itself."""
        if not self.kind:
            return f"needs exactly one of {KINDS}"
        numbers: list[float] = []
        for field in fields(self):
            value = getattr(self, field.name)
            numbers += [] if value is None else list(value) if isinstance(value, tuple) else [value]
        if not all(math.isfinite(number) for number in numbers):
            return "holds a value that is not finite"
        ordered = [getattr(self, name) for name in ("uniform", "log_uniform", "triangular", "clip")]
        if any(tuple(sorted(value)) != tuple(value) for value in ordered if value is not None):
            return "its values are to stand in rising order"
        if self.log_uniform is not None and self.log_uniform[0] <= 0:
            return "log_uniform needs values above 0"
        if self.normal is not None and self.normal[1] < 0:
            return "the standard deviation is negative"
        if self.choice is not None and not self.choice:
            return "choice is empty"
        return self._weights_fault()

    def _weights_fault(self) -> str | None:
        if self.weights is None:
            return None
        if self.choice is None or len(self.weights) != len(self.choice):
            return "weights belong to choice, one for each value"
        return None if min(self.weights) >= 0 and sum(self.weights) > 0 else "weights are 0 or more, not all 0"


def constant(value: float) -> Distribution:
    """Always `value`."""
    return Distribution(constant=value)


def uniform(low: float, high: float) -> Distribution:
    """Equally likely from `low` to `high`."""
    return Distribution(uniform=(low, high))


def log_uniform(low: float, high: float) -> Distribution:
    """Equally likely per octave from `low` to `high`."""
    return Distribution(log_uniform=(low, high))


def choice(*values: float) -> Distribution:
    """One of `values`, equally likely."""
    return Distribution(choice=values)


def pick(rng: Generator, weights: dict[str, float]) -> str:
    """One of the names, by weight."""
    names = list(weights)
    shares = np.cumsum(list(weights.values()))
    return names[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]


def check_weights(name: str, weights: dict[str, float], allowed: tuple[str, ...], *, where: object = None) -> None:
    """Raise ConfigError unless the names are among `allowed` and the weights 0 or more and not all 0."""
    unknown = sorted(set(weights) - set(allowed))
    if unknown:
        raise ConfigError(f"{name}: unknown {unknown[0]!r}", where=where, allowed=", ".join(allowed))
    if not weights or min(weights.values()) < 0 or not 0 < sum(weights.values()) < math.inf:
        raise ConfigError(f"{name}: weights {weights}", where=where, allowed="numbers of 0 or more, not all 0")
