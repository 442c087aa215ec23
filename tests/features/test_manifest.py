"""Manifests go through JSON whole; other settings are refused by name."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from tymbal.errors import SettingsError, StoreError
from tymbal.features import Manifest, StoredLayer
from tymbal.features.manifest import check_same, layer_file, read_manifest
from tymbal.units import FrameGrid

MANIFEST = Manifest(
    parameters={"encoder": "toy", "encoder_checksum": "ab", "precision": "float16", "segment_s": 10.0, "layers": ["a"]},
    encoder_config={"gain": 1.0},
    layers=(StoredLayer("a", 2, 3, True, False, {8000: FrameGrid(0.01, 0.0, math.inf)}),),
    segment_samples={8000: 80_000},
    margin_samples={8000: 5},
    corpus_digest="c",
    plan_digest="p",
    faults=({"code": "x", "message": "y"},),
)


def test_a_manifest_survives_json() -> None:
    text = json.dumps(MANIFEST.to_dict(), allow_nan=False)
    assert Manifest.from_dict(json.loads(text)) == MANIFEST
    assert MANIFEST.layers[0].width == 6
    assert (MANIFEST.encoder, MANIFEST.encoder_checksum) == ("toy", "ab")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"parameters": 3}', "\xff"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    assert read_manifest(tmp_path) is None
    (tmp_path / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(StoreError, match=r"manifest\.json: not the manifest"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("encoder", "spectral", "encoder: there 'toy', asked for 'spectral'"),
        ("encoder_checksum", "cd", "weights of the encoder: there 'ab', asked for 'cd'"),
        ("numerics", "int8", "precision of the encoder: there None, asked for 'int8'"),
        ("precision", "float32", "dtype of the rows: there 'float16', asked for 'float32'"),
        ("segment_s", 5.0, "segment: there 10.0, asked for 5.0"),
        ("layers", ["a", "b"], "layers: there ['a'], asked for ['a', 'b']"),
        ("frames", 4, "frames: there None, asked for 4"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path: Path, name: str, value: object, told: str) -> None:
    with pytest.raises(SettingsError, match="new folder") as caught:
        check_same(tmp_path, MANIFEST, other(**{name: value}))
    assert f"other settings: {told}. " in str(caught.value)
    assert caught.value.exit_code == 2


def other(config: object = MANIFEST.encoder_config, **parameters: object) -> Manifest:
    return replace(MANIFEST, parameters={**MANIFEST.parameters, **parameters}, encoder_config=config)


def test_the_same_settings_are_taken() -> None:
    check_same(Path("store"), MANIFEST, MANIFEST)
    check_same(Path("store"), MANIFEST, replace(MANIFEST, plan_digest="other"))
    check_same(Path("store"), MANIFEST, other(config={"gain": (1.0,)}))  # the checksum decides


def test_what_differs_in_an_encoder_is_told_by_the_field_not_by_its_hash() -> None:
    cases = {
        "gain of the encoder: there 1.0, asked for 2.0": other({"gain": 2.0}, encoder_checksum="cd"),
        "bands of the encoder: there None, asked for 8": other({"gain": 1.0, "bands": 8}, encoder_checksum="cd"),
        "encoder: there 'toy', asked for 'spectral'": other({}, encoder="spectral", encoder_checksum="cd", layers=[]),
        "precision of the encoder: there None, asked for 'int8'": other(numerics="int8", encoder_checksum="cd"),
        "weights of the encoder: there 'ab', asked for 'cd'": other({"gain": 1.0, "new": None}, encoder_checksum="cd"),
    }
    for told, asked in cases.items():
        with pytest.raises(SettingsError) as caught:
            check_same(Path("store"), MANIFEST, asked)
        assert f"other settings: {told}. " in str(caught.value)


def test_layer_files_are_safe_names() -> None:
    assert layer_file(3, "block/3:mlp é", "k") == "layers/03-block_3_mlp_/k.npy"
    assert layer_file(0, "con", "k") == "layers/00-con/k.npy"
