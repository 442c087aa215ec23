"""Self-supervised objectives and supervised post-training of encoders, from stores of pictures and from scenes."""

from tymbal.pretraining.crops import Crops
from tymbal.pretraining.objectives import OBJECTIVES, Objective, PictureBatch, create_objective
from tymbal.pretraining.recipe import Recipe
from tymbal.pretraining.run import Pretrained, pretrain
from tymbal.pretraining.sources import Source, SourceConfig, open_source

__all__ = [
    "OBJECTIVES",
    "Crops",
    "Objective",
    "PictureBatch",
    "Pretrained",
    "Recipe",
    "Source",
    "SourceConfig",
    "create_objective",
    "open_source",
    "pretrain",
]
