"""AST: a transformer over overlapping patches of a spectrogram (Gong et al. 2021, 2104.01778)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.audio.frontends.kaldi import KaldiConfig, KaldiFbank
from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.encoders.tokens import (
    Frequency,
    band_shape,
    check_frequency,
    check_heads,
    fold_bands,
    row_lengths,
    zero_padding,
)
from tymbal.encoders.transformers.library import Family, new_network
from tymbal.errors import ConfigError
from tymbal.units import FrameGrid


@dataclass(frozen=True)
class AstConfig:
    """Sizes and front end; the defaults are AST base on AudioSet, strides of 10.

    Parameters
    ----------
    fbank_mean, fbank_std : (log energy - mean) / (2 · std).
    clip_frames : filter bank frames (10 ms) of one clip.
    patch, time_stride, frequency_stride : size and steps of the patches, in frames and bands.
    frequency : what becomes of a frame's patches: their mean, "concat" low to high, or "tokens" kept apart.
    cls : give the CLS and distillation tokens as layers of their own.
    """

    sample_rate_hz: int = 16000
    mel_bands: int = 128
    fbank_mean: float = -4.2677393
    fbank_std: float = 4.5689974
    clip_frames: int = 1024
    patch: int = 16
    time_stride: int = 10
    frequency_stride: int = 10
    dim: int = 768
    ffn: int = 3072
    heads: int = 12
    blocks: int = 12
    qkv_bias: bool = True
    norm_eps: float = 1e-12
    frequency: Frequency = "mean"
    cls: bool = True


class Ast(Encoder):
    """Layers: `embedding` (patch tokens with positions), `block0` … (the residual stream), `norm`, and the tokens of
    no place, `cls` and `distillation`, after the norm. The library's `hidden_states` are the first of these, its
    pooled output the mean of the last two.

    A clip is filled up with zeros before the normalisation, and attention sees the filling, as published; padding is
    the same filling, so it never changes real frames. Longer sound is cut into clips that step by the tokens of one
    (1010 of 1024 frames in the published model), so that the tokens' times stay evenly spaced. A token counts where
    at least half of its patch is sound, a clip's own tokens where half of the clip is (the first always).

    Parameters
    ----------
    config : sizes and front end.
    network : the library's network for them, with weights; None gives one with random weights.
    """

    name: ClassVar[str] = "ast"
    batching: ClassVar[Literal["masked", "equal_length"]] = "masked"
    family = Family(
        "audio-spectrogram-transformer",
        "ASTModel",
        "ASTConfig",
        {
            "mel_bands": "num_mel_bins",
            "clip_frames": "max_length",
            "patch": "patch_size",
            "time_stride": "time_stride",
            "frequency_stride": "frequency_stride",
            "dim": "hidden_size",
            "ffn": "intermediate_size",
            "heads": "num_attention_heads",
            "blocks": "num_hidden_layers",
            "qkv_bias": "qkv_bias",
            "norm_eps": "layer_norm_eps",
        },
        {"hidden_act": "gelu"},
        ("classifier",),
    )

    def __init__(self, config: AstConfig | None = None, network: nn.Module | None = None) -> None:
        super().__init__()
        self.config: AstConfig = config or AstConfig()
        config = self.config
        check_frequency(config.frequency, self.name)
        check_heads(config.dim, config.heads, self.name)
        if config.patch < 2 or min(config.mel_bands, config.clip_frames) < config.patch:
            raise ConfigError(
                f"patches of {config.patch} in clips of {config.clip_frames} frames and {config.mel_bands} bands",
                where=self.name,
                allowed="patches of 2 or more that fit",
            )
        self.sample_rate: int = config.sample_rate_hz
        self.columns = (config.clip_frames - config.patch) // config.time_stride + 1
        self.bands = (config.mel_bands - config.patch) // config.frequency_stride + 1
        self.clip_hop = self.columns * config.time_stride
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
        made: Any = network if network is not None else new_network(self.family, config)
        self.embeddings: nn.Module = made.embeddings
        self.blocks: nn.ModuleList = made.layers
        self.output_norm: nn.Module = made.layernorm

    @classmethod
    def tiny(cls) -> Ast:
        """Two narrow blocks on clips of 0.64 s, for tests."""
        return cls(AstConfig(mel_bands=32, clip_frames=64, dim=32, ffn=48, heads=4, blocks=2))

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Patch columns in time, and clips for the tokens of no place; see the class for their names."""
        config, framing = self.config, self.front_end.framing
        first = (framing.length_samples - 1) / 2

        def grid(size: int, step: int) -> FrameGrid:
            return FrameGrid.from_samples(
                self.sample_rate,
                hop=framing.hop_samples * step,
                first_center=first + framing.hop_samples * (size - 1) / 2,
                receptive=math.inf,
            )

        bands, dim = band_shape(config.frequency, self.bands, config.dim)
        names = ["embedding", *(f"block{i}" for i in range(config.blocks)), "norm"]
        specs = tuple(LayerSpec(name, dim, bands, grid(config.patch, config.time_stride)) for name in names)
        if not config.cls:
            return specs
        clip = grid(config.clip_frames, self.clip_hop)
        return (*specs, LayerSpec("cls", config.dim, 1, clip), LayerSpec("distillation", config.dim, 1, clip))

    @property
    def min_samples(self) -> int:
        """The samples of half a patch."""
        framing = self.front_end.framing
        return framing.length_samples + (self.config.patch // 2 - 1) * framing.hop_samples

    def frames(self, samples: int) -> dict[str, int]:
        tokens, clips = self.counts(self.front_end.frames(samples))
        return {spec.name: clips if spec.name in ("cls", "distillation") else tokens for spec in self.layers}

    def counts(self, frames: int) -> tuple[int, int]:
        """Tokens in time and clips that count, for so many filter bank frames of sound."""
        config, least = self.config, int(frames > 0)
        clips = self.clips(frames)
        tokens = min((frames - config.patch // 2) // config.time_stride + 1, clips * self.columns)
        whole = min((frames - config.clip_frames // 2) // self.clip_hop + 1, clips)
        return max(tokens, least), max(whole, least)

    def clips(self, frames: int) -> int:
        """How many clips so many frames are cut into; a clip's end is seen, though no token stands for it."""
        return 1 + max(0, -((self.config.clip_frames - frames) // self.clip_hop))

    def pictures(self, waveform: Tensor, mask: Tensor) -> tuple[Tensor, list[int]]:
        """Filled clips (batch · clips, frames, bands) and each row's frames of sound."""
        config = self.config
        with torch.autocast(waveform.device.type, enabled=False):
            values, real = self.front_end(waveform, mask)
        # A row with sound keeps a frame, even where it is shorter than a window and padded to one.
        real = torch.cat([real[:, :1] | mask.any(1, keepdim=True), real[:, 1:]], dim=1)
        silence = -self.front_end.config.offset / self.front_end.config.divisor
        values = torch.where(real.unsqueeze(-1), values, silence)
        length = config.clip_frames + (self.clips(values.shape[1]) - 1) * self.clip_hop
        values = functional.pad(values, (0, 0, 0, max(0, length - values.shape[1])), value=silence)[:, :length]
        cut = values.unfold(1, config.clip_frames, self.clip_hop)
        return cut.transpose(2, 3).flatten(0, 1), row_lengths(real)

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        """All layers; see `Encoder.encode`. Frames that are not real are zero."""
        pictures, heard = self.pictures(waveform, mask)
        x = self.embeddings(pictures)
        outputs = [x]
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        outputs.append(self.output_norm(x))
        layers = [fold_bands(self.time_major(x), self.bands, self.config.frequency) for x in outputs]
        if self.config.cls:
            layers += [outputs[-1][:, None, :1], outputs[-1][:, None, 1:2]]
        batch, counts = waveform.shape[0], self.frames(waveform.shape[1])
        wanted = torch.tensor([self.counts(frames) for frames in heard], device=waveform.device)
        result = {}
        for spec, values in zip(self.layers, layers, strict=True):
            frames = values.reshape(batch, -1, spec.bands, spec.dim)[:, : counts[spec.name]]
            number = wanted[:, 1 if spec.name in ("cls", "distillation") else 0]
            real = torch.arange(frames.shape[1], device=waveform.device) < number[:, None]
            result[spec.name] = LayerOutput(zero_padding(frames, real), real)
        return result

    def time_major(self, tokens: Tensor) -> Tensor:
        """Patch tokens (clips, columns · bands, dim) of the library's (clips, 2 + bands · columns, dim)."""
        grid = tokens[:, 2:].reshape(tokens.shape[0], self.bands, self.columns, -1)
        return grid.transpose(1, 2).flatten(1, 2)
