"""The encoder that comes with the package: small, whole, for every rate, and giving what it gave when it was made."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tymbal.encoders.check import synthetic_sound
from tymbal.encoders.fetch import SHIPPED, locate
from tymbal.encoders.known import KNOWN, KnownCheckpoint
from tymbal.encoders.loading import load_checkpoint
from tymbal.encoders.source import open_encoder
from tymbal.errors import EncoderError

COMES = [each for each in KNOWN if each.shipped]
named = pytest.mark.parametrize("known", COMES, ids=lambda each: each.name)


def test_there_is_one() -> None:
    assert [each.name for each in COMES] == ["tymbal-small"]


@named
def test_it_is_found_by_name_without_a_network_and_takes_10_mb_at_most(known: KnownCheckpoint) -> None:
    assert locate(known.name).path == SHIPPED / known.file
    taken = sum(path.stat().st_size for path in (SHIPPED / known.file).iterdir())
    assert taken <= 10_000_000
    weights = (SHIPPED / known.file / "encoder.safetensors").stat().st_size
    assert abs(weights / 1e6 - known.size_mb) < 1


@named
def test_hashes_and_reference_outputs_agree(known: KnownCheckpoint) -> None:
    loaded = load_checkpoint(SHIPPED / known.file)
    assert str(loaded.metadata["self_test"]).startswith("passed")
    assert loaded.metadata["files_checked"] >= 5
    opened = open_encoder(known.name)
    assert opened.encoder.checksum == loaded.encoder.checksum
    assert opened.encoder.name == known.encoder
    assert opened.licence == known.licence


@named
def test_a_changed_weight_is_noticed(known: KnownCheckpoint, tmp_path: Path) -> None:
    for path in (SHIPPED / known.file).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = bytearray((tmp_path / "encoder.safetensors").read_bytes())
    weights[-1000] ^= 1
    (tmp_path / "encoder.safetensors").write_bytes(weights)
    with pytest.raises(EncoderError, match="SHA-256"):
        load_checkpoint(tmp_path)


@named
@pytest.mark.parametrize("rate_hz", [8000, 44100, 500_000])
def test_it_takes_any_rate_and_tells_sounds_apart(known: KnownCheckpoint, rate_hz: int) -> None:
    encoder = open_encoder(known.name).encoder.at_rate(rate_hz)
    seconds = 1.0 * min(1.0, 64_000 / rate_hz)
    sounds = torch.stack([synthetic_sound(rate_hz, seconds, seed) for seed in range(3)])
    with torch.inference_mode():
        found = encoder(sounds)
    for name, (values, mask) in found.items():
        assert bool(torch.isfinite(values).all()), name
        assert bool(mask.all())
        means = values.mean(1).flatten(1)
        assert float(torch.cdist(means, means)[~torch.eye(3, dtype=torch.bool)].min()) > 1e-2, name


@named
def test_its_card_says_what_it_was_trained_on_and_how_it_does(known: KnownCheckpoint) -> None:
    card = (SHIPPED / known.file / "README.md").read_text(encoding="utf-8")
    assert "not stated" not in card
    for word in ("soundscape_24h", "CPU minutes", "zebra finches", "28 sessions", "spectral"):
        assert word in card
