from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.probes.finetuning.conftest import RATE_HZ, Chirps, build
from tests.probes.finetuning.test_tuning import quick

from tymbal.corpus import Corpus
from tymbal.encoders import save_encoder
from tymbal.encoders.source import open_encoder
from tymbal.errors import DataError, UsageError
from tymbal.features import embed, examples
from tymbal.probes import Probe
from tymbal.probes.finetuning import FineTuned, frozen_examples


def fitted(chirps: Chirps, mode: str, source: dict[str, object] | None = None, name: str = "hubert") -> FineTuned:
    corpus, events, labels, _ = chirps
    model = FineTuned(quick(mode=mode, rank=2, head="attention", head_first=False, encoder_learning_rate=1e-2))
    encoder = build(name).at_rate(RATE_HZ)
    sounds = model.sounds(corpus, events[:12], encoder)
    return model.fit(encoder, sounds, labels[:12], rows=range(8), watch=range(8, 12), source=source, device="cpu")


@pytest.mark.parametrize(
    ("mode", "name"), [("full", "hubert"), ("full", "melcnn"), ("layernorm", "cnn14"), ("lora", "hubert")]
)
def test_a_file_gives_the_same_scores(mode: str, name: str, chirps: Chirps, tmp_path: Path) -> None:
    model = fitted(chirps, mode, name=name)
    sounds = model.sounds(chirps[0], chirps[1][20:26])
    wanted = model.predict_proba(sounds)
    path = model.save(tmp_path / "model.safetensors")
    again = FineTuned.load(path, encoder=None if mode == "full" else build(name))
    assert np.array_equal(again.predict_proba(again.sounds(chirps[0], chirps[1][20:26])), wanted)
    assert (again.labels_, again.layers_, again.notes_) == (model.labels_, model.layers_, model.notes_)
    assert again.save(tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    weights = sum(each.numel() for each in build(name).state_dict().values())
    assert mode == "full" or path.stat().st_size < 4 * weights


def test_the_encoder_is_opened_from_where_it_came(chirps: Chirps, tmp_path: Path) -> None:
    file = tmp_path / "encoder.safetensors"
    save_encoder(build("hubert"), file)
    path = fitted(chirps, "lora", source={"source": str(file)}).save(tmp_path / "model.safetensors")
    assert FineTuned.load(path).encoder_name_ == "hubert"
    file.unlink()
    with pytest.raises(DataError, match="does not open"):
        FineTuned.load(path)


def test_another_encoder_and_damaged_files_are_refused(chirps: Chirps, tmp_path: Path) -> None:
    path = fitted(chirps, "lora").save(tmp_path / "model.safetensors")
    with pytest.raises(DataError, match="needs the hubert encoder"):
        FineTuned.load(path)
    with pytest.raises(DataError, match=r"made from the hubert encoder with checksum .* this one has"):
        FineTuned.load(path, encoder=build("beats"))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="not a file that Tymbal wrote"):
        FineTuned.load(path, encoder=build("hubert"))
    with pytest.raises(UsageError, match="not fitted"):
        FineTuned().save(path)


def test_a_probe_is_no_fine_tuned_model(chirps: Chirps, tmp_path: Path) -> None:
    corpus, events, labels, _ = chirps
    config = quick()
    encoder = build("hubert")
    frozen = frozen_examples(encoder, ("block1",), FineTuned(config).sounds(corpus, events[:8], encoder), config)
    Probe(head="ridge").fit(frozen, labels[:8]).save(tmp_path / "probe.safetensors")
    with pytest.raises(DataError, match="allowed: format 1 of fine-tuned"):
        FineTuned.load(tmp_path / "probe.safetensors")


def test_the_tuned_encoder_embeds(chirps: Chirps, tmp_path: Path) -> None:
    """A store of the tuned encoder, adapters merged, holds what the model's own encoder hears."""
    corpus: Corpus = chirps[0]
    events: pl.DataFrame = chirps[1][:4]
    model = fitted(chirps, "lora")
    save_encoder(model.encoder(), tmp_path / "tuned.safetensors")
    opened = open_encoder(tmp_path / "tuned.safetensors").encoder
    store = embed(corpus, opened, tmp_path / "store", segment_s=0.5, dtype="float32", layers="last")
    wanted = examples(store, events, frames=4).features["block1"]
    own = model.tuned_.network.encoder
    found = frozen_examples(own, ("block1",), model.sounds(corpus, events), model.config).features["block1"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert not np.allclose(wanted, embedded(corpus, events, tmp_path), atol=1e-3)


def embedded(corpus: Corpus, events: pl.DataFrame, folder: Path) -> np.ndarray:
    """The features of the encoder before."""
    store = embed(corpus, build("hubert"), folder / "before", segment_s=0.5, dtype="float32", layers="last")
    return examples(store, events, frames=4).features["block1"]
