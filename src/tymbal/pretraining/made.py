"""Crops of scenes that are made while training goes on: no sound and no picture of them is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tymbal.config import digest
from tymbal.encoders.melpicture import MelPicture
from tymbal.encoders.pictures import PictureConfig
from tymbal.errors import DataError, UsageError
from tymbal.pretraining.sources import Crop, Source, SourceConfig, Span, heard
from tymbal.synthesis import Scene, SceneGenerator, ScenePlan, load_plan
from tymbal.synthesis.truth import UNK


class SceneSource(Source):
    """The scenes of a plan, any part of any of them alike often.

    Neighbouring crops of a batch share a scene as long as it holds several: a scene of 10 s gives three of 3 s, which
    begin anywhere in it. Memory holds one scene at a time. Calls that are too faint to tell (UNK) are no labels.

    Raises the errors of `SceneGenerator`.
    """

    def __init__(self, config: SourceConfig, plan: ScenePlan, place: Path) -> None:
        self.config, self.plan, self.place = config, plan, place
        self.generator = SceneGenerator(plan)
        self.look(PictureConfig())

    @property
    def digest(self) -> str:
        """See `Source`; the rest here likewise."""
        bank = None if self.generator.bank is None else self.generator.bank.digest
        return digest({"plan": self.plan.identity, "bank": bank, "scenes": self.plan.scenes})

    @property
    def hours(self) -> float:
        speed = self.plan.speed
        return self.plan.scenes * sum(part.duration_s / speed for part in self.plan.parts) / 3600

    @property
    def bands(self) -> int:
        return self._config.bands

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(self.generator.labels) if self.plan.classes.pool > 0 else frozenset()

    def look(self, picture: PictureConfig) -> None:
        self._config = picture
        self._picture = MelPicture(picture).at_rate(self.plan.sample_rate_hz).picture

    def crops(self, drawn: NDArray[np.float64], frames: int, *, labelled: bool) -> list[Crop]:
        hop_s = self._picture.grid().hop_s
        shortest_s = min(part.duration_s for part in self.plan.parts) / self.plan.speed
        together = max(1, int(shortest_s / (frames * hop_s) + 1e-9))
        found = []
        for begin in range(0, len(drawn), together):
            place = float(drawn[begin, 0]) * self.plan.scenes * len(self.plan.parts)
            number, part = divmod(int(place), len(self.plan.parts))
            scene = self._scene(number, part)
            picture = self.picture(scene)
            for row, (which, where) in enumerate(drawn[begin : begin + together].tolist()):
                event = place % 1 if row == 0 else which
                found.append(self._crop(scene, picture, event, where, frames, labelled))
        return found

    def _scene(self, number: int, part: int) -> Scene:
        try:
            return self.generator.scene(number, part)
        except DataError as error:
            raise DataError(
                f"scene {number}: {error.message}",
                where=self.place,
                mend="Correct the plan: tymbal synth draw shows it.",
            ) from error

    def picture(self, scene: Scene) -> NDArray[np.float32]:
        """(frames, bands) of the whole scene, as `tymbal embed` makes it of the same scene in a file."""
        samples = torch.from_numpy(np.ascontiguousarray(scene.waveform, dtype=np.float32))[None]
        with torch.no_grad():
            values = self._picture(samples, torch.ones_like(samples, dtype=torch.bool)).values
        found: NDArray[np.float32] = values[0].numpy()
        return found

    def _crop(
        self, scene: Scene, picture: NDArray[np.float32], event: float, where: float, frames: int, labelled: bool
    ) -> Crop:
        """Around the call that `event` in [0, 1) chooses, where labels are learned and there is one; else anywhere."""
        hop_s, last = self._picture.grid().hop_s, max(0, len(picture) - frames)
        spans = [Span(call.onset_s, call.offset_s, call.label) for call in scene.calls if call.truth != UNK]
        start = int(where * (last + 1))
        if labelled and spans:
            chosen = spans[int(event * len(spans))]
            start = int((chosen.onset_s + chosen.offset_s) / 2 / hop_s) - int(where * frames)
        start = min(max(start, 0), last)
        cut = picture[start : start + frames].copy()
        from_s, to_s = (start - 0.5) * hop_s, (start + len(cut) - 0.5) * hop_s
        return Crop(cut, heard(spans, from_s, to_s) if labelled else ())


def open_plan(config: SourceConfig, base: Path, *, labelled: bool = True) -> SceneSource:
    """See `open_source`. Raises UsageError where labels are to be learned that mean another thing in every scene."""
    path = base / config.plan
    if config.corpus or config.where:
        raise UsageError(
            "corpus and where are of stores", where=path, parameter="sources", mend="Leave them out: scenes have truth."
        )
    plan = load_plan(path)
    if labelled and plan.classes.pool == 0:
        raise UsageError(
            "its classes are new in every scene, so that their names say nothing across scenes",
            where=path,
            parameter="classes.pool",
            allowed="the size of a vocabulary, 1 or more",
            mend="Make a plan with one: tymbal synth plan --kind boxes, or set classes.pool.",
        )
    return SceneSource(config, plan, path)
