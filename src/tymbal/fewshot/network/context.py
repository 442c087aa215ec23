"""A network that has seen the examples of one prompt: its memory, and its answers to pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tymbal.fewshot.finders import lda, ncc
from tymbal.fewshot.finders.contract import Pixels
from tymbal.fewshot.network.config import STRIDE, NetworkConfig
from tymbal.fewshot.network.curves import Curves
from tymbal.fewshot.network.files import built
from tymbal.fewshot.network.labels import NEG, POS, UNLABELLED, frame_labels
from tymbal.fewshot.network.model import Memory, Network, token_labels
from tymbal.fewshot.support import Support

MOST_TOKENS = 768  # of a memory: all of the examples up to half of it, the rest from around them
SEEN: list[tuple[Network, Support, tuple[Tensor, ...]]] = []  # tokens of the last support, for examples left out


@dataclass(frozen=True, eq=False)
class Context:
    """`network` with the `memory` of a prompt; `curves` of the training-free finders on the same examples."""

    network: Network
    memory: Memory
    curves: Curves

    @classmethod
    def of(cls, network: Network, support: Support, shots: Sequence[int]) -> Context:
        """What the network remembers of these examples of a support."""
        tokens = support_tokens(network, support)
        labels = [torch.from_numpy(each).long()[None] for each in frame_labels(support, shots)]
        told = torch.cat([token_labels(each)[0] for each in labels])
        ends = np.cumsum([0, *(len(each) + 64 for each in tokens)])
        positions = torch.cat([torch.arange(len(each)) + int(at) for each, at in zip(tokens, ends, strict=False)])
        kept = chosen_tokens(told.numpy())
        device = next(network.parameters()).device
        seen, told, positions = (each[kept][None].to(device) for each in (torch.cat(tokens), told, positions))
        median = torch.tensor([support.median_frames], dtype=torch.float32, device=device)
        with torch.no_grad():
            memory = network.remember(seen, told, positions, median)
        return cls(network, memory, Curves.fit(support, list(shots)))

    @property
    def reach(self) -> int:
        """Frames of context that an answer depends on."""
        return max(self.network.config.reach, self.curves.reach)

    def answer(self, pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Log odds of each frame (frames,), and its distances to onset and offset in median examples (frames, 2)."""
        held = _held(self.network, pixels)
        with torch.no_grad():
            device = next(self.network.parameters()).device
            tokens = self.network.tokens(torch.from_numpy(pixels)[None].to(device)) if held is None else held[None]
            curves = torch.from_numpy(self.curves(pixels))[None].to(device)
            found = self.network.ask(tokens.to(device), curves, self.memory)
        distances = found.distances[0].repeat_interleave(STRIDE, dim=0)[: len(pixels)]
        return found.logits[0].float().cpu().numpy(), distances.float().cpu().numpy()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays that `restored` makes the same context of."""
        found = {f"weights/{name}": each.cpu().numpy() for name, each in self.network.state_dict().items()}
        for number, (key, value) in enumerate(self.memory.layers):
            found |= {f"memory/key{number}": key.cpu().numpy(), f"memory/value{number}": value.cpu().numpy()}
        for name in ("labels", "compared", "prototype", "lengths"):
            found[f"memory/{name}"] = getattr(self.memory, name).cpu().numpy()
        for name, finder in (("ncc", self.curves.ncc), ("lda", self.curves.lda)):
            found |= {f"{name}/{key}": each for key, each in finder.state().items()}
        shape = asdict(self.network.config)
        numbers = [*(shape[name] for name in NUMBERS), *shape["stem"], self.curves.spread]
        return found | {"numbers": np.array(numbers, np.int64)}


NUMBERS = ("bands", "dim", "heads", "temporal", "kernel", "support_layers", "cross_layers", "widening", "similarity")


def restored(state: Mapping[str, NDArray[Any]]) -> Context:
    """Inverse of `Context.arrays`."""
    *numbers, first, second, third, spread = state["numbers"].tolist()
    config = NetworkConfig(**dict(zip(NUMBERS, numbers, strict=True)), stem=(first, second, third))

    def part(prefix: str) -> dict[str, NDArray[Any]]:
        return {key.removeprefix(prefix): each for key, each in state.items() if key.startswith(prefix)}

    network = built(config, {key: torch.from_numpy(np.array(each)) for key, each in part("weights/").items()})
    held = {key: torch.from_numpy(np.array(each)) for key, each in part("memory/").items()}
    layers = tuple((held[f"key{n}"], held[f"value{n}"]) for n in range(config.cross_layers))
    memory = Memory(layers, held["labels"], held["compared"], held["prototype"], held["lengths"])
    return Context(network, memory, Curves(ncc.load(part("ncc/")), lda.load(part("lda/")), spread))


def support_tokens(network: Network, support: Support) -> tuple[Tensor, ...]:
    """Tokens (n, dim) of each stretch; kept for the last support, as every example left out needs them again."""
    for seen, known, tokens in SEEN:
        if seen is network and known is support:
            return tokens
    device = next(network.parameters()).device
    with torch.no_grad():
        many = [network.tokens(torch.from_numpy(s.picture.pixels)[None].to(device))[0] for s in support.stretches]
    tokens = tuple(each.cpu() for each in many)
    SEEN[:] = [(network, support, tokens)]
    return tokens


def _held(network: Network, pixels: Pixels) -> Tensor | None:
    """The tokens of a picture that is a stretch of the last support."""
    for seen, support, tokens in SEEN:
        for stretch, own in zip(support.stretches, tokens, strict=True):
            if seen is network and stretch.picture.pixels is pixels:
                return own
    return None


def chosen_tokens(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Numbers of the tokens that a memory keeps, at most MOST_TOKENS, thinned evenly: examples first, then what is
    surely other sound, then what nobody labelled."""
    kept: list[NDArray[np.int64]] = []
    room = MOST_TOKENS
    for label, share in ((POS, 0.5), (NEG, 0.75), (UNLABELLED, 1.0)):
        at = np.flatnonzero(labels == label)
        most = max(1, int(share * room))
        kept.append(at[np.unique(np.linspace(0, len(at) - 1, min(most, len(at))).astype(np.int64))] if len(at) else at)
        room -= len(kept[-1])
    return np.sort(np.concatenate(kept)).astype(np.int64)


class QueryStream:
    """Answers to a query that comes in blocks, the same as to the whole of it: tokens wait for their context."""

    def __init__(self, network: Network, memory: Memory) -> None:
        self._network, self._memory = network, memory
        self._pixels: Tensor | None = None
        self._curves: Tensor | None = None
        self._done = 0  # frames of the buffer that are answered for already

    def push(self, pixels: Tensor, curves: Tensor) -> Tensor:
        """Logits (frames,) that are sure now, given the next pixels (frames, bands) and curves (frames, 2)."""
        self._pixels = pixels if self._pixels is None else torch.cat([self._pixels, pixels])
        self._curves = curves if self._curves is None else torch.cat([self._curves, curves])
        reach = self._network.config.reach
        return self._emit(max(self._done, (len(self._pixels) - reach) // STRIDE * STRIDE))

    def finish(self) -> Tensor:
        """The logits of the last frames."""
        return torch.zeros(0) if self._pixels is None else self._emit(len(self._pixels))

    def _emit(self, stop: int) -> Tensor:
        assert self._pixels is not None
        assert self._curves is not None
        if stop <= self._done:
            return self._curves.new_zeros(0)
        with torch.no_grad():
            tokens = self._network.tokens(self._pixels[None])
            logits = self._network.ask(tokens, self._curves[None], self._memory).logits[0]
        found = logits[self._done : stop]
        first = max(0, (stop - self._network.config.reach) // STRIDE * STRIDE)
        self._pixels, self._curves, self._done = self._pixels[first:], self._curves[first:], stop - first
        return found

    def run(self, blocks: Sequence[tuple[Tensor, Tensor]]) -> Iterator[Tensor]:
        """All blocks and the end."""
        for pixels, curves in blocks:
            yield self.push(pixels, curves)
        yield self.finish()
