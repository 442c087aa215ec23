"""One feature pass for every encoder and corpus of a sweep: taken as it is, gone on with, or made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tymbal.corpus import Corpus
from tymbal.encoders.source import Opened, open_encoder
from tymbal.encoders.spectral import SpectralEncoder
from tymbal.features import FeatureStore, embed
from tymbal.jobs import Progress
from tymbal.probes.sweep.config import SweepEncoder

Weights = Literal["trained", "random", "none", "unknown"]


@dataclass(frozen=True)
class Source:
    """A finished store with what a reader must know of its encoder.

    weights : "none" for an encoder that is computed, "unknown" for a store that does not say.
    origin : the file the weights were read from, or in words where they come from; notes as `Opened`.
    """

    store: FeatureStore
    weights: Weights
    origin: str
    notes: tuple[str, ...] = ()


def open_source(
    entry: SweepEncoder,
    corpus: Corpus,
    folder: Path,
    *,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> Source:
    """The store of an encoder and a corpus; one in `folder` is gone on with, a finished one is not made again.

    Raises EncoderError where the encoder or its weights are not there, StoreError where `folder` holds a store made
    with other settings, and as `embed`.
    """
    if entry.store is not None:
        store = FeatureStore.open(entry.store)
        return Source(store, stated_weights(entry, store), str(entry.store))
    opened = open_entry(entry)
    store = embed(corpus, opened.encoder, folder, workers=workers, progress=progress, **entry.embed)
    return Source(store, weights_of(opened), opened.origin, opened.notes)


def open_entry(entry: SweepEncoder) -> Opened:
    """The encoder of a plan's entry. Raises EncoderError where it or its weights are not there."""
    return open_encoder(
        entry.encoder or "", precision=entry.precision, random_weights=entry.random_weights, **entry.options
    )


def weights_of(opened: Opened) -> Weights:
    """Whether an opened encoder was trained."""
    known: dict[str, Weights] = {"random weights": "random", "computed, no weights": "none"}
    return known.get(opened.origin, "trained")


def stated_weights(entry: SweepEncoder, store: FeatureStore) -> Weights:
    """What a plan and a store tell together: stores do not say whether weights were trained."""
    if entry.random_weights:
        return "random"
    return "none" if store.manifest.encoder == SpectralEncoder.name else "unknown"
