"""The real road: index, spectral, store, examples, on real recordings and against one long pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from tests.features.toys import contents, noise
from tests.reference.features import all_frames, long_pass

from tymbal.annotations.tables import make_events
from tymbal.corpus import index
from tymbal.encoders import create_encoder
from tymbal.features import embed, examples


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_spectral_layers_that_stream_are_those_of_one_long_pass(tmp_path: Path, rate: int) -> None:
    root = tmp_path / "sound"
    root.mkdir()
    soundfile.write(root / "long.wav", noise(round(11.3 * rate), seed=rate), rate, subtype="PCM_16")
    corpus = index(root, out=tmp_path / "corpus", workers=1)
    encoder = create_encoder("spectral")
    store = embed(corpus, encoder, tmp_path / "store", segment_s=4.0, dtype="float32", workers=1)
    assert store.units.height == 3
    sound, _ = soundfile.read(root / "long.wav", dtype="float32")
    expected = long_pass(encoder.at_rate(rate), sound)
    streaming = [layer for layer in store.layers if store.layer(layer).streams]
    assert streaming[:4] == ["log_mel", "pcen_mel", "mfcc", "modulation"]
    for layer in streaming:
        values, centers = expected[layer]
        found = all_frames(store, layer, "long.wav", 1)
        assert [center for center, _ in found] == pytest.approx(centers)
        np.testing.assert_allclose(np.array([row for _, row in found]), values, atol=2e-3, rtol=1e-3)


def test_real_recordings_become_examples(data: Callable[[str], Path], tmp_path: Path) -> None:
    root = data("cat_meows") / "audio"
    corpus = index(root, out=tmp_path / "corpus", workers=1)
    few = corpus.recordings.filter(pl.col("recording").is_in(corpus.recordings["recording"].sort().head(25)))

    class Few:
        recordings = few
        events = corpus.events
        root = corpus.root

    options = {"layers": ["log_mel", "modulation"], "frames": 16}
    one = embed(Few(), create_encoder("spectral"), tmp_path / "one", workers=1, **options)  # type: ignore[arg-type]
    embed(Few(), create_encoder("spectral"), tmp_path / "two", workers=2, **options)  # type: ignore[arg-type]
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert one.failures.height == 0
    found = examples(one, make_events({"recording": few["recording"]}))
    assert len(found) == 25
    for layer in found.layers:
        assert found.masks[layer].any(axis=1).all()
        assert np.isfinite(found.features[layer]).all()
    # A meow is not silence: its bands differ from each other and between recordings.
    means = [values[mask].mean(axis=0) for values, mask in zip(*_both(found, "log_mel"), strict=True)]
    assert np.std(means, axis=0).min() > 0.01


def _both(found, layer):  # type: ignore[no-untyped-def]
    return found.features[layer], found.masks[layer]
