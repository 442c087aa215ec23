"""Manifests of sound archives: which recordings there are, what is heard in them, where and by whom they were made."""

from tymbal.corpus.manifests.base import Entry, Heard, Notes, Reader
from tymbal.corpus.manifests.gather import Gathered, gather
from tymbal.corpus.manifests.registry import READERS, find_reader

__all__ = ["READERS", "Entry", "Gathered", "Heard", "Notes", "Reader", "find_reader", "gather"]
