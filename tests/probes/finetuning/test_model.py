from __future__ import annotations

import numpy as np
import pytest
from tests.probes.finetuning.conftest import Chirps, build
from tests.probes.finetuning.test_tuning import quick

from tymbal.errors import DataError, EncoderError, UsageError
from tymbal.probes.finetuning import FineTuned, frozen_examples


def test_several_labels(chirps: Chirps) -> None:
    corpus, events, labels, groups = chirps
    sets = [["any", label] if row % 3 else [] for row, label in enumerate(labels[:16])]
    model = FineTuned(quick(multilabel=True, head="attention", calibrated=True, mode="layernorm"))
    encoder = build("hubert")
    sounds = model.sounds(corpus, events[:16], encoder)
    model.fit(encoder, sounds, sets, groups=groups[:16], device="cpu")
    scores = model.predict_proba(sounds)
    assert scores.shape == (16, 3)
    assert model.labels_ == ("any", "down", "up")
    assert ((scores >= 0) & (scores <= 1)).all()
    assert model.predict_proba(sounds, rows=[]).shape == (0, 3)
    assert np.array_equal(model.predict_proba(sounds, rows=[5, 2]), scores[[5, 2]])
    assert all(set(found) <= set(model.labels_) for found in model.predict(sounds))
    assert model.notes_["temperature"] > 0


def test_what_does_not_fit_is_refused(chirps: Chirps) -> None:
    corpus, events, labels, groups = chirps
    encoder = build("hubert")
    model = FineTuned(quick())
    sounds = model.sounds(corpus, events, encoder)
    with pytest.raises(DataError, match="31 labels for 32 events"):
        model.fit(encoder, sounds, labels[1:])
    with pytest.raises(UsageError, match="not fitted"):
        model.predict(sounds)
    with pytest.raises(UsageError, match=r"there is no 'mod'.*Did you mean 'mode'"):
        FineTuned(mod="full")
    with pytest.raises(DataError, match=r"segments of 8000 samples .*allowed: 16000 Hz, 16000 and 0"):
        FineTuned(quick(segment_s=1.0)).fit(encoder, sounds, labels)
    other, cnn = FineTuned(quick(mode="lora")), build("bagnet")
    heard = other.sounds(corpus, events[:8], cnn)
    with pytest.raises(EncoderError, match="no linear maps"):
        other.fit(cnn, heard, labels[:8], groups=groups[:8])
    few = frozen_examples(encoder, ("block1",), model.sounds(corpus, events[:4], encoder), model.config)
    with pytest.raises(DataError, match="4 of 32 events have features"):
        model.fit(encoder, sounds, labels, frozen=few)
