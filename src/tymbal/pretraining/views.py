"""Two pictures of one sound: what is changed between them is what an encoder should not mind."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tymbal.encoders.pictures import MIDDLE_DB, SPREAD_DB
from tymbal.errors import ConfigError

SILENCE = -100.0 / SPREAD_DB - MIDDLE_DB / SPREAD_DB
_PER_NEPER = 10 / math.log(10) / SPREAD_DB  # picture units per unit of log power


def silenced(pictures: Tensor, real: Tensor) -> Tensor:
    """Pictures (batch, frames, bands) with silence where `real` (batch, frames) is False: what fills up a clip is no
    sound, and must not be mixed into one."""
    return torch.where(real.unsqueeze(-1), pictures, SILENCE)


def mix_sounds(picture: Tensor, other: Tensor, portion: Tensor) -> Tensor:
    """The picture of (1 - portion) of one sound's power and `portion` of another's (log-mixup-exp, BYOL-A).

    picture, other : (batch, frames, bands) in the units of `Picture`; portion : broadcastable, 0–1.
    """
    tiny = torch.finfo(picture.dtype).tiny
    first = picture / _PER_NEPER + torch.log((1 - portion).clamp_min(tiny))
    second = other / _PER_NEPER + torch.log(portion.clamp_min(tiny))
    return torch.logaddexp(first, second) * _PER_NEPER


def no_louder(other: Tensor, picture: Tensor) -> Tensor:
    """Pictures `other` (batch, frames, bands), those of more power than `picture` brought down to as much.

    Recordings in the field differ by 15 dB and more: mixed as they are, the louder one is all that is heard.
    """
    loud, own = (torch.logsumexp(each.flatten(1) / _PER_NEPER, 1) for each in (other, picture))
    excess = (loud - own).clamp_min(0.0)[:, None, None] * _PER_NEPER
    return (other - excess).clamp_min(SILENCE)


@dataclass(frozen=True)
class ViewsConfig:
    """How much a view may differ.

    Parameters
    ----------
    mixed : the portion of another clip's power, drawn from 0 to this (BYOL-A's 0.4); a louder one is brought down to
        the clip's power first.
    low, high : the crop's extent relative to the picture, in time and in bands, each drawn from here (0.6–1.5);
        what lies outside is silence. A crop resized to the picture plays it faster or slower, higher or lower.
    gain_db : drawn from ± this.
    tilt_db : the fader: a line over time from one gain to another, each drawn from ± this.
    """

    mixed: float = 0.4
    low: float = 0.6
    high: float = 1.5
    gain_db: float = 6.0
    tilt_db: float = 6.0

    def __post_init__(self) -> None:
        fits = 0 <= self.mixed < 1 and 0 < self.low <= 1 <= self.high and min(self.gain_db, self.tilt_db) >= 0
        if not fits:
            raise ConfigError(
                f"{self}", where="ViewsConfig", allowed="mixed in [0, 1), 0 < low <= 1 <= high, decibels of 0 or more"
            )


def interpolated(values: Tensor, at: Tensor, axis: int, silence: float) -> Tensor:
    """Values (batch, frames, bands) at places (batch, n) along axis 1 or 2, in samples of it, by linear interpolation.

    Beyond the first and the last the line falls to `silence` within a sample.
    """
    batch, count = len(values), values.shape[axis]
    padded = functional.pad(values, (1, 1, 0, 0) if axis == 2 else (0, 0, 1, 1), value=silence)
    at = (at + 1).clamp(0, count + 1)  # into the padded picture; beyond its rim there is only silence
    low = at.floor().clamp_max(count)
    part = at - low
    shape = [batch, 1, 1]
    shape[axis] = at.shape[1]
    expand = list(padded.shape)
    expand[axis] = at.shape[1]
    index = low.long().reshape(shape).expand(expand)
    part = part.reshape(shape)
    return padded.gather(axis, index) * (1 - part) + padded.gather(axis, index + 1) * part


def resize_crops(
    pictures: Tensor,
    top: Tensor,
    left: Tensor,
    tall: Tensor,
    wide: Tensor,
    silence: float,
    lengths: Tensor | None = None,
) -> Tensor:
    """Boxes of pictures (batch, frames, bands), each resized to the whole by linear interpolation.

    top, tall : (batch,), where a box begins in time and how long it is, as shares of the picture; left, wide : the same
    in bands. What lies outside the picture is `silence`. A box from 0 with extent 1 is the picture itself.
    lengths : (batch,), how many frames of each are a picture, 1 or more, with silence behind; None: all.
    """
    _, frames, bands = pictures.shape

    def places(start: Tensor, extent: Tensor, count: int, size: Tensor | int) -> Tensor:
        steps = (torch.arange(count, dtype=start.dtype, device=pictures.device) + 0.5) / size
        return (start[:, None] + extent[:, None] * steps) * size - 0.5  # in samples of the picture

    tallest = frames if lengths is None else lengths[:, None].to(top)
    rows, columns = places(top, tall, frames, tallest), places(left, wide, bands, bands)
    return interpolated(interpolated(pictures, rows, 1, silence), columns, 2, silence)


def view(pictures: Tensor, config: ViewsConfig, real: Tensor | None = None) -> Tensor:
    """A random view of each picture (batch, frames, bands), of the same shape.

    real : (batch, frames), True for the frames of each that are its sound, then False; None: all. The view of a short
    clip is as long, and made of its sound alone.
    """
    batch, frames, _ = pictures.shape
    lengths = None
    if real is not None and not bool(real.all()):
        pictures, lengths = silenced(pictures, real), real.sum(1).clamp_min(1)

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(batch, device=pictures.device)

    found = pictures
    if config.mixed > 0:
        other = no_louder(found[torch.randperm(batch)], found)
        found = mix_sounds(found, other, draw(0, config.mixed)[:, None, None])
    if config.low < 1 or config.high > 1:
        tall, wide = draw(config.low, config.high), draw(config.low, config.high)
        top, left = (1 - tall) * draw(0, 1), (1 - wide) * draw(0, 1)
        found = resize_crops(found, top, left, tall, wide, SILENCE, lengths)
    line = torch.linspace(0, 1, frames, device=pictures.device)
    first, last = draw(-config.tilt_db, config.tilt_db)[:, None], draw(-config.tilt_db, config.tilt_db)[:, None]
    change_db = first + (last - first) * line + draw(-config.gain_db, config.gain_db)[:, None]
    return (found + change_db.unsqueeze(-1) / SPREAD_DB).clamp_min(SILENCE)
