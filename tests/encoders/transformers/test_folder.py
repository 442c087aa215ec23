"""A folder as the hub keeps it: settings bound from its files, weights all there, nothing of it run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tymbal.encoders import Encoder, load_encoder, save_encoder
from tymbal.encoders.loading import load_checkpoint
from tymbal.encoders.registry import encoder_class
from tymbal.encoders.transformers.library import new_network
from tymbal.errors import ConfigError, EncoderError

transformers = pytest.importorskip(
    "transformers", reason="the transformers extra is not installed: pip install 'tymbal[transformers]'"
)

NAMES = ("ast", "data2vec", "wav2vec2", "wavlm")
HEAD = {
    "ast": "ASTForAudioClassification",
    "data2vec": "Data2VecAudioForCTC",
    "wav2vec2": "Wav2Vec2ForCTC",
    "wavlm": "WavLMForCTC",
}
PREFIX = {"ast": "audio_spectrogram_transformer", "data2vec": "data2vec_audio"}
PREPROCESSOR = {
    "ast": {"sampling_rate": 16000, "mean": -5.0, "std": 4.0, "num_mel_bins": 32, "max_length": 64},
    **{name: {"sampling_rate": 8000, "do_normalize": True} for name in ("data2vec", "wav2vec2", "wavlm")},
}


def written(name: str, folder: Path) -> Encoder:
    """A model saved by the library, as a publisher does, and the encoder it should come back as."""
    from dataclasses import replace

    kind = encoder_class(name)
    torch.manual_seed(4)
    config = kind.tiny().config
    network = new_network(kind.family, config)  # type: ignore[attr-defined]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR[name]))
    stated = {"fbank_mean": -5.0, "fbank_std": 4.0} if name == "ast" else {"sample_rate_hz": 8000, "normalize": True}
    return kind(replace(config, **stated), network).freeze()  # type: ignore[call-arg]


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def some_key(folder: Path) -> str:
    """A weight of the second block, as the file spells it."""
    return next(key for key in sorted(load_file(folder / "model.safetensors")) if ".1." in key and "weight" in key)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_comes_back_with_equal_outputs(name: str, tmp_path: Path) -> None:
    encoder = written(name, tmp_path)
    for path in (tmp_path, tmp_path / "model.safetensors"):
        loaded = load_checkpoint(path)
        assert loaded.encoder.name == name
        assert loaded.encoder.config == encoder.config
        assert loaded.unexpected == loaded.ignored == ()
        assert loaded.metadata["assumed"] == []
    assert loaded.encoder.checksum == encoder.checksum
    assert not loaded.encoder.training
    assert not any(parameter.requires_grad for parameter in loaded.encoder.parameters())
    waveform = 0.1 * torch.randn(1, 12_000)
    for layer, output in loaded.encoder(waveform).items():
        torch.testing.assert_close(output.values, encoder(waveform)[layer].values, rtol=0, atol=0)
    save_encoder(loaded.encoder, tmp_path / "own.safetensors")
    assert load_encoder(tmp_path / "own.safetensors").checksum == encoder.checksum


@pytest.mark.parametrize("name", NAMES)
def test_a_model_with_a_head_gives_its_network(name: str, tmp_path: Path) -> None:
    written(name, tmp_path)
    kind = encoder_class(name)
    torch.manual_seed(4)
    config = new_network(kind.family, kind.tiny().config).config  # type: ignore[attr-defined]
    if name != "ast":
        config.mask_time_prob = 0.05  # published: adds the embedding of masked frames
    getattr(transformers, HEAD[name])(config).save_pretrained(tmp_path)
    assert all(
        key.startswith(PREFIX.get(name, name)) for key in load_file(tmp_path / "model.safetensors") if "1" in key
    )
    loaded = load_checkpoint(tmp_path)
    assert loaded.unexpected == ()
    heads = {key.split(".")[0] for key in loaded.ignored}
    assert heads >= {"classifier" if name == "ast" else "lm_head"}


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_misnamed_or_ill_shaped_key_is_named(name: str, tmp_path: Path) -> None:
    written(name, tmp_path)
    key = some_key(tmp_path)
    # The library still writes AST's old names, and speaks of the new ones.
    module = "layers.1.attention.k_proj" if name == "ast" else key.rpartition(".")[0]
    rewrite(tmp_path, lambda state: {k + ("s" if k == key else ""): v for k, v in state.items()})
    with pytest.raises(EncoderError, match="1 keys are missing") as error:
        load_checkpoint(tmp_path)
    assert f"{module}.weight " in str(error.value)
    assert f"{module}.weights." in str(error.value)
    rewrite(tmp_path, lambda state: {k: v for k, v in state.items() if k != key + "s"})
    with pytest.raises(EncoderError, match=f"1 keys are missing: {module}"):
        load_checkpoint(tmp_path)
    rewrite(tmp_path, lambda state: {**state, key: torch.zeros(3)})
    with pytest.raises(EncoderError, match=rf"{module}.weight has shape \(3,\)"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_another_encoder_is_told_which_would_take_it(name: str, tmp_path: Path) -> None:
    written(name, tmp_path)
    other = "wavlm" if name == "ast" else "ast"
    with pytest.raises(EncoderError, match=f"which is not '{other}'.*The encoder '{name}' would take it"):
        load_checkpoint(tmp_path, other)
    (tmp_path / "config.json").unlink()
    with pytest.raises(EncoderError, match=r"no config\.json"):
        load_checkpoint(tmp_path, name)


def test_settings_that_the_forward_pass_does_not_know_are_refused(tmp_path: Path) -> None:
    written("wavlm", tmp_path)
    path = tmp_path / "config.json"
    stated = json.loads(path.read_text())
    path.write_text(json.dumps({**stated, "add_adapter": True}))
    with pytest.raises(EncoderError, match="add_adapter = True"):
        load_checkpoint(tmp_path)
    path.write_text(json.dumps({**stated, "auto_map": {"AutoModel": "evil.Model"}, "_name_or_path": "evil/model"}))
    (tmp_path / "evil.py").write_text("raise SystemExit('run')")
    assert load_checkpoint(tmp_path).encoder.name == "wavlm"
    path.write_text("{")
    with pytest.raises(EncoderError, match="not valid JSON"):
        load_checkpoint(tmp_path)


def test_a_front_end_for_other_pictures_is_refused(tmp_path: Path) -> None:
    written("ast", tmp_path)
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps({**PREPROCESSOR["ast"], "max_length": 1024}))
    with pytest.raises(EncoderError, match=r"max_length = 1024, config\.json 64"):
        load_checkpoint(tmp_path)
    path.write_text(json.dumps({"do_normalize": False}))
    config = load_checkpoint(tmp_path).encoder.config
    assert (config.fbank_mean, config.fbank_std) == (0.0, 0.5)
    path.unlink()
    assert load_checkpoint(tmp_path).metadata["assumed"] == ["fbank_mean", "fbank_std", "sample_rate_hz"]


def test_fields_of_ours_can_be_given(tmp_path: Path) -> None:
    written("ast", tmp_path)
    assert load_checkpoint(tmp_path, frequency="tokens").encoder.layers[0].bands == 2
    with pytest.raises(ConfigError, match="frequencies"):
        load_checkpoint(tmp_path, frequencies="tokens")


def test_weights_that_are_not_safetensors_are_refused(tmp_path: Path) -> None:
    written("wav2vec2", tmp_path)
    weights = tmp_path / "model.safetensors"
    torch.save(load_file(weights), tmp_path / "pytorch_model.bin")
    whole = weights.read_bytes()
    weights.unlink()
    with pytest.raises(EncoderError, match="no safetensors"):
        load_checkpoint(tmp_path)
    weights.write_bytes(whole[:-100])
    with pytest.raises(EncoderError, match="cannot be read"):
        load_checkpoint(tmp_path)


def test_nothing_is_printed_while_weights_are_read(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    written("wavlm", tmp_path)
    capfd.readouterr()
    load_checkpoint(tmp_path)
    assert capfd.readouterr() == ("", "")
