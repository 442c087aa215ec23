from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.probes.finetuning.conftest import build

from tymbal.corpus import Corpus
from tymbal.features import embed, examples
from tymbal.probes.finetuning import FinetuneConfig, FineTuned, frozen_examples


@pytest.mark.parametrize("name", ["hubert", "bagnet", "cnn14"])
@pytest.mark.parametrize("frames", [None, 3])
def test_what_is_heard_is_what_a_store_holds(
    name: str, frames: int | None, long: tuple[Corpus, pl.DataFrame], tmp_path: Path
) -> None:
    corpus, events = long
    encoder = build(name)
    layers = tuple(spec.name for spec in encoder.layers)
    config = FinetuneConfig(layers="all", frames=frames, segment_s=0.5)
    sounds = FineTuned(config).sounds(corpus, events, encoder)
    found = frozen_examples(encoder, layers, sounds, config)
    corpus_events = type("Named", (), {"recordings": corpus.recordings, "root": corpus.root, "events": events})()
    store = embed(corpus_events, encoder, tmp_path / "store", layers="all", segment_s=0.5, dtype="float32")
    wanted = examples(store, events, frames=frames)
    assert found.table["event_id"].to_list() == wanted.table["event_id"].to_list()
    for layer in layers:
        assert np.array_equal(found.masks[layer], wanted.masks[layer]), layer
        np.testing.assert_allclose(found.features[layer], wanted.features[layer], rtol=1e-5, atol=1e-6)


def test_events_without_sound_are_told(long: tuple[Corpus, pl.DataFrame]) -> None:
    corpus, events = long
    far = events[:3].with_columns(
        pl.Series("onset_s", [5.0, 0.1, 0.1]),
        pl.Series("offset_s", [6.0, 0.2, 0.2]),
        pl.Series("recording", ["mono.wav", "gone.wav", "mono.wav"]),
        pl.Series("channel", [1, 1, 3], dtype=pl.Int32),
    )
    config = FinetuneConfig(segment_s=0.5)
    encoder = build("hubert")
    mixed = pl.concat([far, events[:1]])
    sounds = FineTuned(config).sounds(corpus, mixed, encoder)
    found = frozen_examples(encoder, ("block1",), sounds, config)
    assert len(found) == 1
    assert found.failures["code"].to_list() == ["outside", "no_recording", "no_channel"]
    assert "lasts 1.73 s" in found.failures["message"][0]
