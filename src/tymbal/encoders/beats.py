"""BEATs: audio pre-training with acoustic tokenizers (Chen et al. 2022, 2212.09058).

Kaldi filter bank, 16 × 16 patches, and post-norm transformer blocks with DeepNorm residuals (Wang et al. 2022,
2203.00555) and a gated relative position bias that all blocks share (WavLM, Chen et al. 2021, 2110.13900, eq. 3–5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.audio.frontends.kaldi import KaldiConfig, KaldiFbank
from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.encoders.tokens import (
    AttentionBlock,
    Frequency,
    PositionalConv,
    attendable,
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
class BeatsConfig:
    """Sizes, front end and layout of the output; the defaults are the published base model.

    Parameters
    ----------
    sample_rate_hz : delivery rate, of the waveforms the encoder is given.
    front_end_rate_hz : the rate the filter bank is configured for. It differs from the delivery rate in encoders
        trained on 32 kHz sound through the 16 kHz filter bank: 400-sample windows then last 12.5 ms, not 25, and
        bands lie an octave higher than their names.
    fbank_mean, fbank_std : (log energy - mean) / (2 · std); 15.41663 and 6.55582 as published, others in ESPnet's.
    clamp : limit the waveform to ±1 first (NatureLM).
    patch, patch_dim : side of a patch in filter bank frames and bands; its width before the projection.
    deep_norm : residuals are scaled by (2 · blocks)^¼.
    frequency : see `fold_bands`; published heads use the mean, BirdCODE's the concatenation.
    """

    sample_rate_hz: int = 16000
    front_end_rate_hz: int = 16000
    mel_bands: int = 128
    fbank_mean: float = 15.41663
    fbank_std: float = 6.55582
    clamp: bool = False
    patch: int = 16
    patch_dim: int = 512
    dim: int = 768
    ffn: int = 3072
    heads: int = 12
    blocks: int = 12
    conv_kernel: int = 128
    conv_groups: int = 16
    buckets: int = 320
    max_distance: int = 800
    deep_norm: bool = True
    frequency: Frequency = "mean"


def relative_buckets(tokens: int, buckets: int, max_distance: int) -> Tensor:
    """T5's bidirectional bucket of every distance -(tokens-1) … tokens-1, int64 (2 · tokens - 1,).

    Half the buckets are for keys after the query. Of each half, the first half holds one distance each, the rest grow
    logarithmically up to `max_distance` (Raffel et al. 2019, 1910.10683, section 2.1).
    """
    distance = torch.arange(-(tokens - 1), tokens)
    half = buckets // 2
    exact = half // 2
    size = distance.abs()
    far = torch.log(size.clamp_min(1).float() / exact) / math.log(max_distance / exact) * (half - exact)
    within = torch.where(size < exact, size, (exact + far.long()).clamp_max(half - 1))
    return within + half * (distance > 0).long()


class GateLinear(nn.Linear):
    """Two gate logits (…, 2) of queries (…, d): eight outputs, summed by fours as published, before the product."""

    def forward(self, query: Tensor) -> Tensor:
        weight = self.weight.reshape(2, 4, -1).sum(1).to(query.dtype)
        return functional.linear(query, weight, self.bias.reshape(2, 4).sum(1).to(query.dtype))


class BeatsBlock(AttentionBlock):
    """x = LN(αx + attention(x)); x = LN(αx + fc2(GELU(fc1(x))))."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        dim, self.heads = config.dim, config.heads
        self.alpha = (2 * config.blocks) ** 0.25 if config.deep_norm else 1.0
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(dim, dim) for _ in range(4))
        self.gate_linear = GateLinear(dim // config.heads, 8)
        self.gate_scale = nn.Parameter(torch.ones(1, config.heads, 1, 1))
        self.attention_norm = nn.LayerNorm(dim)
        self.fc1, self.fc2 = nn.Linear(dim, config.ffn), nn.Linear(config.ffn, dim)
        self.output_norm = nn.LayerNorm(dim)

    def gate(self, query: Tensor) -> Tensor:
        """Gate (batch, heads, n, 1) of the position bias, from the projected, unscaled queries (…, n, d)."""
        a, b = torch.sigmoid(self.gate_linear(query)).chunk(2, dim=-1)
        gate: Tensor = a * (b * self.gate_scale.to(b.dtype) - 1.0) + 2.0
        return gate

    def attend(self, x: Tensor, position_bias: Tensor, seen: Tensor | None) -> Tensor:
        """Self-attention of (batch, n, dim) with the bias (heads, n, n) and, where given, the keys it may see."""
        query, key, value = self.project(x)
        out: Tensor = self.out_proj(attention(query, key, value, bias=position_bias, gate=self.gate(query), seen=seen))
        return out

    def forward(self, x: Tensor, position_bias: Tensor, seen: Tensor | None) -> Tensor:
        x = self.attention_norm(torch.add(self.attend(x, position_bias, seen), x, alpha=self.alpha))
        y: Tensor = self.output_norm(torch.add(self.fc2(functional.gelu(self.fc1(x))), x, alpha=self.alpha))
        return y


class Beats(Encoder):
    """Layers: `embedding` (projected patch tokens before the positional convolution) and `block0` … `block11`.

    A frame is one column of patches: 160 ms of hop, 175 ms of sound in `embedding`, the whole waveform in the blocks.
    Left-over filter bank frames that do not fill a patch are dropped, as published.

    Padding never changes real frames: a row's tokens are those its sound alone would give, padded tokens are zeroed
    before the positional convolution (which pads with zeros anyway) and are no keys of attention. The published code
    instead shares out the sample mask evenly over the tokens, which calls patches real that are half padding and
    splits a column between bands; `published_tokens` does the same, for comparison. A row shorter than one patch
    keeps its first frame.
    """

    name: ClassVar[str] = "beats"
    batching: ClassVar[Literal["masked", "equal_length"]] = "masked"

    def __init__(self, config: BeatsConfig | None = None) -> None:
        super().__init__()
        self.config: BeatsConfig = config or BeatsConfig()
        config = self.config
        check_frequency(config.frequency, self.name)
        check_heads(config.dim, config.heads, self.name)
        if config.mel_bands % config.patch:
            raise ConfigError(
                f"{config.mel_bands} mel bands in patches of {config.patch}", where=self.name, allowed="whole patches"
            )
        self.sample_rate: int = config.sample_rate_hz
        self.front_end = KaldiFbank(
            KaldiConfig(
                sample_rate_hz=config.front_end_rate_hz,
                bands=config.mel_bands,
                offset=config.fbank_mean,
                divisor=2 * config.fbank_std,
            )
        )
        self.patch_embedding = nn.Conv2d(1, config.patch_dim, config.patch, config.patch, bias=False)
        self.patch_norm = nn.LayerNorm(config.patch_dim)
        # As published: a patch width that equals the model's needs no projection.
        self.projection = nn.Linear(config.patch_dim, config.dim) if config.patch_dim != config.dim else nn.Identity()
        self.position = PositionalConv(config.dim, config.conv_kernel, config.conv_groups)
        self.input_norm = nn.LayerNorm(config.dim)
        self.relative_bias = nn.Embedding(config.buckets, config.heads)
        self.blocks = nn.ModuleList(BeatsBlock(config) for _ in range(config.blocks))
        self._initialise()

    def _initialise(self) -> None:
        """BERT's start, DeepNorm's gain β = (8 · blocks)^-¼ where its residuals are used (2203.00555, figure 2)."""
        initialise(self)
        nn.init.xavier_uniform_(self.patch_embedding.weight.flatten(1))
        if not self.config.deep_norm:
            return
        beta = (8 * self.config.blocks) ** -0.25
        for block in self.blocks:
            for part, gain in (("q_proj", 1.0), ("k_proj", 1.0), ("v_proj", beta), ("out_proj", beta)):
                nn.init.xavier_normal_(getattr(block, part).weight, gain=gain)
            for part in ("fc1", "fc2"):
                nn.init.xavier_normal_(getattr(block, part).weight, gain=beta)

    @classmethod
    def tiny(cls) -> Beats:
        """Two narrow blocks, for tests."""
        return cls(BeatsConfig(mel_bands=32, patch_dim=16, dim=32, ffn=48, heads=4, blocks=2, conv_kernel=16))

    @property
    def bands(self) -> int:
        """Frequency patches in a frame."""
        return self.config.mel_bands // self.config.patch

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Patch columns in time; see the class for their names."""
        framing = self.front_end.framing
        fbank = FrameGrid.from_samples(
            self.sample_rate,
            hop=framing.hop_samples,
            first_center=(framing.length_samples - 1) / 2,
            receptive=framing.length_samples,
        )
        patches = fbank.pooled(self.config.patch)
        everywhere = FrameGrid(patches.hop_s, patches.first_center_s, math.inf)
        bands, dim = band_shape(self.config.frequency, self.bands, self.config.dim)
        blocks = (LayerSpec(f"block{i}", dim, bands, everywhere) for i in range(self.config.blocks))
        return (LayerSpec("embedding", dim, bands, patches, local=True), *blocks)

    @property
    def min_samples(self) -> int:
        """The samples of one patch."""
        framing = self.front_end.framing
        return framing.length_samples + (self.config.patch - 1) * framing.hop_samples

    def frames(self, samples: int) -> dict[str, int]:
        count = self.front_end.frames(samples) // self.config.patch
        return {spec.name: count for spec in self.layers}

    def patches(self, waveform: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Projected tokens (batch, frames · bands, dim) of (batch, samples), and the filter bank frames' mask."""
        if self.config.clamp:
            waveform = waveform.clamp(-1.0, 1.0)
        # In half precision a log energy near 15 would lose its last two digits: the front end stays in float32.
        with torch.autocast(waveform.device.type, enabled=False):
            picture = self.front_end(waveform, mask)
        tokens = self.patch_embedding(picture.values.unsqueeze(1)).flatten(2).transpose(1, 2)
        return self.projection(self.patch_norm(tokens)), picture.mask

    def position_bias(self, tokens: int) -> Tensor:
        """The shared bias (heads, tokens, tokens), [h, i, j] for query i and key j; tokens are counted flat."""
        buckets = relative_buckets(tokens, self.config.buckets, self.config.max_distance)
        by_distance = self.relative_bias.weight.T[:, buckets.to(self.relative_bias.weight.device)].contiguous()
        # Row i holds the distances -i … tokens - 1 - i: the windows over all distances, last one first.
        return by_distance.unfold(1, tokens, 1).flip(1)

    def transform(self, tokens: Tensor, mask: Tensor) -> list[Tensor]:
        """The output of every block, (batch, n, dim) each, for tokens (batch, n, dim) and their mask (batch, n)."""
        x = zero_padding(tokens, mask)
        x = self.input_norm(x + self.position(x))
        bias, seen = self.position_bias(x.shape[1]), attendable(mask)
        product_dtype = getattr(next(iter(self.blocks), None), "product_dtype", None)
        bias = bias.to(product_dtype or bias.dtype)  # once, not in every block
        outputs = []
        for block in self.blocks:
            x = block(x, bias, seen)
            outputs.append(x)
        return outputs

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        """All layers; see `Encoder.encode`. Frames that are not real are zero."""
        tokens, fbank_mask = self.patches(waveform, mask)
        frames = tokens.shape[1] // self.bands
        # Not fewer than one frame for a row with sound: it may be shorter than a patch and padded to one.
        real = torch.maximum(fbank_mask.sum(1) // self.config.patch, mask.any(1).long())
        frame_mask = torch.arange(frames, device=real.device) < real[:, None]
        outputs = [tokens, *self.transform(tokens, frame_mask.repeat_interleave(self.bands, dim=1))]
        return {
            spec.name: LayerOutput(
                zero_padding(fold_bands(values, self.bands, self.config.frequency), frame_mask), frame_mask
            )
            for spec, values in zip(self.layers, outputs, strict=True)
        }

    def published_tokens(self, waveform: Tensor, mask: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Tokens (batch, n, dim) of every layer as the published code computes a padded batch, and its token mask.

        That code calls a filter bank frame padding where its even share of the samples is, and a token where its even
        share of the frames is. Real frames then depend on the padding: for comparison only.
        """
        tokens, fbank_mask = self.patches(waveform, mask)
        token_mask = share_out(share_out(mask, fbank_mask.shape[1]), tokens.shape[1])
        outputs = self.transform(tokens, token_mask)
        names = [spec.name for spec in self.layers]
        return dict(zip(names, [tokens, *outputs], strict=True)), token_mask


def share_out(mask: Tensor, parts: int) -> Tensor:
    """A mask (batch, n) over `parts` equal runs, the remainder dropped: True where any of a run is."""
    run = mask.shape[1] // parts
    return mask[:, : run * parts].reshape(-1, parts, run).any(-1)
