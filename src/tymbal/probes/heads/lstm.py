"""The recurrent head: a long short-term memory reads the frames in order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tymbal.errors import UsageError
from tymbal.probes.heads.base import TrainedHead
from tymbal.probes.heads.masking import masked_mean, silenced


@dataclass(frozen=True)
class LSTMOptions:
    """hidden : cells of each direction. layers : stacked. bidirectional : a second memory reads backwards.
    dropout : share of the values zeroed between layers and before the classifier in training."""

    hidden: int = 64
    layers: int = 1
    bidirectional: bool = True
    dropout: float = 0.3


class LSTMHead(nn.Module):
    """Mean over the real frames of the outputs of an LSTM (Hochreiter and Schmidhuber 1997), dropout, linear.

    Sizes as in the probes of arXiv 2508.11845. The only head that hears the order of frames even where the features
    do not carry it. Padding is never read.
    """

    def __init__(self, width: int, classes: int, options: LSTMOptions) -> None:
        super().__init__()
        if options.hidden < 1 or options.layers < 1:
            given = f"hidden is {options.hidden}, layers is {options.layers}"
            raise UsageError(given, where="lstm", allowed="1 or more of each")
        between = options.dropout if options.layers > 1 else 0.0
        self.memory = nn.LSTM(
            width,
            options.hidden,
            options.layers,
            batch_first=True,
            dropout=between,
            bidirectional=options.bidirectional,
        )
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = nn.Linear(options.hidden * (2 if options.bidirectional else 1), classes)

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """z (batch, frames, width), mask (batch, frames) -> (batch, classes)."""
        # Real frames first, in their order, wherever padding stands.
        order = (~mask).to(torch.int8).argsort(dim=1, stable=True)
        ordered = silenced(z, mask).gather(1, order[..., None].expand_as(z))
        lengths = mask.sum(dim=1).clamp(min=1)  # an example without frames reads one of zeros, and counts none
        packed = pack_padded_sequence(ordered, lengths.cpu(), batch_first=True, enforce_sorted=False)
        read, _ = pad_packed_sequence(self.memory(packed)[0], batch_first=True, total_length=z.shape[1])
        out: Tensor = self.classifier(self.dropout(masked_mean(read, mask.gather(1, order))))
        return out


LSTM = TrainedHead("lstm", "frames", LSTMOptions, LSTMHead)
