"""What a finder is: fitted on examples, it proposes boxes in a picture and rates any box."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tymbal.fewshot.support import Support

Floats = NDArray[np.float64]
Frames = NDArray[np.int64]
Pixels = NDArray[np.float32]


class Response(Protocol):
    """A fitted finder's answer to one picture."""

    def propose(self) -> tuple[Frames, Frames]:
        """Starts and stops (n,) of boxes that may be events, in frames; they may reach beyond the picture."""
        ...

    def rate(self, starts: Frames, stops: Frames) -> Floats:
        """How much each box is like the examples, (n,), on the finder's own scale."""
        ...


class Fitted(Protocol):
    """A finder that has seen examples."""

    @property
    def reach(self) -> int:
        """Frames of context that an answer depends on, on either side."""
        ...

    def respond(self, pixels: Pixels) -> Response:
        """Answer to a picture (frames, bands)."""
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays that `load` makes the same fitted finder of."""
        ...


@runtime_checkable
class Adaptable(Protocol):
    """A fitted finder that takes a look at what it is to search before it searches."""

    def adapted(self, pictures: Iterable[Pixels]) -> Fitted:
        """The same after a look at these pictures."""
        ...


@dataclass(frozen=True)
class Kind:
    """One line of the registry.

    fit(support, shots) -> Fitted, from the examples with these numbers. load(state) is the inverse of `Fitted.state`.
    share: how much it counts in a fusion with others that find the examples left out as well.
    """

    name: str
    fit: Any
    load: Any
    about: str
    share: float = 1.0


class Fit(Protocol):
    def __call__(self, support: Support, shots: Sequence[int]) -> Fitted: ...


class Load(Protocol):
    def __call__(self, state: Mapping[str, NDArray[Any]]) -> Fitted: ...
