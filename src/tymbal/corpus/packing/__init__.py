"""A corpus as a dataset to publish: sound, tables that any program reads, licences, splits, checksums, a datasheet."""

from tymbal.corpus.packing.licences import Terms
from tymbal.corpus.packing.packing import Packed, pack
from tymbal.corpus.packing.reading import read_packed

__all__ = ["Packed", "Terms", "pack", "read_packed"]
