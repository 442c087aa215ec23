"""The in-context network as a finder: its log odds of every frame become boxes and ratings; torch is loaded with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import UsageError
from tymbal.fewshot.finders.contract import Floats, Frames, Kind, Pixels
from tymbal.fewshot.finders.lda import FILL, SHORTEST, CurveResponse
from tymbal.fewshot.finders.peaks import apart, peaks, runs
from tymbal.fewshot.support import Support

if TYPE_CHECKING:
    from tymbal.fewshot.network.context import Context
    from tymbal.fewshot.network.model import Network

LEVELS = (-1.0, 0.0, 1.0)  # log odds; each gives boxes
LOWEST = -1.5  # log odds of a peak whose own distances give a box
SPACING = 0.5  # of a median example between such peaks
BOUNDS = (-3.0, 6.0)  # log odds beyond which a frame counts no more; examples put their threshold above the lower
SHIPPED = Path(__file__).parent.parent / "network" / "network.safetensors"


@dataclass(frozen=True, eq=False)
class InContext:
    """A context and the lengths that follow from its examples, in frames."""

    context: Context
    fill: int
    shortest: int
    median: float

    @property
    def reach(self) -> int:
        return self.context.reach + 4 * self.shortest

    def respond(self, pixels: Pixels) -> LogitResponse:
        logits, distances = self.context.answer(pixels)
        curve = np.clip(logits.astype(np.float64), *BOUNDS)
        return LogitResponse(curve, self.fill, self.shortest, distances.astype(np.float64) * self.median, self.median)

    def state(self) -> dict[str, NDArray[Any]]:
        own = np.array([self.fill, self.shortest, self.median], np.float64)
        return {**self.context.arrays(), "lengths": own}


@dataclass(frozen=True)
class LogitResponse(CurveResponse):
    """Runs above several levels, and around each peak the box by its distances (frames, 2) to onset and offset."""

    distances: Floats
    median: float

    def propose(self) -> tuple[Frames, Frames]:
        found = [np.stack(runs(self.curve > level, self.fill, self.shortest), axis=1) for level in LEVELS]
        at = peaks(self.curve, LOWEST)
        at = apart(at, self.curve[at], np.full(len(at), SPACING * self.median))
        starts = np.round(at - self.distances[at, 0]).astype(np.int64)
        stops = np.round(at + self.distances[at, 1]).astype(np.int64) + 1
        told = np.stack([starts, np.maximum(stops, starts + self.shortest)], axis=1)
        boxes = np.unique(np.concatenate([*found, told]), axis=0)
        return boxes[:, 0], boxes[:, 1]


def fit(support: Support, shots: Sequence[int], model: Path | None = None) -> InContext:
    """The network of the file `model` (None: the one that ships) with these examples in its memory.

    Raises UsageError where there is no file, DataError where it is no network.
    """
    from tymbal.fewshot.network.context import Context

    network = _opened(_model(model))
    bands = support.stretches[0].picture.pixels.shape[1]
    if bands != network.config.bands:
        what = f"pictures of {bands} bands, and the network takes {network.config.bands}"
        raise UsageError(what, where="network", mend="Give bands the network's number, and no encoder.")
    lengths = round(FILL * support.shortest), max(1, round(SHORTEST * support.shortest))
    return InContext(Context.of(network, support, shots), *lengths, support.median_frames)


def load(state: Mapping[str, NDArray[Any]]) -> InContext:
    from tymbal.fewshot.network.context import restored

    fill, shortest, median = state["lengths"].tolist()
    return InContext(restored(state), round(fill), round(shortest), median)


def _model(model: Path | None) -> Path:
    if model is None and not SHIPPED.is_file():
        raise UsageError(
            "the network needs a file of weights, and the one that ships with Tymbal is not there",
            parameter="model",
            mend="Install Tymbal anew, or train one (tymbal fewshot train -o MODEL) and name it with --model MODEL.",
        )
    return SHIPPED if model is None else Path(model)


def _opened(path: Path) -> Network:
    status = path.stat() if path.is_file() else None
    return _loaded(path, None if status is None else status.st_mtime_ns)


@lru_cache(maxsize=2)
def _loaded(path: Path, version: int | None) -> Network:
    from tymbal.fewshot.network.files import load_network

    return load_network(path)


KIND = Kind("network", fit, load, "the in-context network, from a file of weights")
