"""Several networks as one: every recording held out once, raw values averaged, one file, and it finds bursts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.detection.conftest import SMALL, Bursts

from tymbal.detection import Detector, f1_score, read_examples
from tymbal.detection.fitting import build_network
from tymbal.detection.members import Ensemble, fit_member, open_network, parts_of
from tymbal.errors import DataError

LAYERS = (("log_mel", 6),)


def test_an_ensemble_is_the_mean_of_its_members() -> None:
    networks = [
        build_network(LAYERS, replace(SMALL, training=replace(SMALL.training, seed=seed)), 2).eval() for seed in (0, 1)
    ]
    values, mask = torch.randn(2, 30, 6), torch.ones(2, 30, dtype=torch.bool)
    together = Ensemble(networks).eval()
    with torch.no_grad():
        wanted = (networks[0](values, mask) + networks[1](values, mask)) / 2
        np.testing.assert_allclose(together(values, mask), wanted, atol=1e-6)
        again = open_network(LAYERS, SMALL, 2, together.state_dict())
        np.testing.assert_array_equal(again(values, mask), together(values, mask))
        one = open_network(LAYERS, SMALL, 2, networks[1].state_dict())
        np.testing.assert_array_equal(one(values, mask), networks[1](values, mask))


def test_parts_keep_groups_whole_and_are_alike(bursts: Bursts) -> None:
    examples, labels = read_examples(bursts.store, bursts.corpus, ["log_mel"], replace(SMALL, classes=False))
    groups = {each.track.recording: "ab"[number % 2] for number, each in enumerate(examples)}
    parts = parts_of(examples, groups, 3)
    assert sorted({groups[each.track.recording] for each in part}.pop() for part in parts) == ["a", "b"]
    assert sum(len(part) for part in parts) == len(examples)
    assert [len(part) for part in parts_of(examples, {}, 2)] in ([2, 3], [3, 2])
    with pytest.raises(DataError, match="1 group"):
        parts_of(examples, dict.fromkeys(groups, "a"), 3)
    empty = [replace(each, events=each.events.take(np.zeros(len(each.events), dtype=bool))) for each in examples[:1]]
    with pytest.raises(DataError, match="no event to train on"):
        fit_member(0, [examples[1:], empty], LAYERS, len(labels), SMALL)


def test_a_detector_of_two_members_is_kept_in_one_file(bursts: Bursts, tmp_path: Path) -> None:
    training = replace(SMALL.training, epochs=9, batch_size=1)
    names = bursts.corpus.recordings["recording"].sort().to_list()
    detector = Detector(SMALL, members=2, classes=False, training=training)
    detector.fit(bursts.store, bursts.corpus, recordings=names[:4])
    assert detector.notes_["members"] == 2
    assert detector.notes_["held_events"] == detector.notes_["events"]
    loaded = Detector.load(detector.save(tmp_path / "two.detector"))
    examples, _ = read_examples(bursts.store, bursts.corpus, ["log_mel"], detector.config, recordings=names[4:])
    found = loaded.boxes(examples[0].track)
    np.testing.assert_array_equal(found.onset_s, detector.boxes(examples[0].track).onset_s)
    assert f1_score([examples[0].events], [found], 0.0, 0.5) > 0.8
