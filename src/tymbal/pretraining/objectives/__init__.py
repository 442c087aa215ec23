"""Objectives: what an encoder is trained to do."""

from tymbal.pretraining.objectives.contract import Objective, PictureBatch
from tymbal.pretraining.objectives.registry import OBJECTIVES, create_objective

__all__ = ["OBJECTIVES", "Objective", "PictureBatch", "create_objective"]
