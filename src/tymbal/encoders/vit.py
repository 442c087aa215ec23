"""A vision transformer over spectrogram patches: what EAT and Bird-MAE share (Dosovitskiy et al. 2020, 2010.11929)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.audio.frontends.kaldi import KaldiConfig, KaldiFbank
from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.encoders.tokens import (
    AttentionBlock,
    Frequency,
    attention,
    band_shape,
    check_frequency,
    check_heads,
    fold_bands,
    initialise,
    zero_padding,
)
from tymbal.errors import ConfigError
from tymbal.units import FrameGrid


@dataclass(frozen=True)
class VitConfig:
    """Sizes and front end of a spectrogram ViT; each encoder has its own defaults.

    Parameters
    ----------
    fbank_mean, fbank_std : (log energy - mean) / (2 · std).
    clip_frames : filter bank frames (10 ms) of one clip; longer sound is cut into clips, shorter is filled up.
    norm_first : pre-norm blocks (x + f(LN(x))) or post-norm ones (LN(x + f(x))).
    input_norm, output_norm : a norm of the tokens before the first block, after the last.
    frequency : see `fold_bands`.
    cls : give the CLS token as a layer of its own.
    """

    sample_rate_hz: int = 16000
    mel_bands: int = 128
    fbank_mean: float = 0.0
    fbank_std: float = 0.5
    clip_frames: int = 1024
    patch: int = 16
    dim: int = 768
    ffn: int = 3072
    heads: int = 12
    blocks: int = 12
    norm_first: bool = True
    input_norm: bool = False
    output_norm: bool = False
    frequency: Frequency = "mean"
    cls: bool = True


IntOrTensor = TypeVar("IntOrTensor", int, Tensor)


class VitBlock(AttentionBlock):
    """Attention and feed-forward, each with residual and norm, before or after (`norm_first`)."""

    def __init__(self, sizes: VitConfig) -> None:
        super().__init__()
        dim, self.heads, self.norm_first = sizes.dim, sizes.heads, sizes.norm_first
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.fc1, self.fc2 = nn.Linear(dim, sizes.ffn), nn.Linear(sizes.ffn, dim)

    def attend(self, x: Tensor) -> Tensor:
        """Self-attention of (batch, n, dim)."""
        out: Tensor = self.proj(attention(*self.project(x)))
        return out

    def feed(self, x: Tensor) -> Tensor:
        """The feed-forward branch."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """The residual stream (batch, n, dim) after this block."""
        if self.norm_first:
            x = x + self.attend(self.norm1(x))
            return x + self.feed(self.norm2(x))
        x = self.norm1(x + self.attend(x))
        out: Tensor = self.norm2(x + self.feed(x))
        return out


def sincos_positions(rows: int, columns: int, dim: int) -> Tensor:
    """Fixed positions (rows · columns, dim) of a grid read row by row, as in MAE (He et al. 2021, 2111.06377).

    The first half of a vector codes the column, the second the row: sines, then cosines, of 10000^(-2i/(dim/2)).
    """
    omega = 1.0 / 10000.0 ** (np.arange(dim // 4) / (dim / 4))
    place = np.arange(rows * columns)

    def code(index: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        angle = index[:, None] * omega[None]
        return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)

    table = np.concatenate([code(place % columns), code(place // columns)], axis=1)
    return torch.from_numpy(table).float()


class SpectrogramVit(Encoder):
    """Layers: `embedding` (patch tokens before positions), `block0` …, `norm` where there is an output norm, and `cls`.

    The waveform's filter bank is cut into clips of `clip_frames`, the last one filled up as the checkpoint was
    trained; every clip is a picture of its own with the same positions. One clip is therefore what the published code
    computes, longer sound is not cropped, and padding is the same filling, so it never changes real frames. Attention
    sees the filling, as published: the networks were trained so. A last frame counts where at least half of its
    patch is sound.

    `cls` is the CLS token after the last block (and the output norm), one frame per clip (the last where at least
    half of it is sound), apart from the others because it belongs to no time: its grid has the clip's length as hop.
    `cls=False` leaves it out.

    No layer is local: a frame's value depends on where the clips were cut.
    """

    batching: ClassVar[Literal["masked", "equal_length"]] = "masked"
    positions: Tensor
    cls_position: Tensor

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        check_frequency(config.frequency, self.name)
        check_heads(config.dim, config.heads, self.name)
        if config.clip_frames % config.patch or config.mel_bands % config.patch or config.dim % 4:
            raise ConfigError(
                f"{config.clip_frames} frames of {config.mel_bands} bands in patches of {config.patch}, "
                f"width {config.dim}",
                where=self.name,
                allowed="whole patches, a width that 4 divides",
            )
        self.config: VitConfig = config
        self.sample_rate: int = config.sample_rate_hz
        self.front_end = KaldiFbank(
            KaldiConfig(
                sample_rate_hz=config.sample_rate_hz,
                bands=config.mel_bands,
                window_name="hanning",
                scale=1.0,
                offset=config.fbank_mean,
                divisor=2 * config.fbank_std,
            )
        )
        self.bands, self.columns = config.mel_bands // config.patch, config.clip_frames // config.patch
        self.patch_embedding = nn.Conv2d(1, config.dim, config.patch, config.patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.dim))
        self.register_buffer("positions", self.default_positions().unsqueeze(0))
        self.register_buffer("cls_position", torch.zeros(1, 1, config.dim))
        self.input_norm = nn.LayerNorm(config.dim, eps=1e-6) if config.input_norm else None
        self.blocks = nn.ModuleList(VitBlock(config) for _ in range(config.blocks))
        self.output_norm = nn.LayerNorm(config.dim, eps=1e-6) if config.output_norm else None
        initialise(self)
        nn.init.xavier_uniform_(self.patch_embedding.weight.flatten(1))
        nn.init.trunc_normal_(self.cls_token, std=0.02)

    def default_positions(self) -> Tensor:
        """Positions (tokens, dim) of a clip where the checkpoint brings none: time by frequency, time-major."""
        return sincos_positions(self.columns, self.bands, self.config.dim)

    def filling(self, picture: Tensor, real: Tensor) -> Tensor:
        """Normalised value (clips, 1, 1) of filled frames, for pictures (clips, frames, bands) and masks."""
        raise NotImplementedError

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Patch columns in time, and clips for `cls`; see the class for their names."""
        config, framing = self.config, self.front_end.framing
        hop, first = framing.hop_samples, (framing.length_samples - 1) / 2

        def grid(frames: int) -> FrameGrid:
            return FrameGrid.from_samples(
                self.sample_rate, hop=hop * frames, first_center=first + hop * (frames - 1) / 2, receptive=math.inf
            )

        bands, dim = band_shape(config.frequency, self.bands, config.dim)
        names = ["embedding", *(f"block{i}" for i in range(config.blocks)), *(["norm"] if config.output_norm else [])]
        specs = tuple(LayerSpec(name, dim, bands, grid(config.patch)) for name in names)
        return (*specs, LayerSpec("cls", config.dim, 1, grid(config.clip_frames))) if config.cls else specs

    @property
    def min_samples(self) -> int:
        """The samples of half a patch."""
        framing = self.front_end.framing
        return framing.length_samples + (self.config.patch // 2 - 1) * framing.hop_samples

    def frames(self, samples: int) -> dict[str, int]:
        """Per layer, for a waveform of `samples`: runs that are at least half full."""
        frames = self.front_end.frames(samples)
        counts = {spec.name: half_full(frames, self.config.patch) for spec in self.layers}
        if self.config.cls:
            counts["cls"] = half_full(frames, self.config.clip_frames)
        return counts

    def pictures(self, waveform: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Filled clips (batch · clips, frames, bands) and the mask (batch · clips, frames) of real frames."""
        with torch.autocast(waveform.device.type, enabled=False):
            values, real = self.front_end(waveform, mask)
        # A row with sound keeps a frame, even where it is shorter than a window and padded to one.
        real = torch.cat([real[:, :1] | mask.any(1, keepdim=True), real[:, 1:]], dim=1)
        short = -values.shape[1] % self.config.clip_frames
        values = functional.pad(values, (0, 0, 0, short)).reshape(-1, self.config.clip_frames, self.config.mel_bands)
        real = functional.pad(real, (0, short)).reshape(-1, self.config.clip_frames)
        return torch.where(real.unsqueeze(-1), values, self.filling(values, real)), real

    def transform(self, patches: Tensor) -> list[Tensor]:
        """Tokens (clips, 1 + n, dim), CLS first, after every block and the output norm, for patches (clips, n, dim)."""
        cls = (self.cls_token + self.cls_position).expand(patches.shape[0], -1, -1)
        x = torch.cat([cls, patches + self.positions], dim=1)
        if self.input_norm is not None:
            x = self.input_norm(x)
        outputs = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        return outputs if self.output_norm is None else [*outputs, self.output_norm(x)]

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        """All layers; see `Encoder.encode`. Frames that are not real are zero."""
        pictures, real = self.pictures(waveform, mask)
        batch, heard = waveform.shape[0], real.reshape(waveform.shape[0], -1).sum(1)
        patches = self.patch_embedding(pictures.unsqueeze(1)).flatten(2).transpose(1, 2)
        outputs = self.transform(patches)
        layers = [fold_bands(x, self.bands, self.config.frequency) for x in (patches, *(x[:, 1:] for x in outputs))]
        if self.config.cls:
            layers.append(outputs[-1][:, None, :1])
        counts = self.frames(waveform.shape[1])
        result = {}
        for spec, values in zip(self.layers, layers, strict=True):
            size = self.config.clip_frames if spec.name == "cls" else self.config.patch
            frames = values.reshape(batch, -1, spec.bands, spec.dim)[:, : counts[spec.name]]
            wanted = half_full(heard, size)
            frame_mask = torch.arange(frames.shape[1], device=heard.device) < wanted[:, None]
            result[spec.name] = LayerOutput(zero_padding(frames, frame_mask), frame_mask)
        return result


def half_full(frames: IntOrTensor, size: int) -> IntOrTensor:
    """How many of the runs of `size` filter bank frames are at least half full: their middle lies in the sound.

    The first counts wherever there is a frame at all.
    """
    runs = (frames + size // 2) // size
    if isinstance(runs, Tensor):
        return torch.maximum(runs, (frames > 0).long())
    return max(runs, int(frames > 0))
