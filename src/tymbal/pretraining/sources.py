"""Where crops come from: what a recipe names, and what every kind of source can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tymbal.encoders.pictures import PictureConfig
from tymbal.errors import DataError

SHARE = 0.2  # of the shorter of crop and event that must overlap for the label to count, as BEANS has it


@dataclass(frozen=True)
class SourceConfig:
    """Pictures to train on: a store of them, or a plan of scenes that are made while training goes on.

    Parameters
    ----------
    store : a feature store of the encoder "picture"; "" where there is a plan.
    weight : how much of each epoch comes from here, relative to the other sources.
    corpus : the corpus whose labels (events, or whole recordings) the objective is to learn; "" for none. Where it
        learns labels, crops are drawn around events. Of a store only.
    where : "COLUMN=VALUE": only recordings with this value (a training fold, say); "" for all. Of a store only.
    plan : a plan of scenes (TOML); their truth is what an objective learns that learns labels.
    """

    store: str = ""
    weight: float = 1.0
    corpus: str = ""
    where: str = ""
    plan: str = ""

    @property
    def kind(self) -> str:
        """ "store" or "plan"; "" where both or neither is named."""
        return {(True, False): "store", (False, True): "plan"}.get((self.store != "", self.plan != ""), "")


class Crop(NamedTuple):
    """A picture (frames, bands), at most as many frames as asked for, and the labels that are heard in it."""

    picture: NDArray[np.float32]
    labels: tuple[str, ...]


class Span(NamedTuple):
    """One labelled stretch of a recording; all of it where it is infinite. Channel None: whatever the channel."""

    onset_s: float
    offset_s: float
    label: str
    channel: int | None = None

    def concerns(self, channel: int | None) -> bool:
        """Whether it can be heard in a channel; None is the mix of all."""
        return self.channel is None or channel is None or self.channel == channel


def heard(spans: Iterable[Span], from_s: float, to_s: float) -> tuple[str, ...]:
    """Labels of the spans that a crop holds enough of."""
    found = []
    for span in spans:
        overlap_s = min(to_s, span.offset_s) - max(from_s, span.onset_s)
        if overlap_s > SHARE * min(to_s - from_s, span.offset_s - span.onset_s):
            found.append(span.label)
    return tuple(found)


class Source(ABC):
    """One opened source.

    Attributes
    ----------
    config : as the recipe names it.
    place : its file or folder, for errors.
    """

    config: SourceConfig
    place: Path

    @property
    @abstractmethod
    def digest(self) -> str:
        """Content address of all that crops are drawn from."""

    @property
    @abstractmethod
    def hours(self) -> float:
        """Of sound that there is to draw from."""

    @property
    @abstractmethod
    def bands(self) -> int:
        """Of its pictures."""

    @property
    @abstractmethod
    def labels(self) -> frozenset[str]:
        """All that can be heard; empty where nothing is known."""

    @abstractmethod
    def look(self, picture: PictureConfig) -> None:
        """See to it that pictures are made so; UsageError where they are made otherwise already."""

    @abstractmethod
    def crops(self, drawn: NDArray[np.float64], frames: int, *, labelled: bool) -> list[Crop]:
        """One crop for each row of `drawn` (n, 2), numbers in [0, 1) that say which stretch of sound, and where in it.

        The same numbers give the same crops, whatever was asked for before. With `labelled` they lie around events.
        """


def open_source(config: SourceConfig, base: Path, *, labelled: bool = True) -> Source:
    """Open one source; paths are relative to `base`. Without `labelled` a corpus only tells recordings for `where`.

    Raises DataError for a source that is neither store nor plan, or holds nothing of what is asked for, and the errors
    of `load_plan` and of stores.
    """
    if config.kind == "store":
        from tymbal.pretraining.stored import open_stored

        return open_stored(config, base, labelled=labelled)
    if config.kind == "plan":
        from tymbal.pretraining.made import open_plan

        return open_plan(config, base, labelled=labelled)
    raise DataError(
        "a source needs store = … or plan = …, not both" if config.store else "a source without store and plan",
        where="sources",
        allowed="store = a feature store of pictures, or plan = a plan of scenes",
    )


def labels_of(sources: Sequence[Source]) -> tuple[str, ...]:
    """All labels of the sources, sorted. Raises DataError where a source has none."""
    for source in sources:
        if not source.labels:
            raise DataError("this source has no labels", where=source.place, mend="Name its corpus = ...")
    return tuple(sorted({label for source in sources for label in source.labels}))
