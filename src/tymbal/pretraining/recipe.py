"""A recipe of pre-training: one TOML file from stores of pictures, or plans of scenes, to an encoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tymbal.config import check_fields
from tymbal.pretraining.sources import SourceConfig
from tymbal.training import TrainingConfig


@dataclass(frozen=True)
class Recipe:
    """What is trained, how, and on what.

    Parameters
    ----------
    encoder : its name ("melcnn", "meltransformer"), or the file of one to go on from.
    objective : its name.
    sources : stores of pictures and plans of scenes, with weights.
    encoder_config, objective_config : fields of their dataclasses; an encoder from a file has its own.
    augmentations : what is done to a batch before the objective sees it, in this order: tables of `name`, `probability`
        (1 by default) and fields of its dataclass, see `tymbal.pretraining.augmentations`.
    crop_s : seconds of a crop, at the pictures' nominal hop.
    crops : examples in an epoch.
    head_epochs : epochs for which only what is not the encoder is trained, before the whole is (post-training).
    training : of the whole; its `seed` also draws the first weights.
    """

    encoder: str
    objective: str
    sources: tuple[SourceConfig, ...]
    encoder_config: dict[str, Any] = field(default_factory=dict)
    objective_config: dict[str, Any] = field(default_factory=dict)
    augmentations: tuple[dict[str, Any], ...] = ()
    crop_s: float = 3.0
    crops: int = 4096
    head_epochs: int = 0
    training: TrainingConfig = field(
        default_factory=lambda: TrainingConfig(epochs=20, batch_size=64, learning_rate=5e-4, warmup_epochs=2.0)
    )

    def check(self) -> None:
        """Raise UsageError naming the first field that is outside its range."""
        check_fields(self, self._ranges())
        self.training.check()

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        yield "sources", len(self.sources) > 0, "one or more"
        yield "sources", all(each.kind for each in self.sources), "store or plan, one of the two, in each"
        yield "crop_s", 0 < self.crop_s <= 3600, "seconds above 0, 3600 at most"
        yield "crops", self.crops >= 1, "1 or more"
        yield "head_epochs", self.head_epochs >= 0, "0 or more"
        own = self.encoder.endswith(".safetensors")
        yield "encoder_config", not (own and self.encoder_config), "nothing: the encoder's file holds its own"
