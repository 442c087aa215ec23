"""The in-context network: the support becomes keys and values once, every frame of the query looks them up.

After in-context detection by concatenation (Hoffman et al. 2025, arXiv 2503.00296), with the support taken out of the
sequence: its cost is paid once, not for each window, and any number and length of examples goes through in one pass.
What it is shown besides tokens are similarities to examples and other sound, as matching networks weigh labels
(Vinyals et al. 2016, equation 1), and the curves of the training-free finders, whose answer it gives before training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tymbal.fewshot.network.attention import CrossLayer, SupportLayer
from tymbal.fewshot.network.config import STRIDE, NetworkConfig
from tymbal.fewshot.network.curves import CURVES
from tymbal.fewshot.network.labels import KNOWN, NEG, POS, UNK

TEMPERATURES = (0.05, 0.2)
SIMILARITIES = 3 + len(TEMPERATURES)
START = 0.75  # weight of each curve before training
CHUNK = 512  # query tokens compared at once where nothing is learned: memory does not grow with the query
TYPICAL = 24.0  # frames of a median example


@dataclass(frozen=True)
class Memory:
    """A support, ready to be asked: keys and values of each layer, and what similarities are taken to.

    labels (batch, s) of tokens; compared (batch, s, similarity) of unit length; prototype (batch, similarity);
    lengths (batch,): of a median example, log2 of it over TYPICAL.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    labels: Tensor
    compared: Tensor
    prototype: Tensor
    lengths: Tensor


@dataclass(frozen=True)
class Answer:
    """logits (batch, frames); distances (batch, tokens, 2) to onset and offset in median examples; attended
    (batch, tokens): share of the attention that fell on examples."""

    logits: Tensor
    distances: Tensor
    attended: Tensor


class Separable(nn.Module):
    """A depthwise and a pointwise convolution over time and bands, every second band."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.depth = nn.Conv2d(channels, channels, 3, stride=(1, 2), padding=1, groups=channels)
        self.point = nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.gelu(self.point(self.depth(x)))


class GatedConvolution(nn.Module):
    """x + GLU of a dilated depthwise convolution over time (Dauphin et al. 2017, equation 1)."""

    def __init__(self, dim: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        width = dilation * (kernel // 2)
        self.depth = nn.Conv1d(dim, dim, kernel, padding=width, dilation=dilation, groups=dim)
        self.gate = nn.Linear(dim, 2 * dim)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.depth(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return x + nn.functional.glu(self.gate(seen), dim=2)


class Network(nn.Module):
    """See the module. All of it is local in the query, so a query cut into blocks with `config.reach` frames of context
    gets the same answer as whole."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        config.check()
        self.config = config
        dim, (first, second, third) = config.dim, config.stem
        self.conv = nn.Conv2d(1, first, 3, stride=(STRIDE, 2), padding=1)
        self.stem = nn.Sequential(Separable(first, second), Separable(second, third))
        bands = math.ceil(math.ceil(math.ceil(config.bands / 2) / 2) / 2)
        self.project = nn.Linear(third * bands, dim)
        self.temporal = nn.Sequential(*(GatedConvolution(dim, config.kernel, 2**n) for n in range(config.temporal)))
        self.norm = nn.LayerNorm(dim)
        self.label = nn.Embedding(KNOWN, dim)
        shape = (dim, config.heads, config.widening)
        self.support_layers = nn.ModuleList(SupportLayer(*shape) for _ in range(config.support_layers))
        self.compare = nn.Linear(dim, config.similarity, bias=False)
        self.shown = nn.Linear(SIMILARITIES + len(CURVES) + 1, dim)
        self.cross_layers = nn.ModuleList(CrossLayer(*shape) for _ in range(config.cross_layers))
        self.last = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, STRIDE + 2)
        self.curves = nn.Linear(len(CURVES), 1)
        self.similar = nn.Linear(SIMILARITIES, 1, bias=False)
        with torch.no_grad():
            self.head.weight[:STRIDE].zero_()
            self.head.bias[:STRIDE].zero_()
            self.curves.weight.fill_(START)
            self.curves.bias.zero_()
            self.similar.weight.zero_()

    def tokens(self, pixels: Tensor) -> Tensor:
        """(batch, frames, bands) to (batch, ceil(frames / STRIDE), dim): what a stretch sounds like, label or none."""
        seen = self.stem(nn.functional.gelu(self.conv(0.25 * pixels[:, None])))  # (batch, channels, tokens, bands)
        tokens: Tensor = self.norm(self.temporal(self.project(seen.transpose(1, 2).flatten(2))))
        return tokens

    def remember(self, tokens: Tensor, labels: Tensor, positions: Tensor, median: Tensor) -> Memory:
        """The memory of a support of which one token at least is POS.

        tokens (batch, s, dim), labels (batch, s) and positions (batch, s) in tokens; median (batch,) in frames.
        """
        masked = labels == UNK
        told = tokens + self.label(labels.clamp(max=KNOWN - 1))
        for layer in self.support_layers:
            told = layer(told, masked, positions)
        compared = nn.functional.normalize(self.compare(tokens), dim=2)
        own = (labels == POS).to(compared.dtype)
        prototype = nn.functional.normalize(torch.einsum("bs,bsd->bd", own, compared), dim=1)
        layers = tuple(layer.remember(told) for layer in self.cross_layers)  # type: ignore[operator]
        return Memory(layers, labels, compared, prototype, torch.log2(median / TYPICAL))

    def ask(self, tokens: Tensor, curves: Tensor, memory: Memory) -> Answer:
        """What the memory makes of query tokens (batch, q, dim) and curves (batch, frames, CURVES)."""
        frames = curves.shape[1]
        similarities = self.similarities(tokens, memory)
        padded = nn.functional.pad(curves, (0, 0, 0, tokens.shape[1] * STRIDE - frames))
        pooled = padded.reshape(len(padded), -1, STRIDE, padded.shape[2]).mean(dim=2)
        length = memory.lengths[:, None, None].expand(-1, tokens.shape[1], 1)
        x = tokens + self.shown(torch.cat([similarities, pooled, length], dim=2))
        masked, own = memory.labels == UNK, (memory.labels == POS).to(x.dtype)
        for layer, kept in zip(self.cross_layers, memory.layers, strict=True):
            x, attended = layer(x, kept, masked, own)
        found = self.head(self.last(x))
        logits = (found[..., :STRIDE] + self.similar(similarities)).flatten(1)[:, :frames]
        logits = logits + self.curves(curves)[..., 0]
        return Answer(logits, nn.functional.softplus(found[..., STRIDE:]), attended)

    def similarities(self, tokens: Tensor, memory: Memory) -> Tensor:
        """(batch, q, SIMILARITIES): greatest cosine to an example's token and to other sound's, labels weighted by
        cosine at each of TEMPERATURES, cosine to the examples' mean."""
        query = nn.functional.normalize(self.compare(tokens), dim=2)
        size = query.shape[1] if torch.is_grad_enabled() else CHUNK
        found = []
        own, other = (memory.labels == POS)[:, None, :], (memory.labels == NEG)[:, None, :]
        for part in torch.split(query, size, dim=1):
            cosine = part @ memory.compared.transpose(1, 2)  # (batch, q, s)
            nearest = [cosine.masked_fill(~known, -1.0).amax(dim=2) for known in (own, other)]
            known = cosine.masked_fill(~(own | other), float("-inf"))
            voted = [((known / t).softmax(dim=2) * own).sum(dim=2) for t in TEMPERATURES]
            found.append(torch.stack([*nearest, *voted, (part @ memory.prototype[:, :, None])[..., 0]], dim=2))
        return torch.cat(found, dim=1)

    def forward(self, support: Tensor, labels: Tensor, median: Tensor, query: Tensor, curves: Tensor) -> Answer:
        """Support (batch, s, bands), labels (batch, s) per frame, median (batch,), query (batch, frames, bands)."""
        told = token_labels(labels)
        positions = torch.arange(told.shape[1], device=told.device).expand_as(told)
        memory = self.remember(self.tokens(support), told, positions, median)
        return self.ask(self.tokens(query), curves, memory)


def token_labels(labels: Tensor) -> Tensor:
    """Labels (batch, frames) of tokens (batch, ceil(frames / STRIDE)): POS if any frame is, else UNK if any is."""
    odd = -labels.shape[1] % STRIDE
    grouped = nn.functional.pad(labels, (0, odd), value=UNK).reshape(len(labels), -1, STRIDE)
    told = torch.where((grouped == UNK).any(dim=2), UNK, grouped[..., 0])
    return torch.where((grouped == POS).any(dim=2), POS, told)


def count_parameters(config: NetworkConfig) -> int:
    """Parameters of a network of this shape; nothing is allocated."""
    with torch.device("meta"):
        return sum(each.numel() for each in Network(config).parameters())
