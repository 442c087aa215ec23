"""What folding saves: attention with learned queries, forward + backward, beside torch's nn.MultiheadAttention.

1,000 clips of 13 layers × 49 frames × 768 values. Both forms hold the same weights and are asked for the same thing:
outputs, and gradients of every parameter; features are frozen, so none reach them. "standard" is
nn.MultiheadAttention(768, heads) whose queries are learned and whose keys and values are the tokens, by torch's
fused scaled-dot-product attention, without weights being returned. "folded" is probes' FoldedAttention.

Run: .venv/bin/python perf/folded_attention.py        (about five minutes; CPU seconds, one thread)
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch reads it

import torch
from torch import Tensor, nn

from machine import cpu_time, probe_line
from tymbal.probes import ProbeConfig
from tymbal.probes.fitting import ProbeModule
from tymbal.probes.heads import HEADS, TrainedHead
from tymbal.probes.heads.query_attention import FoldedAttention

CLIPS, LAYERS, FRAMES, DIM, BATCH = 1000, 13, 49, 768, 50
WIDTH = 256
WHOLE = (
    ("weighted_sum", "query_attention"),
    ("tokens", "query_attention"),
    ("weighted_sum", "attention"),
    ("weighted_sum", "self_attention"),
)
PARTS = 4  # distinct batches in memory, 0.4 GB: far more than any cache holds; each is used CLIPS / BATCH / PARTS times


class Standard(nn.Module):
    """Learned queries into torch's own multi-head attention."""

    def __init__(self, width: int, queries: int, heads: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(queries, width))
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(batch, tokens, width) -> (batch, queries, width)."""
        queries = self.queries.expand(len(tokens), -1, -1)
        out, _ = self.attention(queries, tokens, tokens, key_padding_mask=~mask, need_weights=False)
        return torch.as_tensor(out)


def folded_from(standard: Standard) -> FoldedAttention:
    """The folded form with the weights of the standard one."""
    width, heads = standard.queries.shape[1], standard.attention.num_heads
    folded = FoldedAttention(width, len(standard.queries), heads)
    query, key, value = standard.attention.in_proj_weight.chunk(3)
    query_bias, _, value_bias = standard.attention.in_proj_bias.chunk(3)
    with torch.no_grad():
        projected = standard.queries @ query.T + query_bias
        folded.queries.copy_(projected.view_as(folded.queries))
        folded.keys.copy_(key.view_as(folded.keys))
        folded.values.weight.copy_(value)
        folded.values.bias.copy_(value_bias)
        folded.output.load_state_dict(standard.attention.out_proj.state_dict())
    return folded


def seconds(module: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> float:
    """CPU seconds of forward + backward over CLIPS clips; the best of two passes after one that is not counted."""

    def once() -> None:
        for number in range(CLIPS // BATCH):
            out = module(*batches[number % len(batches)])
            out = out[0] if isinstance(out, tuple) else out
            module.zero_grad(set_to_none=True)
            out.square().mean().backward()

    module(*batches[0])
    return cpu_time(once, repeat=2)


def difference(standard: Standard, folded: FoldedAttention, tokens: Tensor, mask: Tensor) -> str:
    """Largest differences of outputs and of gradients of the value matrix, each over the largest value."""
    outputs, gradients = [], []
    for module, value in ((standard, standard.attention.in_proj_weight), (folded, folded.values.weight)):
        out = module(tokens, mask)
        out = out[0] if isinstance(out, tuple) else out
        module.zero_grad(set_to_none=True)
        out.square().mean().backward()
        outputs.append(out.detach())
        gradients.append(value.grad[2 * DIM :] if len(value) > DIM else value.grad)
    shares = [float((a - b).abs().max() / a.abs().max()) for a, b in (outputs, gradients)]
    return f"outputs differ by {shares[0]:.0e} of the largest, gradients by {shares[1]:.0e}"


def compare(title: str, tokens: int, *, queries: int, heads: int) -> None:
    """One line: both times and their ratio."""
    torch.manual_seed(0)
    batches = [
        (
            torch.randn(BATCH, tokens, DIM),
            torch.arange(tokens)[None] < torch.randint(tokens // 2, tokens + 1, (BATCH, 1)),
        )
        for _ in range(PARTS)
    ]
    standard = Standard(DIM, queries, heads)
    nn.init.normal_(standard.attention.in_proj_bias, std=0.1)
    folded = folded_from(standard)
    slow, fast = seconds(standard, batches), seconds(folded, batches)
    print(
        f"{title}, {queries} quer{'y' if queries == 1 else 'ies'} × {heads} heads: "
        f"standard {slow:6.2f} CPU s, folded {fast:6.2f} CPU s, {slow / fast:5.1f} times; "
        + difference(standard, folded, *batches[0]),
        flush=True,
    )


def probes() -> None:
    """Whole probes as users fit them, fusion included."""
    torch.manual_seed(0)
    batches = [
        (torch.randn(BATCH, FRAMES, LAYERS * DIM), torch.arange(FRAMES)[None] < torch.randint(25, 50, (BATCH, 1)))
        for _ in range(PARTS)
    ]
    print(f"\nwhole probes ({LAYERS} layers, width {WIDTH}, 10 classes)")
    for fusion, name in WHOLE:
        head = HEADS[name]
        assert isinstance(head, TrainedHead)
        module = ProbeModule((DIM,) * LAYERS, 10, head, ProbeConfig(fusion=fusion, dim=WIDTH))
        print(f"{fusion}, {name}: {seconds(module, batches):.2f} CPU s", flush=True)


def main() -> None:
    """Print every comparison."""
    torch.set_num_threads(1)
    print(probe_line(), flush=True)
    print(
        f"{CLIPS} clips, {LAYERS} layers × {FRAMES} frames × {DIM} values, batches of {BATCH}, forward + backward\n",
        flush=True,
    )
    for queries, heads in ((1, 8), (4, 4)):
        compare(f"all {LAYERS * FRAMES} tokens of all layers", LAYERS * FRAMES, queries=queries, heads=heads)
        compare(f"{FRAMES} fused frames", FRAMES, queries=queries, heads=heads)
    probes()


if __name__ == "__main__":
    main()
