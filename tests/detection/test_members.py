"""Several networks as one: every recording held out once, raw values averaged, what comes out finds bursts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.detection.conftest import SMALL, Bursts

from tymbal.detection import f1_score, read_examples
from tymbal.detection.fitting import calibrated_by
from tymbal.detection.inference import find_in_track
from tymbal.detection.members import Ensemble, fit_members, parts_of
from tymbal.errors import DataError


def test_members_hold_out_every_recording_once_and_find_bursts(bursts: Bursts) -> None:
    config = replace(SMALL, classes=False, training=replace(SMALL.training, epochs=16, batch_size=1))
    examples, labels = read_examples(bursts.store, bursts.corpus, ["log_mel"], config)
    parts = parts_of(examples[:4], {}, 2)
    assert sorted(each.track.recording for part in parts for each in part) == sorted(
        each.track.recording for each in examples[:4]
    )
    layers = [("log_mel", bursts.store.layer("log_mel").width)]
    members = fit_members(parts, layers, len(labels), config)
    calibration, _ = calibrated_by([(m, each) for m, part in zip(members, parts, strict=True) for each in part], config)
    ensemble = Ensemble(members).eval()
    values = torch.from_numpy(examples[4].track.values[None])
    mask = torch.ones(values.shape[:2], dtype=torch.bool)
    with torch.no_grad():
        mean = (members[0](values, mask) + members[1](values, mask)) / 2
        np.testing.assert_allclose(ensemble(values, mask), mean, atol=1e-5)
    boxes = calibration.boxes(find_in_track(ensemble, config, examples[4].track).candidates(), config.decoding)
    assert f1_score([examples[4].events], [boxes], calibration.threshold, 0.5) > 0.8


def test_parts_keep_groups_whole(bursts: Bursts) -> None:
    examples, _ = read_examples(bursts.store, bursts.corpus, ["log_mel"], replace(SMALL, classes=False))
    groups = {each.track.recording: "ab"[number % 2] for number, each in enumerate(examples)}
    for part in parts_of(examples, groups, 3):
        assert len({groups[each.track.recording] for each in part}) == 1
    with pytest.raises(DataError, match="1 group"):
        parts_of(examples, dict.fromkeys(groups, "a"), 3)
