"""Whole recordings of different individuals over each other, at a set overlap and a set ratio of power: known truth."""

from tymbal.synthesis.mixtures.making import Mixtures, make_mixtures
from tymbal.synthesis.mixtures.plan import MixturePlan

__all__ = ["MixturePlan", "Mixtures", "make_mixtures"]
