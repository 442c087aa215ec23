"""What decides the numbers in a store: every option of `embed` that is not about the machine it runs on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from tymbal.config import check_fields
from tymbal.encoders.contract import Encoder, LayerSpec
from tymbal.encoders.windows import RateLayout, rate_layout
from tymbal.errors import EncoderError

Dtype = Literal["float16", "float32"]
Channels = Literal["auto", "mix", "each"]


class EmbedOptions(TypedDict, total=False):
    """The keyword options of `embed`, as `EmbedConfig` documents them."""

    layers: str | Sequence[str]
    frames: int | None
    segment_s: float
    margin_s: float | None
    dtype: Dtype
    sample_rate_hz: int | None
    channels: Channels


@dataclass(frozen=True)
class EmbedConfig:
    """How recordings become rows.

    Parameters
    ----------
    layers : "all", "last", or the names of layers.
    frames : mean of the frames in each of so many equal time bins of a segment; None keeps every frame.
    segment_s : seconds of the fixed segments that recordings are cut into.
    margin_s : seconds of context read on both sides of a segment and left out of its frames again. None: half the
        largest finite receptive field among the stored layers that are local, so that these come out as in one long
        pass; 0 where none is local, so that the segment is the whole input (attention, clip-level statistics).
    dtype : how rows are stored.
    sample_rate_hz : deliver every recording at this rate; None: the encoder's rate, or for an encoder of any rate
        that of each recording.
    channels : "mix" one mean of all channels, "each" every channel by itself, "auto" the channels that the corpus's
        events name and the mix for recordings where they name none. One-channel recordings are channel 1 in all.
    """

    layers: str | tuple[str, ...] = "all"
    frames: int | None = None
    segment_s: float = 10.0
    margin_s: float | None = None
    dtype: Dtype = "float16"
    sample_rate_hz: int | None = None
    channels: Channels = "auto"

    def __post_init__(self) -> None:
        if not isinstance(self.layers, str):
            object.__setattr__(self, "layers", tuple(self.layers))
        check_fields(self, self._ranges(), where="embed")

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        margin = self.margin_s is None or (math.isfinite(self.margin_s) and self.margin_s >= 0)
        yield "frames", self.frames is None or self.frames >= 1, "1 or more, or none"
        yield "segment_s", math.isfinite(self.segment_s) and self.segment_s > 0, "seconds above 0"
        yield "margin_s", margin, "seconds of 0 or more, or none for the receptive field of the local layers"
        yield "sample_rate_hz", self.sample_rate_hz is None or self.sample_rate_hz >= 1, "hertz of 1 or more, or none"


def pick_layers(specs: Sequence[LayerSpec], wanted: str | Sequence[str]) -> tuple[LayerSpec, ...]:
    """The layers that `wanted` ("all", "last", a name, names with commas, or a list) asks for, in the encoder's order.

    Raises EncoderError for a name the encoder has not, and for an empty choice.
    """
    names = [spec.name for spec in specs]
    if wanted == "all":
        return tuple(specs)
    if wanted == "last":
        return tuple(specs[-1:])
    chosen = [part.strip() for part in wanted.split(",")] if isinstance(wanted, str) else list(wanted)
    unknown = [name for name in chosen if name not in names]
    if unknown or not chosen:
        what = f"no layer {unknown[0]!r}" if unknown else "no layer asked for"
        raise EncoderError(what, parameter="layers", allowed="all, last, " + ", ".join(names))
    return tuple(spec for spec in specs if spec.name in chosen)


def layout(encoder: Encoder, config: EmbedConfig, sample_rate_hz: int) -> RateLayout:
    """Segment, margin and layers for recordings delivered at `sample_rate_hz`.

    Raises UsageError where a segment is shorter than one sample.
    """
    specs = pick_layers(encoder.at_rate(sample_rate_hz).layers, config.layers)
    return rate_layout(specs, sample_rate_hz=sample_rate_hz, segment_s=config.segment_s, margin_s=config.margin_s)
