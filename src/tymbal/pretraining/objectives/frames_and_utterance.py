"""EAT: hidden frames regress what a slow copy of the network says of the whole picture, and so does the clip.

Chen et al. 2024 (2401.03497), after data2vec 2.0 (Baevski et al. 2022, 2212.07525). The clip's vector is the mean
over frames where the paper has a CLS token, so that CNNs take part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.encoders.contract import LayerSpec
from tymbal.encoders.pictures import PictureEncoder
from tymbal.pretraining.masking import hidden_spans, stretch
from tymbal.pretraining.objectives.contract import Objective, PictureBatch, flat, masked_mean
from tymbal.pretraining.objectives.teachers import Teacher, annealed


@dataclass(frozen=True)
class FramesAndUtteranceConfig:
    """Settings.

    Parameters
    ----------
    share, span_tokens : what is hidden; see `hidden_spans`.
    utterance : weight of the clip's loss beside the frames' (the paper's 1).
    layers : the teacher's target is the mean of its last so many layers, of those shaped like the last.
    clones : how many differently masked copies of a clip share one target (data2vec 2.0's multi-mask; the paper's 16).
    decay_start, decay_end, decay_steps : of the teacher, in a straight line.
    kernel : of the decoder's convolution over time.
    """

    share: float = 0.6
    span_tokens: int = 5
    utterance: float = 1.0
    layers: int = 3
    clones: int = 2
    decay_start: float = 0.99
    decay_end: float = 0.9999
    decay_steps: int = 20_000
    kernel: int = 3


def standardised(values: Tensor, mask: Tensor) -> Tensor:
    """Each value less its mean over a clip's real frames, over their deviation (instance norm); zero elsewhere."""
    keep = mask.unsqueeze(-1).to(values)
    count = keep.sum(1, keepdim=True).clamp_min(1)
    centred = (values - (values * keep).sum(1, keepdim=True) / count) * keep
    return centred / ((centred.square().sum(1, keepdim=True) / count) + 1e-5).sqrt()


def shape_of(layer: LayerSpec) -> tuple[int, int, float]:
    """What two layers must share for their mean to make sense."""
    return layer.dim, layer.bands, layer.grid.hop_s


class FramesAndUtterance(Objective):
    """Mean squared error of the hidden frames, plus `utterance` times that of the clip's mean."""

    name: ClassVar[str] = "frames_and_utterance"

    def __init__(self, encoder: PictureEncoder, config: FramesAndUtteranceConfig | None = None) -> None:
        super().__init__(encoder)
        self.config = config = config or FramesAndUtteranceConfig()
        alike = [each for each in encoder.at_rate(32_000).layers if shape_of(each) == shape_of(self.top)]
        self.targets = tuple(each.name for each in alike[-config.layers :])
        self.filling = nn.Parameter(torch.zeros(self.bands))
        self.decoder = nn.Sequential(
            nn.Conv1d(self.width, self.width, config.kernel, padding=config.kernel // 2, groups=self.top.bands),
            nn.GELU(),
            nn.Conv1d(self.width, self.width, 1),
        )
        self.utterance = nn.Linear(self.width, self.width)
        self.teacher = Teacher(encoder)

    def wanted(self, pictures: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """The teacher's targets: frames (batch, frames, width), and clips (batch, width)."""
        found = self.teacher.network.look(pictures, real)  # type: ignore[operator]
        layers = [flat(found[name]) for name in self.targets]
        mean = torch.stack([standardised(values, mask) for values, mask in layers]).mean(0)
        clip = torch.stack([masked_mean(values, mask) for values, mask in layers]).mean(0)
        return mean, functional.layer_norm(clip, clip.shape[-1:])

    def loss(self, batch: PictureBatch) -> Tensor:
        """See `Objective.loss`."""
        pictures, real, _ = batch
        config, stride = self.config, self.encoder.stride
        with torch.no_grad():
            frames, clips = (each.repeat_interleave(config.clones, 0) for each in self.wanted(pictures, real))
            pictures, real = (each.repeat_interleave(config.clones, 0) for each in (pictures, real))
            hidden = hidden_spans(real[:, ::stride], share=config.share, span=config.span_tokens)
        seen = torch.where(stretch(hidden, stride, pictures.shape[1]).unsqueeze(-1), self.filling, pictures)
        values, mask = self.frames(seen, real)
        painted = self.decoder(values.transpose(1, 2)).transpose(1, 2)
        error = (painted - frames).square().mean(-1)[hidden].sum() / hidden.sum().clamp_min(1)
        whole = (self.utterance(masked_mean(values, mask)) - clips).square().mean()
        total: Tensor = error + config.utterance * whole
        return total

    def after_step(self, step: int, steps: int) -> None:
        """The teacher follows, ever more slowly."""
        config = self.config
        decay = annealed(config.decay_start, config.decay_end, step, config.decay_steps)
        self.teacher.follow(self.encoder, decay)
