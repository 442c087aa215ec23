"""Frames of an encoder's layer in the place of a picture: the prototypes of any encoder the user has."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tymbal.audio import AudioReader
from tymbal.errors import UsageError
from tymbal.units import FrameGrid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tymbal.fewshot.prompt import Shot

WINDOW_S = 10.0  # encoded at once
CONTEXT_S = 1.0  # on either side of it, for encoders that attend to all they are given


@dataclass(frozen=True)
class EncodedScale:
    """As `Scale`, but frames are those of `layer` of `encoder` (what `open_encoder` takes); `bands` are its features.

    first_center, receptive : of the layer's grid in samples.
    """

    sample_rate_hz: int
    hop: int
    bands: int
    encoder: str
    layer: str
    first_center: float
    receptive: float

    @property
    def low_hz(self) -> float:
        return 0.0

    @property
    def high_hz(self) -> float:
        return self.sample_rate_hz / 2

    @property
    def grid(self) -> FrameGrid:
        """The layer's grid on the recording's clock."""
        return FrameGrid.from_samples(
            self.sample_rate_hz, hop=self.hop, first_center=self.first_center, receptive=self.receptive
        )

    def view(self, reader: AudioReader, first: int, stop: int) -> NDArray[np.float32]:
        """Frames first ... stop - 1, (frames, features), each less the mean of its feature over them."""
        from tymbal.encoders.windows import encode_sound

        encoder = _opened(self.encoder, self.sample_rate_hz)
        out = np.zeros((stop - first, self.bands), np.float32)
        size = max(1, round(WINDOW_S * self.sample_rate_hz / self.hop))
        margin = math.ceil(min(self.receptive / self.sample_rate_hz, CONTEXT_S) * self.sample_rate_hz / self.hop)
        for at in range(first, stop, size):
            end = min(at + size, stop)
            begin = max(0, at - margin)
            sound = reader.read(begin * self.hop, (end + margin - begin) * self.hop)
            if not len(sound):
                continue
            values = encode_sound(encoder, sound)[self.layer].values[0].float().numpy()
            own = values.reshape(len(values), -1)[at - begin : end - begin]
            out[at - first : at - first + len(own)] = own
        return np.asarray(out - out.mean(axis=0), dtype=np.float32)


@lru_cache(maxsize=2)
def _opened(name: str, rate_hz: int) -> Any:
    from tymbal.encoders.source import open_encoder

    return open_encoder(name).encoder.at_rate(rate_hz)


def encoded_scale(shots: Sequence[Shot], encoder: str, layer: str | None = None) -> EncodedScale:
    """The frames of `encoder` (its last layer where none is named) at the rate it takes, else that of the examples.

    Raises EncoderError for an encoder that is not there, UsageError for a layer that it does not have.
    """
    from tymbal.encoders.source import open_encoder

    opened = open_encoder(encoder).encoder
    rate = opened.sample_rate
    if rate is None:
        with AudioReader(shots[0].recording) as reader:
            rate = reader.sample_rate_hz
    specs = {spec.name: spec for spec in _opened(encoder, rate).layers}
    name = layer if layer is not None else list(specs)[-1]
    if name not in specs:
        raise UsageError(f"no layer {name!r}", parameter="layer", allowed=", ".join(specs))
    spec = specs[name]
    hop = round(spec.grid.hop_s * rate)
    if abs(hop - spec.grid.hop_s * rate) > 1e-6 or hop < 1:
        raise UsageError(f"frames of {name!r} are no whole number of samples apart", parameter="layer")
    centre, receptive = spec.grid.first_center_s * rate, min(spec.grid.receptive_s, 1e3) * rate
    return EncodedScale(rate, hop, spec.bands * spec.dim, encoder, name, centre, receptive)
