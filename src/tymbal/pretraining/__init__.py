"""Self-supervised objectives and supervised post-training of encoders, from stores of pictures."""

from tymbal.pretraining.crops import Crops, Source, SourceConfig, open_source
from tymbal.pretraining.objectives import OBJECTIVES, Objective, PictureBatch, create_objective
from tymbal.pretraining.recipe import Recipe
from tymbal.pretraining.run import Pretrained, pretrain

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
