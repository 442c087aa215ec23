"""The in-context network against a transformer of DRASDIC's shape that reads support and query together: x real time.

Run: OMP_NUM_THREADS=1 .venv/bin/python perf/fewshot_network.py [network.safetensors]

Both have random weights (a file may stand in for the small network: the time is the same). The transformer is ours, of
the published shape: 256-band mel pictures at 10 ms, three convolution stages, 20 ms tokens of 768, 1500 of support and
500 of query through 12 layers of 12 heads with SwiGLU, windows of 10 s every 5 s, each again for every example; what is
measured is one window and one prompt, its picture given. The network: a support of five examples in 1536 tokens, made
once, then a minute of query whose median call lasts 0.2 s (24 frames), its picture given, with and without curves of
the training-free finders; the support's own cost beside. CPU seconds, least of several. Results go to
perf/results/fewshot_network.txt by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from machine import cpu_time, probe_line
from tymbal.fewshot.finders.lda import Lda
from tymbal.fewshot.finders.ncc import SHIFTS, Ncc, Template
from tymbal.fewshot.network.config import SIZES
from tymbal.fewshot.network.curves import Curves
from tymbal.fewshot.network.files import load_network
from tymbal.fewshot.network.labels import NEG, POS
from tymbal.fewshot.network.model import Memory, Network, count_parameters

SUPPORT_TOKENS, SHOTS, MEDIAN = 1536, 5, 24
SECONDS = 60.0
FRAMES = round(SECONDS * MEDIAN / 0.2)
WINDOW_S, HOP_S = 10.0, 5.0


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a 1 x 1 one, bands halved after."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        first, second = nn.Conv2d(channels, out, 3, padding=1), nn.Conv2d(out, out, 3, padding=1)
        self.inner = nn.Sequential(first, nn.BatchNorm2d(out), nn.ReLU(), second, nn.BatchNorm2d(out))
        self.aside = nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.max_pool2d(torch.relu(self.inner(x) + self.aside(x)), (1, 2))


class Layer(nn.Module):
    """Self-attention and SwiGLU, norms before."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.wide_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.gate, self.down = nn.Linear(dim, 4 * dim), nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.qkv(self.norm(x)).chunk(3, dim=2)
        query, key, value = (each.unflatten(2, (self.heads, -1)).transpose(1, 2) for each in parts)
        seen = nn.functional.scaled_dot_product_attention(query, key, value)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        wide = self.wide_norm(x)
        return x + self.down(nn.functional.silu(self.gate(wide)) * self.up(wide))


class Concatenating(nn.Module):
    """Labels added to support tokens, support and query in one sequence, a logit for each query token."""

    def __init__(self, dim: int = 768, layers: int = 12, heads: int = 12, bands: int = 256) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 64, 7, padding=3),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d((1, 2)),
            Residual(64, 64),
            Residual(64, 64),
        )
        self.project = nn.Linear(64 * bands // 8, dim)
        self.label, self.place = nn.Embedding(2, dim), nn.Embedding(2000, dim)
        self.layers = nn.Sequential(*(Layer(dim, heads) for _ in range(layers)))
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 512), nn.ReLU(), nn.Linear(512, 1))

    def tokens(self, pictures: Tensor) -> Tensor:
        """(batch, frames, bands) to (batch, frames / 2, dim)."""
        seen = self.stem(pictures[:, None]).transpose(1, 2).flatten(2)
        return self.project(nn.functional.avg_pool1d(seen.transpose(1, 2), 2).transpose(1, 2))

    def forward(self, support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
        own, asked = self.tokens(support) + self.label(labels), self.tokens(query)
        both = torch.cat([own, asked], dim=1)
        both = self.layers(both + self.place.weight[: both.shape[1]])
        return self.head(both[:, own.shape[1] :])[..., 0]


def remembered(network: Network) -> tuple[Memory, float]:
    """A memory of SUPPORT_TOKENS tokens, and the CPU seconds it took."""
    pixels = torch.randn(1, 2 * SUPPORT_TOKENS, network.config.bands)
    labels = torch.full((1, SUPPORT_TOKENS), NEG)
    for at in torch.linspace(0, SUPPORT_TOKENS - MEDIAN, SHOTS).long().tolist():
        labels[:, at : at + MEDIAN // 2] = POS
    places, median = torch.arange(SUPPORT_TOKENS)[None], torch.tensor([float(MEDIAN)])

    def once() -> Memory:
        return network.remember(network.tokens(pixels), labels, places, median)

    return once(), cpu_time(once, 3)


def some_curves(bands: int) -> Curves:
    """Templates and taps of the sizes that five examples of 24 frames give."""
    random = np.random.default_rng(0)
    chosen = np.arange(SHIFTS, SHIFTS + 24)
    pixels = [random.standard_normal((32, 24)).astype(np.float32) for _ in range(SHOTS)]
    lda = Lda(random.standard_normal((7, bands)), np.arange(-12, 13, 4), 0.0, 6, 6, 12)
    return Curves(Ncc(tuple(Template(each, 4, MEDIAN) for each in pixels), chosen, bands), lda, 17)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(probe_line())
    with torch.device("meta"):
        counted = sum(each.numel() for each in Concatenating().parameters())
    query = torch.randn(1, FRAMES, 48)
    curves = some_curves(48)
    curves_s = cpu_time(lambda: curves(query[0].numpy()), 3)
    with torch.no_grad():
        for name in ("small", "base", "large"):
            network = Network(SIZES[name]).eval()
            if name == "small" and len(sys.argv) > 1:
                network = load_network(Path(sys.argv[1]))
            memory, support_s = remembered(network)
            blank = torch.zeros(1, FRAMES, 2)
            own_s = cpu_time(lambda: network.ask(network.tokens(query), blank, memory), 3)  # noqa: B023
            size, both_s = count_parameters(network.config) / 1e6, own_s + curves_s
            print(
                f"{name}: {size:.2f} M parameters, support once {support_s:.2f} s, query {SECONDS / own_s:.0f} x real "
                f"time, with the curves {SECONDS / both_s:.0f} x, whatever the number of examples"
            )
        whole = Concatenating().eval()
        support, labels, window = (
            torch.randn(1, 3000, 256),
            torch.zeros(1, 1500, dtype=torch.long),
            torch.randn(1, 1000, 256),
        )
        window_s = cpu_time(lambda: whole(support, labels, window), 2)
    print(
        f"concatenating: {counted / 1e6:.1f} M parameters, {window_s:.1f} s a window of {WINDOW_S:g} s every "
        f"{HOP_S:g} s: {HOP_S / window_s:.2f} x real time for one example, {HOP_S / window_s / SHOTS:.2f} x for {SHOTS}"
    )


if __name__ == "__main__":
    main()
