"""Events become the frames they cover, however many segments they span; against a loop over all frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.features.toys import ToyConfig, ToyEncoder, make_corpus, noise, small_corpus
from tests.reference.features import all_frames, bin_means, event_frames

from tymbal.annotations.tables import make_events
from tymbal.errors import DataError, StoreError
from tymbal.features import Examples, FeatureStore, embed, examples, plan

LENGTHS = {"a.wav": 5.3, "b/c.wav": 2.0, "f.wav": 4.001, "g.wav": 0.6, "two.wav": 2.5}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "SHARD_UNITS", 2)
        return embed(small_corpus(folder / "sound"), ToyEncoder(), folder / "store", segment_s=2.0, workers=1)


def event(recording: str, onset_s: float | None, offset_s: float | None, channel: int | None = None) -> dict[str, Any]:
    return {"recording": recording, "onset_s": onset_s, "offset_s": offset_s, "channel": channel, "label": "x"}


def events_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return make_events(pl.DataFrame(rows, schema_overrides={"onset_s": pl.Float64, "offset_s": pl.Float64}))


times = st.integers(0, 5300).map(lambda ms: ms / 1000)


@settings(max_examples=80, deadline=None)
@example("a.wav", 0.08, 0.099, None)  # half-way between two frames
@given(st.sampled_from(sorted(LENGTHS)), times, times, st.none() | st.integers(1, 9))
def test_frames_equal_the_slow_twin(
    store: FeatureStore, recording: str, one: float, two: float, frames: int | None
) -> None:
    onset, offset = sorted((one, two))
    onset, offset = min(onset, LENGTHS[recording] - 0.001), min(offset, LENGTHS[recording])
    found = examples(store, events_of([event(recording, onset, offset)]), frames=frames)
    channel = None if recording == "two.wav" else 1
    for layer in store.layers:
        members = event_frames(all_frames(store, layer, recording, channel), onset, offset)
        expected = np.array([row for _, row in members])
        mask = found.masks[layer][0]
        if frames is not None and len(members) > frames:
            expected = np.array(bin_means(members, onset, offset, frames))
            assert mask.all()
        assert mask.sum() == len(expected)
        np.testing.assert_allclose(found.features[layer][0][mask], expected, rtol=1e-3, atol=1e-3)
        assert not found.features[layer][0][~mask].any()
        assert found.features[layer].dtype == np.float32


def test_whole_recordings_take_every_frame(store: FeatureStore) -> None:
    events = events_of([event("a.wav", None, None), event("two.wav", None, None)])
    found = examples(store, events, layers=["fine"])
    assert found.masks["fine"].sum(axis=1).tolist() == [264, 124]
    assert found.layers == ("fine",)
    np.testing.assert_array_equal(found.features["fine"][0], store.read("fine", np.arange(264)).astype(np.float32))


def test_an_event_over_segment_bounds_is_one_run_of_frames(store: FeatureStore) -> None:
    found = examples(store, events_of([event("a.wav", 1.5, 4.5)]), layers=["coarse"])
    assert found.features["coarse"].shape == (1, 30, 2)
    np.testing.assert_array_equal(found.features["coarse"][0], store.read("coarse", np.arange(15, 45)))


def test_channels_are_matched_by_rule(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "sound", {"s.wav": noise(1000, 2, seed=1), "m.wav": noise(500)}, 1000)
    each = embed(corpus, ToyEncoder(), tmp_path / "each", channels="each", workers=1)
    mixed = embed(corpus, ToyEncoder(), tmp_path / "mix", channels="mix", workers=1)
    asked = [event("s.wav", 0.0, 1.0, channel) for channel in (None, 1, 2, 3)] + [event("m.wav", 0.0, 0.5, 1)]
    found = examples(each, events_of(asked), layers=["fine"])
    assert found.table["channel"].to_list() == [None, 1, 2, 1]
    assert found.failures.select("row", "code", "kept").rows() == [(3, "no_channel", False)]
    assert "1, 2" in found.failures["message"][0]
    one, two = found.features["fine"][1], found.features["fine"][2]
    np.testing.assert_array_equal(found.features["fine"][0], one)
    assert not np.array_equal(one, two)
    in_mix = examples(mixed, events_of(asked), layers=["fine"])
    assert in_mix.table.select("recording", "channel").rows() == [("s.wav", None), ("m.wav", 1)]
    assert set(in_mix.failures["code"]) == {"no_channel"}
    assert "--channels each" in in_mix.failures["message"][0]


def test_what_was_not_embedded_is_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    sounds = {"a.wav": noise(8000) * 0.5, "gone.wav": noise(500)}
    sounds["a.wav"][3000] = 0.99  # the second segment of four is lost
    corpus = make_corpus(tmp_path / "sound", sounds, 1000)
    (tmp_path / "sound" / "gone.wav").unlink()
    encoder = ToyEncoder(ToyConfig(fails=0.95))
    store = embed(corpus, encoder, tmp_path / "store", segment_s=2.0, margin_s=0.0, workers=1)
    events = events_of(
        [
            event("a.wav", 0.5, 1.0),
            event("a.wav", 2.5, 3.0),  # in the lost segment
            event("a.wav", 1.0, 5.0),  # around it
            event("a.wav", 7.5, 8.4),  # past the end
            event("a.wav", 8.2, 8.4),
            event("a.wav", -2.0, -1.0),
            event("gone.wav", 0.0, 0.1),
            event("never.wav", 0.0, 0.1),
            event("a.wav", None, None),
            event("a.wav", 8.0, 7.0),
        ]
    )
    found = examples(store, events, layers=["fine"])
    assert found.table["event_id"].to_list() == [events["event_id"][row] for row in (0, 2, 3, 8)]
    assert found.failures.select("row", "code", "kept").rows() == [
        (1, "outside", False),
        (2, "partial", True),
        (3, "partial", True),
        (4, "outside", False),
        (5, "outside", False),
        (6, "failed", False),
        (7, "no_recording", False),
        (8, "partial", True),
        (9, "outside", False),
    ]
    around = store.read("fine", np.r_[50:99, 99:149])
    np.testing.assert_array_equal(found.features["fine"][1][found.masks["fine"][1]], around)
    assert "2.000 s of 1–5 s" in found.failures.filter(pl.col("row") == 2)["message"][0]
    assert "2.000 s of 0–8 s" in found.failures.filter(pl.col("row") == 8)["message"][0]
    pooled = examples(store, events[[2]], layers=["fine"], frames=8)
    assert pooled.masks["fine"][0].tolist() == [True, True, False, False, False, False, True, True]


def test_nothing_found_is_an_error(store: FeatureStore) -> None:
    with pytest.raises(DataError, match="no event has features: zz"):
        examples(store, events_of([event("zz", 0.0, 1.0)]))
    with pytest.raises(DataError, match="there are no events"):
        examples(store, make_events({}))
    with pytest.raises(StoreError, match="no layer"):
        examples(store, events_of([event("a.wav", 0.0, 1.0)]), layers=["last"])
    with pytest.raises(DataError, match="frames is 0"):
        examples(store, events_of([event("a.wav", 0.0, 1.0)]), frames=0)


def test_columns_ride_along_and_the_origin_is_kept(store: FeatureStore) -> None:
    events = events_of([{**event("g.wav", 0.0, 0.5), "individual": "cat 7"}])
    found = examples(store, events)
    assert found.table.equals(events)
    assert found.store_digest == store.digest
    assert found.encoder_checksum == store.manifest.encoder_checksum
    assert found.grids["coarse"].hop_s == pytest.approx(0.1)
    assert found.provenance["encoder"] == "toy"


def test_examples_can_be_made_by_hand_and_taken_apart() -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    made = Examples({"x": values}, {"x": np.ones((4, 3), dtype=bool)}, make_events({"label": list("abcd")}))
    part = made.take([2, 0])
    assert (len(made), len(part)) == (4, 2)
    assert part.table["label"].to_list() == ["c", "a"]
    np.testing.assert_array_equal(part.features["x"], values[[2, 0]])
    for features, masks in (
        ({}, {}),
        ({"x": values}, {"y": np.ones((4, 3), dtype=bool)}),
        ({"x": values}, {"x": np.ones((4, 2), dtype=bool)}),
        ({"x": values[:3]}, {"x": np.ones((3, 3), dtype=bool)}),
    ):
        with pytest.raises(DataError, match="Examples"):
            Examples(features, masks, made.table)


def test_a_recording_whose_ends_failed_is_told_to_be_partial(tmp_path: Path) -> None:
    sound = noise(6000) * 0.5
    sound[[100, 5900]] = 0.99
    corpus = make_corpus(tmp_path / "sound", {"a.wav": sound}, 1000)
    encoder = ToyEncoder(ToyConfig(fails=0.95))
    store = embed(corpus, encoder, tmp_path / "store", segment_s=2.0, margin_s=0.0, workers=1)
    found = examples(store, events_of([event("a.wav", None, None)]), layers=["fine"], frames=3)
    assert found.failures.select("code", "kept").rows() == [("partial", True)]
    assert "4.000 s of 0–6 s" in found.failures["message"][0]
    assert found.masks["fine"].tolist() == [[False, True, False]]
