"""Features: an encoder's layers over a whole corpus, in a store that is written once, resumed, and read at random."""

from tymbal.features.embed import embed
from tymbal.features.examples import Examples, examples
from tymbal.features.export import export, unit_means
from tymbal.features.manifest import Manifest, StoredLayer
from tymbal.features.settings import EmbedConfig, EmbedOptions
from tymbal.features.store import FeatureStore

__all__ = [
    "EmbedConfig",
    "EmbedOptions",
    "Examples",
    "FeatureStore",
    "Manifest",
    "StoredLayer",
    "embed",
    "examples",
    "export",
    "unit_means",
]
