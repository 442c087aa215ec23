"""What one stretch becomes: exact streaming of local layers, ownership of frames, failures by unit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.features.toys import ToyConfig, ToyEncoder, make_corpus, noise
from tests.reference.features import all_frames, bin_means, long_pass

from tymbal.errors import RecordingChangedError
from tymbal.features import FeatureStore, embed


def store_of(tmp_path: Path, sound: np.ndarray[Any, Any], **options: Any) -> FeatureStore:
    corpus = make_corpus(tmp_path / "sound", {"a.wav": sound}, 1000)
    encoder = options.pop("encoder", ToyEncoder())
    return embed(corpus, encoder, tmp_path / "store", workers=1, **{"dtype": "float32", **options})


def as_written(tmp_path: Path) -> np.ndarray[Any, Any]:
    return soundfile.read(tmp_path / "sound" / "a.wav", dtype="float32")[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("samples", [200, 1999, 2000, 2001, 5300, 8110])
@pytest.mark.parametrize("segment_s", [2.0, 1.03])
def test_local_layers_are_those_of_one_long_pass(tmp_path: Path, samples: int, segment_s: float) -> None:
    sound = noise(samples, seed=samples)
    store = store_of(tmp_path, sound, segment_s=segment_s)
    expected = long_pass(ToyEncoder(), as_written(tmp_path))
    for layer in ("fine", "coarse"):
        assert store.layer(layer).streams
        found = all_frames(store, layer, "a.wav", 1)
        values, centers = expected[layer]
        assert [center for center, _ in found] == pytest.approx(centers)
        np.testing.assert_allclose(np.array([row for _, row in found]).reshape(values.shape), values, atol=2e-5)


def test_a_layer_that_is_not_local_sees_its_segment_alone(tmp_path: Path) -> None:
    sound = noise(5300, seed=1)
    store = store_of(tmp_path, sound, layers="clip", segment_s=2.0)
    assert store.manifest.margin_samples == {1000: 0}
    for unit, start in enumerate((0, 2000, 4000)):
        values, centers = long_pass(ToyEncoder(), as_written(tmp_path)[start : start + 2000])["clip"]
        found, centers_s = store.unit("clip", unit)
        np.testing.assert_allclose(found, values, atol=2e-5)
        assert centers_s == pytest.approx(np.array(centers) + start / 1000)


def test_every_frame_belongs_to_the_segment_its_centre_lies_in(tmp_path: Path) -> None:
    store = store_of(tmp_path, noise(6000), segment_s=2.0)
    for unit in range(store.units.height):
        start, end = store.units.select("start_s", "end_s").row(unit)
        for layer in store.layers:
            _, centers_s = store.unit(layer, unit)
            assert ((centers_s >= start) & (centers_s < end)).all()


def test_short_sound_is_padded_and_masked(tmp_path: Path) -> None:
    sound = noise(150)
    store = store_of(tmp_path, sound)
    assert [len(store.unit(layer, 0)[0]) for layer in store.layers] == [6, 0, 6]
    padded = long_pass(ToyEncoder(), np.concatenate([as_written(tmp_path), np.zeros(50)]))["fine"][0]
    np.testing.assert_allclose(store.unit("fine", 0)[0], padded[:6], atol=2e-5)


@pytest.mark.parametrize("frames", [1, 3, 7])
def test_pooling_on_write_means_equal_bins_of_every_segment(tmp_path: Path, frames: int) -> None:
    sound = noise(5300)
    store = store_of(tmp_path, sound, segment_s=2.0, frames=frames)
    values, centers = long_pass(ToyEncoder(), as_written(tmp_path))["coarse"]
    for unit, (start, end) in enumerate(((0.0, 2.0), (2.0, 4.0), (4.0, 5.3))):
        found, centers_s = store.unit("coarse", unit)
        inside = [(c, row) for c, row in zip(centers, values, strict=True) if start <= c < end]
        full = bin_means(inside, start, start + 2.0, frames)
        kept = -(-round((end - start) * 1000) * frames // 2000)
        np.testing.assert_allclose(found, np.array(full)[:kept], atol=2e-5)
        assert centers_s == pytest.approx([start + 2.0 / frames * (i + 0.5) for i in range(kept)])
    grid = store.layer("coarse").grids[1000]
    assert (grid.hop_s, grid.receptive_s) == pytest.approx((2.0 / frames, 0.2 + 2.0 / frames))
    assert not store.layer("coarse").streams


def test_overflow_is_the_failure_of_its_unit_and_never_an_infinity(tmp_path: Path) -> None:
    sound = noise(6000)
    sound[2000:4000] = 0.0  # the quietest segment has the largest logarithm
    gain = 5000.0
    store = store_of(
        tmp_path, sound, segment_s=2.0, margin_s=0.0, dtype="float16", encoder=ToyEncoder(ToyConfig(gain=gain))
    )
    assert store.units["start_s"].to_list() == [0.0, 4.0]
    row = store.failures.row(0, named=True)
    assert (row["recording"], row["start_s"], row["end_s"], row["error"]) == ("a.wav", 2.0, 4.0, "StoreError")
    assert "'fine'" in row["message"]
    assert f"{gain * 13.815511:.3f}"[:4] in row["message"]
    assert "--dtype float32" in row["message"]
    assert all(np.isfinite(values).all() for layer in store.layers for _, values, _ in store.iter(layer))
    wide = embed_again(tmp_path, gain)
    assert wide.units.height == 3
    assert wide.failures.height == 0


def embed_again(tmp_path: Path, gain: float) -> FeatureStore:
    import polars as pl
    from tests.features.toys import ToyCorpus, describe

    corpus = ToyCorpus(tmp_path / "sound", pl.DataFrame([describe(tmp_path / "sound", "a.wav", 1000, 1, 6000)]))
    encoder = ToyEncoder(ToyConfig(gain=gain))
    return embed(corpus, encoder, tmp_path / "wide", segment_s=2.0, margin_s=0.0, dtype="float32", workers=1)


def test_not_a_number_from_an_encoder_is_a_failure(tmp_path: Path) -> None:
    encoder = ToyEncoder(ToyConfig())
    encoder.weight.data[0] = float("nan")
    corpus = make_corpus(tmp_path / "sound", {"a.wav": noise(500)}, 1000)
    store = embed(corpus, encoder, tmp_path / "store", layers="coarse", workers=1)
    assert store.units.height == 1
    from tymbal.errors import NothingDoneError

    with pytest.raises(NothingDoneError, match="'fine' gives NaN"):
        embed(corpus, encoder, tmp_path / "other", layers="fine", workers=1)


def test_a_changed_file_is_a_failure_and_a_touched_one_is_not(tmp_path: Path) -> None:
    sounds = {
        name: noise(500, seed=index) for index, name in enumerate(("gone.wav", "longer.wav", "other.wav", "same.wav"))
    }
    corpus = make_corpus(tmp_path / "sound", sounds, 1000)
    root = tmp_path / "sound"
    (root / "gone.wav").unlink()
    with open(root / "longer.wav", "ab") as file:
        file.write(b"1234")
    data = bytearray((root / "other.wav").read_bytes())
    data[-2] ^= 1
    (root / "other.wav").write_bytes(data)
    os.utime(root / "other.wav", ns=(1, 1))
    os.utime(root / "same.wav", ns=(1, 1))
    store = embed(corpus, ToyEncoder(), tmp_path / "store", workers=1)
    assert store.units["recording"].to_list() == ["same.wav"]
    failed = dict(store.failures.select("recording", "error").rows())
    assert failed == dict.fromkeys(("gone.wav", "longer.wav", "other.wav"), RecordingChangedError.__name__)
    assert all("index" in message for message in store.failures["message"])
    (root / "other.wav").write_bytes(bytes(data[:-2]) + bytes([data[-2] ^ 1]) + bytes(data[-1:]))
    again = embed(corpus, ToyEncoder(), tmp_path / "store", workers=1)
    assert again.units["recording"].to_list() == ["other.wav", "same.wav"]


def test_a_defect_costs_its_segment_and_keeps_its_trace(tmp_path: Path) -> None:
    sound = noise(6000) * 0.5
    sound[5000] = 0.99
    store = store_of(tmp_path, sound, segment_s=2.0, encoder=ToyEncoder(ToyConfig(fails=0.95)))
    assert store.units["start_s"].to_list() == [0.0, 2.0]
    row = store.failures.row(0, named=True)
    assert (row["start_s"], row["error"], row["units"]) == (4.0, "ZeroDivisionError", 1)
    assert "a toy defect" in row["trace"]
