"""The corpus of tones of the studies, for whole diagnoses."""

from tests.probes.study.conftest import opened, tones

__all__ = ["opened", "tones"]
