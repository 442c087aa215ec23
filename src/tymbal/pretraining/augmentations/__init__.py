"""Augmentations: what is done to pictures before an objective sees them."""

from tymbal.pretraining.augmentations.batches import Augmented
from tymbal.pretraining.augmentations.contract import Augmentation
from tymbal.pretraining.augmentations.registry import AUGMENTATIONS, create_augmentation, create_augmentations

__all__ = ["AUGMENTATIONS", "Augmentation", "Augmented", "create_augmentation", "create_augmentations"]
