"""What every encoder promises: named layers on known time grids, returned from one forward pass."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from tymbal.errors import EncoderError
from tymbal.units import FrameGrid

MAX_AMPLITUDE = 1e6


@dataclass(frozen=True)
class LayerSpec:
    """One layer: `dim` values in each of `bands` frequency bands, on a grid in seconds.

    `local` says that a frame depends only on the sound within receptive_s / 2 of its centre, so that long recordings
    can be streamed exactly (a layer that looks back only states twice its memory).
    """

    name: str
    dim: int
    bands: int
    grid: FrameGrid
    local: bool = False


class LayerOutput(NamedTuple):
    """Values of shape (batch, frames, bands, dim) and a mask (batch, frames), True where a frame is real."""

    values: Tensor
    mask: Tensor


class Encoder(nn.Module, ABC):
    """A frozen or trainable network from waveforms to layers.

    Built as `cls(config)`, where the constructor annotates `config` with a frozen dataclass of plain fields (or None
    for its defaults): `create_encoder` and `load_encoder` read the type from there.

    Class attributes
    ----------------
    name : the registered name.
    batching : "masked" where padding never changes the frames of real sound; "equal_length" where a batch must
        hold waveforms of one length (clip-level statistics, say).
    lowers : whether `encoders.runtime` may put other modules in the place of linear maps and convolutions; False
        where the forward pass reads their weights by itself.

    Attributes
    ----------
    sample_rate : the delivery rate in Hz. None: takes any rate; call `at_rate` to get the encoder for one.
    layers : the layers in order, from input to output. Known once the rate is known.
    """

    name: ClassVar[str]
    batching: ClassVar[Literal["masked", "equal_length"]] = "masked"
    lowers: ClassVar[bool] = True

    sample_rate: int | None
    config: Any  # the frozen dataclass it was built from; save/load and the checksum use it
    numerics: str = "float32"  # in which numbers it multiplies; `encoders.runtime` makes encoders with others
    source_checksum: str = ""  # of the float32 encoder that one with other numerics was made from

    @classmethod
    def tiny(cls) -> Encoder:
        """A small instance with random weights, which the generic tests put through everything promised here."""
        raise EncoderError("has no tiny configuration", where=cls.name, mend="Give its class a classmethod tiny().")

    @classmethod
    def from_state(cls, config: Any, state: Mapping[str, Tensor]) -> Encoder:
        """The encoder that a saved `state` is about to be loaded into; for those whose shapes lie in the state."""
        return cls(config)

    @property
    @abstractmethod
    def layers(self) -> tuple[LayerSpec, ...]:
        """Specifications of all layers. Raises EncoderError on an encoder of any rate that has none yet."""

    @abstractmethod
    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        """All layers for (batch, samples) float32 waveforms at `sample_rate` and a bool mask of the same shape."""

    def at_rate(self, sample_rate_hz: int) -> Encoder:
        """The encoder for recordings of `sample_rate_hz`: itself where it has a fixed rate (resample to it)."""
        return self

    @abstractmethod
    def frames(self, samples: int) -> dict[str, int]:
        """How many frames each layer gives for a waveform of `samples` samples."""

    @property
    def min_samples(self) -> int:
        """The shortest waveform `forward` takes; shorter ones are to be padded with masked zeros."""
        return 1

    @property
    def max_samples(self) -> int | None:
        """The longest waveform `forward` takes; None: any."""
        return None

    def forward(self, waveform: Tensor, mask: Tensor | None = None) -> dict[str, LayerOutput]:
        """Check the input, then `encode` it.

        Parameters
        ----------
        waveform : float tensor (batch, samples), full scale ±1 (clipped at a million times that, so that powers stay
            within float32), at `sample_rate`.
        mask : bool tensor (batch, samples), True where the sound is real; each row True first, then False.
            None means all real.

        Raises
        ------
        EncoderError for a wrong shape or type, real samples that are not finite, a mask with gaps, a waveform shorter
        than `min_samples`, or rows of several lengths in an encoder whose batching is "equal_length".
        """
        if waveform.ndim != 2 or not waveform.is_floating_point():
            raise EncoderError(
                f"waveform of shape {tuple(waveform.shape)} and type {waveform.dtype}",
                where=self.name,
                allowed="a float tensor (batch, samples)",
            )
        if mask is None:
            mask = torch.ones_like(waveform, dtype=torch.bool)
        if mask.shape != waveform.shape or mask.dtype != torch.bool:
            raise EncoderError(
                f"mask of shape {tuple(mask.shape)} and type {mask.dtype}",
                where=self.name,
                allowed=f"a bool tensor of the waveform's shape {tuple(waveform.shape)}",
            )
        if waveform.shape[1] < self.min_samples:
            raise EncoderError(
                f"waveform of {waveform.shape[1]} samples",
                where=self.name,
                allowed=f"{self.min_samples} samples or more",
                mend="Pad with zeros and give a mask.",
            )
        if self.max_samples is not None and waveform.shape[1] > self.max_samples:
            raise EncoderError(
                f"waveform of {waveform.shape[1]} samples",
                where=self.name,
                allowed=f"{self.max_samples} samples ({self.max_samples / (self.sample_rate or 1):g} s) or fewer",
                mend="Use shorter segments (--segment) without a margin.",
            )
        if self.batching == "equal_length" and not bool((mask == mask[:1]).all()):
            raise EncoderError("rows of several lengths in one batch", where=self.name, allowed="rows of one length")
        if bool((mask[:, 1:] & ~mask[:, :-1]).any()):
            raise EncoderError("mask with a gap", where=self.name, allowed="each row True first, then False")
        # where, not a product: whatever stands in the padding, NaN included, is gone.
        waveform = torch.where(mask, waveform, 0.0)
        if not bool(torch.isfinite(waveform).all()):
            raise EncoderError("waveform holds NaN or infinite samples", where=self.name)
        found = self.encode(waveform.float().clamp(-MAX_AMPLITUDE, MAX_AMPLITUDE), mask)
        return {name: LayerOutput(output.values.float(), output.mask) for name, output in found.items()}

    def freeze(self) -> Encoder:
        """Evaluation mode for good, no gradients; `train()` on a frozen encoder has no effect."""
        self._frozen = True
        self.requires_grad_(False)
        self.eval()
        return self

    def train(self, mode: bool = True) -> Encoder:
        super().train(mode and not getattr(self, "_frozen", False))
        return self

    @property
    def checksum(self) -> str:
        """BLAKE2b of name, configuration, parameters, buffers and numerics: equal checksums give equal features."""
        from tymbal.config import digest, to_plain

        if self.source_checksum:
            return digest({"encoder": self.source_checksum, "numerics": self.numerics}, length=32)
        state = hashlib.blake2b(digest_size=16)
        state.update(digest({"name": self.name, "config": to_plain(self.config)}).encode())
        for key, tensor in sorted(self.state_dict().items()):
            state.update(key.encode())
            state.update(str((tuple(tensor.shape), tensor.dtype)).encode())
            state.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return state.hexdigest()
