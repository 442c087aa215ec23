"""wav2vec 2.0, WavLM and Data2Vec-Audio: strided convolutions over the waveform, then a transformer."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.encoders.convolutions import conv_counts, conv_window
from tymbal.encoders.hubert import group_norm, standardised
from tymbal.encoders.tokens import PositionalConv, all_real, attendable, check_heads, row_lengths, zero_padding
from tymbal.encoders.transformers.library import Family, new_network
from tymbal.errors import ConfigError
from tymbal.units import FrameGrid

_HEADS = (
    "quantizer",
    "project_q",
    "project_hid",
    "lm_head",
    "projector",
    "classifier",
    "masked_spec_embed",
    "tdnn",
    "feature_extractor.mask",
    "objective",
    "layer_weights",
)


@dataclass(frozen=True)
class SpeechConfig:
    """Sizes and variants that the families share; the defaults are the base models.

    Parameters
    ----------
    conv_dims, conv_kernels, conv_strides : of the convolutions over the waveform, one number each.
    conv_norm : "group" normalises each channel of the first convolution over the clip; "layer" normalises every
        convolution's channels frame by frame.
    position_kernel, position_groups : of the convolution that tells positions, in frames.
    norm_first : pre-norm blocks with one more norm after the last.
    normalize : give the waveform zero mean and unit variance over the clip first (`do_normalize` of the
        preprocessor's file).
    """

    sample_rate_hz: int = 16000
    normalize: bool = True
    conv_dims: tuple[int, ...] = (512,) * 7
    conv_kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_norm: Literal["group", "layer"] = "group"
    conv_bias: bool = False
    dim: int = 768
    ffn: int = 3072
    heads: int = 12
    blocks: int = 12
    position_kernel: int = 128
    position_groups: int = 16
    norm_first: bool = False
    norm_eps: float = 1e-5


@dataclass(frozen=True)
class WavLMConfig(SpeechConfig):
    """WavLM base: `buckets` and `max_distance` of the relative position bias; the base waveform is not normalised."""

    normalize: bool = False
    buckets: int = 320
    max_distance: int = 800


@dataclass(frozen=True)
class Data2VecConfig(SpeechConfig):
    """Data2Vec-Audio base: every convolution is normalised frame by frame; `position_layers` convolutions tell
    positions, one after another."""

    conv_norm: Literal["layer"] = "layer"
    position_kernel: int = 19
    position_layers: int = 5
    norm_first: Literal[False] = False


_SETTINGS = {
    "conv_dims": "conv_dim",
    "conv_kernels": "conv_kernel",
    "conv_strides": "conv_stride",
    "conv_bias": "conv_bias",
    "dim": "hidden_size",
    "ffn": "intermediate_size",
    "heads": "num_attention_heads",
    "blocks": "num_hidden_layers",
    "position_groups": "num_conv_pos_embedding_groups",
    "norm_eps": "layer_norm_eps",
}
_ORDERED = {**_SETTINGS, "conv_norm": "feat_extract_norm", "norm_first": "do_stable_layer_norm"}
_ORDERED["position_kernel"] = "num_conv_pos_embeddings"
_REQUIRED = {"hidden_act": "gelu", "feat_extract_activation": "gelu", "add_adapter": False}


class SpeechEncoder(Encoder):
    """Layers: `embedding` (what enters the first block, positions included), `block0` … (the residual stream), and
    with `norm_first` also `norm`. They are the library's `hidden_states`, in their order.

    The library lets zero padding change the features of real sound: through the group norm over time and the
    positional convolution. Here statistics are over a row's own frames, and padded frames are zeroed before every
    convolution that tells positions and are no keys of attention, so that real frames are those of the sound alone.
    A row shorter than one window keeps its first frame. No layer is local.

    Parameters
    ----------
    config : sizes and variants.
    network : the library's network for them, with weights; None gives one with random weights.
    """

    family: ClassVar[Family]
    batching: ClassVar[Literal["masked", "equal_length"]] = "masked"

    def __init__(self, config: SpeechConfig, network: nn.Module | None = None) -> None:
        super().__init__()
        self.config: SpeechConfig = config
        check_heads(config.dim, config.heads, self.name)
        sizes = {len(config.conv_dims), len(config.conv_kernels), len(config.conv_strides)}
        if len(sizes) > 1 or not config.conv_dims:
            raise ConfigError(
                f"{len(config.conv_dims)} conv_dims, {len(config.conv_kernels)} conv_kernels and "
                f"{len(config.conv_strides)} conv_strides",
                where=self.name,
                allowed="one of each per convolution",
            )
        self.sample_rate: int = config.sample_rate_hz
        self._stack = tuple(zip(config.conv_kernels, config.conv_strides, strict=True))
        made: Any = network if network is not None else new_network(self.family, config)
        self.convolutions: nn.ModuleList = made.feature_extractor.conv_layers
        self.projection: nn.Module = made.feature_projection
        self.position: nn.Module = self.position_of(made.encoder.pos_conv_embed)
        self.encoder_norm: nn.Module = made.encoder.layer_norm
        self.blocks: nn.ModuleList = made.encoder.layers

    def position_of(self, theirs: Any) -> nn.Module:
        """The convolution that tells positions, for the library's; one of ours, which travels between processes."""
        config = self.config
        ours = PositionalConv(config.dim, config.position_kernel, config.position_groups)
        weight = theirs.conv.parametrizations.weight
        state = {"weight_g": weight.original0, "weight_v": weight.original1, "bias": theirs.conv.bias}
        ours.load_state_dict(state, assign=True)
        return ours

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """On the grid of the convolutions; see the class for their names."""
        window, hop = conv_window(self._stack)
        grid = FrameGrid.from_samples(self.sample_rate, hop=hop, first_center=(window - 1) / 2, receptive=math.inf)
        names = ["embedding", *(f"block{i}" for i in range(self.config.blocks))]
        names += ["norm"] if self.config.norm_first else []
        return tuple(LayerSpec(name, self.config.dim, 1, grid) for name in names)

    @property
    def min_samples(self) -> int:
        """The samples that one frame sees."""
        return conv_window(self._stack)[0]

    def frames(self, samples: int) -> dict[str, int]:
        count = conv_counts(samples, self._stack)[-1]
        return {spec.name: count for spec in self.layers}

    def features(self, waveform: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Projected features (batch, frames, dim), zero where padded, and their mask."""
        if self.config.normalize:
            waveform = standardised(waveform, mask)
        rows = [conv_counts(max(n, self.min_samples) if n else 0, self._stack) for n in row_lengths(mask)]
        full = conv_counts(waveform.shape[1], self._stack)
        x = waveform.unsqueeze(1)
        for index, layer in enumerate(self.convolutions):
            real = [counts[index] for counts in rows]
            padded = any(count != full[index] for count in real)
            if padded and isinstance(norm := getattr(layer, "layer_norm", None), nn.GroupNorm):
                x = functional.gelu(group_norm(layer.get_submodule("conv")(x), norm, real))
            else:
                x = layer(x)
        x = self.projection(x.transpose(1, 2))
        x = x[0] if isinstance(x, tuple) else x
        counts = torch.tensor([row[-1] for row in rows], device=x.device)
        frames = torch.arange(x.shape[1], device=x.device) < counts[:, None]
        return zero_padding(x, frames), frames

    def place(self, x: Tensor, real: Tensor) -> Tensor:
        """Features with their positions added, for (batch, frames, dim) that is zero where padded."""
        out: Tensor = x + self.position(x)
        return out

    def transform(self, x: Tensor, real: Tensor) -> list[Tensor]:
        """The residual stream after every block."""
        seen, outputs = attendable(real), []
        for block in self.blocks:
            x = block(x, attention_mask=seen)
            outputs.append(x)
        return outputs

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        """All layers; see `Encoder.encode`. Frames that are not real are zero."""
        x, real = self.features(waveform, mask)
        x = self.place(x, real)
        if not self.config.norm_first:
            x = self.encoder_norm(x)
        outputs = [x, *self.transform(x, real)]
        if self.config.norm_first:
            outputs.append(self.encoder_norm(outputs[-1]))
        return {
            spec.name: LayerOutput(zero_padding(values, real).unsqueeze(2), real)
            for spec, values in zip(self.layers, outputs, strict=True)
        }


SMALL: dict[str, Any] = {"conv_dims": (16,) * 7, "dim": 32, "ffn": 48, "heads": 4, "blocks": 2}


class Wav2Vec2(SpeechEncoder):
    """wav2vec 2.0 (Baevski et al. 2020, 2006.11477); see `SpeechEncoder`."""

    name: ClassVar[str] = "wav2vec2"
    family = Family(
        "wav2vec2", "Wav2Vec2Model", "Wav2Vec2Config", _ORDERED, {**_REQUIRED, "adapter_attn_dim": None}, _HEADS
    )

    def __init__(self, config: SpeechConfig | None = None, network: nn.Module | None = None) -> None:
        super().__init__(config or SpeechConfig(), network)

    @classmethod
    def tiny(cls) -> Wav2Vec2:
        """Two narrow blocks, for tests."""
        return cls(SpeechConfig(**SMALL, position_kernel=16))


class WavLM(SpeechEncoder):
    """WavLM (Chen et al. 2021, 2110.13900): a relative position bias, gated by each frame; see `SpeechEncoder`."""

    name: ClassVar[str] = "wavlm"
    lowers: ClassVar[bool] = False  # its attention hands the weights of the projections to torch by themselves
    family = Family(
        "wavlm",
        "WavLMModel",
        "WavLMConfig",
        {**_ORDERED, "buckets": "num_buckets", "max_distance": "max_bucket_distance"},
        _REQUIRED,
        _HEADS,
        attention="eager",
    )

    def __init__(self, config: WavLMConfig | None = None, network: nn.Module | None = None) -> None:
        super().__init__(config or WavLMConfig(), network)

    @classmethod
    def tiny(cls) -> WavLM:
        """Two narrow blocks, for tests."""
        return cls(WavLMConfig(**SMALL, position_kernel=16, buckets=32, max_distance=40))

    def transform(self, x: Tensor, real: Tensor) -> list[Tensor]:
        """The residual stream after every block; the first one makes the bias that all share."""
        # The library's attention takes the keys to see as a mask of frames; a row without any sees all.
        seen = None if all_real(real) else real | ~real.any(1, keepdim=True)
        bias, outputs = None, []
        with warnings.catch_warnings():
            # The library gives torch a bool mask beside a float bias, which torch converts and remarks on.
            warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")
            for block in self.blocks:
                x, bias = block(x, attention_mask=seen, position_bias=bias)[:2]
                outputs.append(x)
        return outputs


class Data2Vec(SpeechEncoder):
    """Data2Vec-Audio (Baevski et al. 2022, 2202.03555); see `SpeechEncoder`."""

    name: ClassVar[str] = "data2vec"
    config: Data2VecConfig
    family = Family(
        "data2vec-audio",
        "Data2VecAudioModel",
        "Data2VecAudioConfig",
        {**_SETTINGS, "position_kernel": "conv_pos_kernel_size", "position_layers": "num_conv_pos_embeddings"},
        _REQUIRED,
        _HEADS,
    )

    def __init__(self, config: Data2VecConfig | None = None, network: nn.Module | None = None) -> None:
        super().__init__(config or Data2VecConfig(), network)

    @classmethod
    def tiny(cls) -> Data2Vec:
        """Two narrow blocks and two convolutions for positions, for tests."""
        return cls(Data2VecConfig(**SMALL, position_kernel=5, position_layers=2))

    def position_of(self, theirs: Any) -> nn.Module:
        """The library's own convolutions."""
        layers: nn.Module = theirs.layers
        return layers

    def place(self, x: Tensor, real: Tensor) -> Tensor:
        """Features with their positions added; padding is zeroed before every convolution."""
        y = x.transpose(1, 2)
        for layer in self.position.children():
            y = layer(zero_padding(y.transpose(1, 2), real).transpose(1, 2))
        return x + y.transpose(1, 2)
