"""The features of events before any training: what the head starts from, and what fine-tuning must beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import torch

from tymbal.config import to_plain
from tymbal.encoders.contract import Encoder
from tymbal.errors import DataError, EncoderError
from tymbal.features import Examples
from tymbal.features.examples import FAILURES
from tymbal.jobs import Progress, Silent, Worked, guarded
from tymbal.probes.finetuning.config import FinetuneConfig
from tymbal.probes.finetuning.network import Recent, encode_events
from tymbal.probes.finetuning.sounds import EventSounds


def frozen_examples(
    encoder: Encoder,
    layers: Sequence[str],
    sounds: EventSounds,
    config: FinetuneConfig,
    *,
    progress: Progress | None = None,
) -> Examples:
    """The chosen layers of every event, each window encoded alone: what `features.examples` reads from a float32 store
    of the same windows. Events that fail are in `failures`.

    Row i of the table is event `sounds.rows[i]`, without those that failed. Raises DataError where none is left.
    """
    panel = progress or Silent()
    panel.start("features of the frozen encoder", len(sounds))
    rows, failures = [], []
    recent: Recent = {}
    values: dict[str, list[np.ndarray[Any, Any]]] = {layer: [] for layer in layers}
    for number, row in enumerate(sounds.rows):
        outcome = guarded(lambda each: Worked(_one(encoder, layers, sounds, config, each, recent)), number)
        if outcome.worked is None:
            place, message = sounds.places[number], outcome.failure.message if outcome.failure else ""
            event_id = sounds.events["event_id"][row]
            failures.append([row, event_id, place.recording, "failed", message, False])
        else:
            rows.append(row)
            for layer, found in zip(layers, outcome.worked.value, strict=True):
                values[layer].append(found)
        panel.advance(1, failures=outcome.worked is None)
    panel.finish()
    failed = pl.concat([sounds.failures, pl.DataFrame(failures, schema=FAILURES, orient="row")])
    if not rows:
        raise DataError(
            f"no event has sound: {failed['message'][0] if failed.height else 'there are none'}", where="fit"
        )
    return Examples(
        {layer: _stacked(found) for layer, found in values.items()},
        {layer: _mask(found) for layer, found in values.items()},
        sounds.events[rows],
        {spec.name: spec.grid for spec in encoder.layers if spec.name in layers},
        encoder_checksum=encoder.checksum,
        failures=failed,
        provenance={"encoder": encoder.name, "encoder_config": to_plain(encoder.config)},
    )


def _one(
    encoder: Encoder,
    layers: Sequence[str],
    sounds: EventSounds,
    config: FinetuneConfig,
    number: int,
    recent: Recent,
) -> list[np.ndarray[Any, Any]]:
    sounds.places[number].check()
    with torch.no_grad():
        pooled = encode_events(encoder, layers, [sounds.windows(number)], config.frames, alone=True, recent=recent)
    found = [pooled[layer].values[0].cpu().numpy() for layer in layers]
    if not all(np.isfinite(each).all() for each in found):
        raise EncoderError("its features are NaN or infinite", mend="Look at the sound of this event.")
    return found


def _stacked(found: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    values = np.zeros((len(found), max(len(each) for each in found), found[0].shape[1]), dtype=np.float32)
    for row, each in enumerate(found):
        values[row, : len(each)] = each
    return values


def _mask(found: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    return np.arange(max(len(each) for each in found))[None] < np.array([len(each) for each in found])[:, None]
