"""Reading: any rows in any order, units, batches; damage is told, never read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.features.toys import ToyEncoder, small_corpus

from tymbal.errors import StoreError, UsageError
from tymbal.features import FeatureStore, embed, plan


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "SHARD_UNITS", 4)
        return embed(small_corpus(folder / "sound"), ToyEncoder(), folder / "store", segment_s=2.0, workers=1)


@pytest.fixture(scope="module")
def whole(store: FeatureStore) -> dict[str, np.ndarray[Any, Any]]:
    found = {}
    for layer in store.layers:
        folder = next((store.path / "layers").glob(f"*-{layer}"))
        keys = store._shards.filter(store._shards["layer"] == layer)["key"]
        found[layer] = np.concatenate([np.load(folder / f"{key}.npy") for key in keys])
    return found


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_rows_in_any_order(
    store: FeatureStore, whole: dict[str, np.ndarray[Any, Any]], data: st.DataObject
) -> None:
    layer = data.draw(st.sampled_from(store.layers))
    total = store.rows(layer)
    wanted = data.draw(st.lists(st.integers(0, total - 1), max_size=40))
    found = store.read(layer, wanted)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, whole[layer][wanted] if wanted else np.empty((0, found.shape[1])))
    start, stop = sorted(data.draw(st.tuples(st.integers(0, total), st.integers(0, total))))
    np.testing.assert_array_equal(store.read_range(layer, start, stop), whole[layer][start:stop])


def test_the_store_spans_several_files(store: FeatureStore) -> None:
    assert len(store._files["fine"]) == 3
    assert store.units.height == 12


def test_units_are_their_rows(store: FeatureStore, whole: dict[str, np.ndarray[Any, Any]]) -> None:
    for layer in store.layers:
        joined = [values for _, values, _ in store.iter(layer)]
        np.testing.assert_array_equal(np.concatenate(joined), whole[layer])
        for unit, values, centers_s in store.iter(layer):
            assert len(values) == len(centers_s)
            assert np.allclose(np.diff(centers_s), store.layer(layer).grids[1000].hop_s)
            rows, grid = store.unit_rows(layer, unit)
            np.testing.assert_array_equal(whole[layer][rows], values)
            assert grid.centers_s(len(values)).tolist() == centers_s.tolist()


def test_runs_are_the_units_of_a_recording_and_channel(store: FeatureStore) -> None:
    found = {
        key: store.units.filter((store.units["recording"] == key[0]) & store.units["channel"].eq_missing(key[1]))
        for key in store.runs()
    }
    assert {key: list(run) for key, run in store.runs().items()} == {
        key: units["unit"].to_list() for key, units in found.items()
    }
    assert ("two.wav", None) in found
    assert sum(len(units) for units in found.values()) == 12


@pytest.mark.parametrize("seed", [None, 3])
def test_batches_hold_every_row_once_and_never_cross_a_unit(store: FeatureStore, seed: int | None) -> None:
    bounds = {row for unit in range(12) for row in [store.unit_rows("fine", unit)[0].start]}
    batches = list(store.batches("fine", 7, seed=seed))
    order = np.concatenate([rows for rows, _ in batches])
    assert sorted(order) == list(range(store.rows("fine")))
    assert (order.tolist() == sorted(order)) == (seed is None)
    for rows, values in batches:
        assert 1 <= len(rows) <= 7
        assert not any(row in bounds for row in rows[1:].tolist())
        np.testing.assert_array_equal(values, store.read("fine", rows))
    again = list(store.batches("fine", 7, seed=seed))
    assert all(one[0].tolist() == two[0].tolist() for one, two in zip(batches, again, strict=True))
    with pytest.raises(UsageError, match="batch_size"):
        next(store.batches("fine", 0))


@pytest.mark.parametrize("rows", [[-1], [10**6], [0.5], [[1, 2]], np.array([True])])
def test_rows_that_are_not_there_are_refused(store: FeatureStore, rows: Any) -> None:
    with pytest.raises(UsageError, match=r"layer 'fine'.*whole numbers from 0 to"):
        store.read("fine", rows)


def test_other_things_that_are_not_there(store: FeatureStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no layer 'last'.*fine, coarse, clip"):
        store.read("last", [0])
    with pytest.raises(UsageError, match="unit 12"):
        store.unit("fine", 12)
    with pytest.raises(UsageError, match="rows 3 to 2"):
        store.read_range("fine", 3, 2)
    with pytest.raises(StoreError, match="no feature store here"):
        FeatureStore.open(tmp_path)
    with pytest.raises(StoreError, match="no feature store here"):
        FeatureStore.open(tmp_path / "missing")


def copy_of(store: FeatureStore, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(store.path, tmp_path / "copy"))


def test_damage_is_found_by_verify_and_by_length(store: FeatureStore, tmp_path: Path) -> None:
    path = copy_of(store, tmp_path)
    assert FeatureStore.open(path).verify() == ()
    first, second, third = sorted((path / "layers" / "00-fine").iterdir())
    data = bytearray(first.read_bytes())
    data[-1] ^= 1
    first.write_bytes(data)
    second.write_bytes(second.read_bytes()[:-4])
    third.unlink()
    damaged = FeatureStore.open(path)
    assert sorted(fault.code for fault in damaged.verify()) == ["damaged", "damaged", "missing"]
    assert {fault.message.split(":")[0] for fault in damaged.verify()} == {
        f"layers/00-fine/{file.name}" for file in (first, second, third)
    }
    with pytest.raises(StoreError, match="damaged"):
        damaged.read("fine", np.arange(damaged.rows("fine")))


@pytest.mark.parametrize("name", ["units.parquet", "shards.parquet"])
def test_a_damaged_or_missing_index_is_refused(store: FeatureStore, tmp_path: Path, name: str) -> None:
    path = copy_of(store, tmp_path)
    data = (path / name).read_bytes()
    (path / name).write_bytes(data[:-1])
    with pytest.raises(StoreError, match="not those that were written"):
        FeatureStore.open(path)
    (path / name).unlink()
    with pytest.raises(StoreError, match=name):
        FeatureStore.open(path)


def test_few_files_are_held_open_and_closing_lets_go(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from tymbal.features import store as module

    opened = FeatureStore.open(store.path)
    monkeypatch.setattr(module, "OPEN_MAPS", 2)
    expected = store.read("fine", np.arange(store.rows("fine")))
    with opened:
        np.testing.assert_array_equal(opened.read("fine", np.arange(store.rows("fine"))), expected)
        assert len(opened._maps) == 2
    assert len(opened._maps) == 0
    np.testing.assert_array_equal(opened.read("fine", [0]), expected[:1])
    assert "12 units" in repr(opened)
