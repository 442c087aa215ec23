"""Reverberation: the power of each band dies away exponentially after the sound, as in a wood or a hall."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tymbal.pretraining.augmentations.bands import bands_of, fluctuations, to_picture, to_power
from tymbal.pretraining.augmentations.contract import Augmentation, check_spans
from tymbal.pretraining.objectives.contract import PictureBatch


@dataclass(frozen=True)
class ReverberationConfig:
    """The room, drawn per clip; the words are those of `tymbal.synthesis.rooms`.

    Parameters
    ----------
    decay_s : T60, the time in which the tail falls by 60 dB; even chances per octave.
    direct_db : power of the direct sound relative to the tail's.
    delay_s : from the direct sound to the first echo.
    """

    decay_s: tuple[float, float] = (0.05, 1.0)
    direct_db: tuple[float, float] = (0.0, 15.0)
    delay_s: tuple[float, float] = (0.001, 0.03)

    def __post_init__(self) -> None:
        spans = {"direct_db": (self.direct_db, -40.0, 80.0), "delay_s": (self.delay_s, 0.0, 1.0)}
        check_spans("reverberation", decay_s=(self.decay_s, 0.001, 20), **spans)


def decayed(power: Tensor, ratio: Tensor) -> Tensor:
    """Σ over k >= 0 of ratio^k · power[t - k], power (batch, frames, bands), ratio (batch, 1, 1); by doubling.

    Sums of what is positive: float32 is enough, where a transform would lose all that lies 70 dB below the loudest.
    """
    reach, found = 1, power
    while reach < power.shape[1]:
        later = found[:, reach:] + ratio**reach * found[:, :-reach]
        found, reach = torch.cat([found[:, :reach], later], 1), 2 * reach
    return found


def delayed(power: Tensor, frames: Tensor) -> Tensor:
    """Power (batch, frames, bands) so many whole frames (batch, 1, 1) later, silence before."""
    at = torch.arange(power.shape[1], device=power.device)[:, None] - frames
    return power.gather(1, at.clamp_min(0).expand_as(power)) * (at >= 0)


def echoes(power: Tensor, decay_s: Tensor, delay_s: Tensor, hop_s: float) -> Tensor:
    """Expected power of a tail of energy 1 after every frame of power (batch, frames, bands); times (batch, 1, 1).

    Lag k is from k - ½ to k + ½ frames; the first that the tail reaches holds a part of its first frame.
    """
    rate, delay = 6 * math.log(10) * hop_s / decay_s, delay_s / hop_s  # nepers of power per frame; frames
    first = (delay + 0.5).floor()
    begun, ratio = torch.exp(-rate * (first + 0.5 - delay)), torch.exp(-rate)
    later = (1 - ratio) * begun * delayed(decayed(power, ratio), first.long() + 1)
    return (1 - begun) * delayed(power, first.long()) + later


class Reverberation(Augmentation):
    """A room of exponentially decaying noise (Polack 1988); echoes of what came before the clip are not there."""

    name: ClassVar[str] = "reverberation"
    settings: ClassVar[type[ReverberationConfig]] = ReverberationConfig
    config: ReverberationConfig

    def alter(self, batch: PictureBatch) -> PictureBatch:
        """See `Augmentation.alter`."""
        config = self.config
        power = to_power(batch.pictures) * batch.real.unsqueeze(-1)
        decay_s = 2 ** self.drawn(batch, (math.log2(config.decay_s[0]), math.log2(config.decay_s[1])))
        tail = 10 ** (-self.drawn(batch, config.direct_db) / 10)
        found = echoes(power, decay_s, self.drawn(batch, config.delay_s), self.picture.hop_s)
        # Every room is another one: the power of its echoes is scattered around the expected as that of noise is.
        found = found * fluctuations(bands_of(self.picture), power)
        return batch._replace(pictures=to_picture(power + tail * found))
