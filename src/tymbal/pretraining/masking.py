"""What of a picture is hidden from the network: spans of frames."""

from __future__ import annotations

import torch
from torch import Tensor

from tymbal.errors import UsageError


def hidden_spans(real: Tensor, *, share: float, span: int) -> Tensor:
    """Spans of `span` tokens hidden at random: bool (batch, tokens), True where hidden, only among real tokens.

    real : bool (batch, tokens), each row True first, then False.
    share : of a row's real tokens, hidden: round(share · tokens), at least one wherever two or more are real, and
        never all of them. Spans start anywhere and may overlap; whole spans are laid in random order until the number
        is reached, the last one is cut short.
    """
    if not 0 < share < 1 or span < 1:
        raise UsageError(f"share {share}, span {span}", where="hidden_spans", allowed="share in (0, 1), span 1 or more")
    batch, tokens = real.shape
    order = torch.rand(batch, tokens, device=real.device).argsort(1).cpu()
    lengths = real.sum(1).tolist()
    hidden = torch.zeros(batch, tokens, dtype=torch.bool)
    for row, length in enumerate(lengths):
        wanted = min(max(1, round(share * length)), length - 1)
        starts = order[row][order[row] < length].tolist()
        count = 0
        for start in starts:
            if count >= wanted:
                break
            for token in range(start, min(start + span, length)):
                if count < wanted and not hidden[row, token]:
                    hidden[row, token] = True
                    count += 1
    return hidden.to(real.device)


def stretch(tokens: Tensor, stride: int, frames: int) -> Tensor:
    """A mask over tokens (batch, tokens) as one over the picture frames (batch, frames) they are made of."""
    return tokens.repeat_interleave(stride, dim=1)[:, :frames]


def token_pictures(pictures: Tensor, stride: int, tokens: int) -> Tensor:
    """Pictures (batch, frames, bands) as tokens (batch, tokens, stride · bands), filled up with zeros."""
    short = tokens * stride - pictures.shape[1]
    padded = torch.nn.functional.pad(pictures, (0, 0, 0, short))
    return padded.reshape(len(pictures), tokens, -1)
