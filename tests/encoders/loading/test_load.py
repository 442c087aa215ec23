from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.reference.checkpoints import PUBLISHED, Published, State, beats_state, hubert_state
from tests.reference.cnn_checkpoints import CONVOLUTIONAL

from tymbal.encoders import save_encoder
from tymbal.encoders.beats import Beats
from tymbal.encoders.hubert import Hubert
from tymbal.encoders.loading import load_checkpoint, write_selftest
from tymbal.errors import ConfigError, EncoderError

every = pytest.mark.parametrize("published", PUBLISHED + CONVOLUTIONAL, ids=lambda published: published.name)


@every
def test_every_layout_comes_back_with_equal_outputs(published: Published, tmp_path: Path) -> None:
    path, written = published.write(tmp_path)
    loaded = load_checkpoint(path, **published.given)
    assert loaded.encoder.name == published.encoder
    assert loaded.layout == published.layout
    assert loaded.unexpected == published.unexpected
    assert loaded.labels == published.labels
    assert loaded.encoder.config == written.config
    assert not loaded.encoder.training
    waveform = 0.5 * torch.randn(2, 40_000, generator=torch.Generator().manual_seed(1))
    found, wanted = loaded.encoder(waveform), written(waveform)
    assert list(found) == list(wanted)
    for name, output in wanted.items():
        torch.testing.assert_close(found[name].values, output.values, rtol=0, atol=0)


@every
def test_a_missing_key_is_named(published: Published, tmp_path: Path) -> None:
    path, _ = published.write(tmp_path, lambda state: {k: v for k, v in state.items() if k != published.key})
    with pytest.raises(EncoderError) as error:
        load_checkpoint(path, **published.given)
    assert "keys are missing" in str(error.value)
    assert wanted_name(published.key) in str(error.value)


@every
def test_a_misnamed_key_is_named_and_its_place_shown(published: Published, tmp_path: Path) -> None:
    wrong = published.key + "s"
    path, _ = published.write(
        tmp_path, lambda state: {(wrong if k == published.key else k): v for k, v in state.items()}
    )
    with pytest.raises(EncoderError) as error:
        load_checkpoint(path, published.encoder, **published.given)
    assert wanted_name(published.key) in str(error.value)
    assert repr(wrong) in str(error.value) or "weight_g" in str(error.value)


def wanted_name(key: str) -> str:
    """Weight norm has two spellings; an error names the first."""
    return key.replace("parametrizations.weight.original0", "weight_g")


@every
def test_a_tensor_of_another_shape_is_named(published: Published, tmp_path: Path) -> None:
    path, _ = published.write(
        tmp_path, lambda state: {k: (v[..., :-1].clone() if k == published.key else v) for k, v in state.items()}
    )
    with pytest.raises(EncoderError, match=r"shape|heads|groups") as error:
        load_checkpoint(path, **published.given)
    assert published.key in str(error.value) or "pos_conv" in published.key


@every
def test_a_file_of_another_encoder_says_which_takes_it(published: Published, tmp_path: Path) -> None:
    path, _ = published.write(tmp_path)
    other = "hubert" if published.encoder != "hubert" else "beats"
    with pytest.raises(EncoderError, match=f"looks like {published.layout}.*{published.encoder!r} would take it"):
        load_checkpoint(path, other, **published.given)


def test_heads_and_ignored_keys_are_told_apart(tmp_path: Path) -> None:
    cases = {published.name: published for published in PUBLISHED}
    for name in ("beats-microsoft", "hubert-fairseq", "eat-fairseq", "birdmae-hub"):
        (tmp_path / name).mkdir()
    loaded = load_checkpoint(cases["beats-microsoft"].write(tmp_path / "beats-microsoft")[0])
    assert loaded.classifier is not None
    assert loaded.classifier.weight.shape == (5, 32)
    assert loaded.ignored == ()
    loaded = load_checkpoint(cases["hubert-fairseq"].write(tmp_path / "hubert-fairseq")[0])
    assert loaded.ignored == ("label_embs_concat", "mask_emb")
    assert loaded.classifier is None
    case = cases["eat-fairseq"]
    loaded = load_checkpoint(case.write(tmp_path / "eat-fairseq")[0], **case.given)
    assert loaded.ignored == ("_ema (no tensor)", "modality_encoders.IMAGE.decoder.proj.weight")
    case = cases["birdmae-hub"]
    loaded = load_checkpoint(case.write(tmp_path / "birdmae-hub")[0], **case.given)
    assert set(loaded.ignored) == {"norm.weight", "norm.bias", "fc_norm.weight", "fc_norm.bias"}


def test_settings_are_traced_to_where_they_were_stated(tmp_path: Path) -> None:
    cases = {published.name: published for published in PUBLISHED}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    metadata = load_checkpoint(cases["beats-microsoft"].write(tmp_path / "a")[0]).metadata
    assert metadata["stated"]["mel_bands"] == 32
    assert metadata["assumed"] == ["fbank_mean", "fbank_std"]
    metadata = load_checkpoint(cases["beats-naturelm"].write(tmp_path / "b")[0], mel_bands=32).metadata
    assert metadata["variant"] == "NatureLM"
    assert metadata["given"] == {"mel_bands": 32}
    assert "deep_norm" in metadata["assumed"]


def beats_file(folder: Path, state: State | None = None, **facts: object) -> Path:
    path = folder / "beats.safetensors"
    header = {key: json.dumps(value) for key, value in facts.items()}
    torch.manual_seed(0)
    save_file(state or beats_state(Beats.tiny()), path, metadata={"num_mel_bins": "32", **header})
    return path


def test_front_end_facts_bind_from_the_header(tmp_path: Path) -> None:
    path = beats_file(tmp_path, sample_rate=32000, fbank_mean=15.66439, fbank_std=6.38312)
    config = load_checkpoint(path).encoder.config
    assert (config.sample_rate_hz, config.front_end_rate_hz) == (32000, 16000)
    assert (config.fbank_mean, config.fbank_std) == (15.66439, 6.38312)
    assert load_checkpoint(path, fbank_mean=1.0).encoder.config.fbank_mean == 1.0


@pytest.mark.parametrize(
    ("name", "value"),
    [("activation_fn", "glu"), ("layer_norm_first", True), ("gru_rel_pos", False), ("frame_shift", 5.0)],
)
def test_a_stated_setting_that_the_encoder_lacks_is_refused(name: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=f"{name} = "):
        load_checkpoint(beats_file(tmp_path, **{name: value}))


def test_tables_that_should_be_shared_and_are_not_are_refused(tmp_path: Path) -> None:
    state = beats_state(Beats.tiny())
    state["encoder.layers.1.self_attn.relative_attention_bias.weight"] += 1
    with pytest.raises(EncoderError, match="same values"):
        load_checkpoint(beats_file(tmp_path, state))


def test_half_precision_becomes_float32_and_nan_is_refused(tmp_path: Path) -> None:
    state = beats_state(Beats.tiny())
    path = beats_file(tmp_path, {key: value.half() for key, value in state.items()})
    assert {p.dtype for p in load_checkpoint(path).encoder.parameters()} == {torch.float32}
    state["encoder.layer_norm.bias"][3] = torch.nan
    with pytest.raises(EncoderError, match=r"encoder\.layer_norm\.bias.*not finite"):
        load_checkpoint(beats_file(tmp_path, state))


def test_more_blocks_than_stated_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"encoder\.layers\.1\..*no place"):
        load_checkpoint(beats_file(tmp_path, encoder_layers=1))


def test_an_unknown_field_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="bands"):
        load_checkpoint(beats_file(tmp_path), bands=3)


def test_labels_of_another_head_are_refused(tmp_path: Path) -> None:
    published = next(published for published in PUBLISHED if published.name == "beats-avex")
    path, _ = published.write(tmp_path)
    (tmp_path / "label_map.json").write_text(json.dumps(["a", "b"]))
    with pytest.raises(EncoderError, match="2 labels for a head of 3 classes"):
        load_checkpoint(path, mel_bands=32)


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("wavlm.encoder.layers.0.attention.gru_rel_pos_linear.weight", "WavLM"),
        ("pre_conv0.weight", "PANNs network on the waveform"),
        ("features.0.0.weight", "torchvision network, but no EfficientNet"),
        ("conv_stem.weight", "timm network, but no EfficientNet"),
        ("audio_spectrogram_transformer.embeddings.patch_embeddings.projection.weight", "AST.*'ast'"),
        ("something.else", r"not known here \(something\.else"),
    ],
)
def test_other_weights_say_what_they_look_like(key: str, what: str, tmp_path: Path) -> None:
    save_file({key: torch.zeros(2)}, tmp_path / "x.safetensors")
    with pytest.raises(EncoderError, match=what):
        load_checkpoint(tmp_path / "x.safetensors")


def test_wavlm_is_not_taken_for_hubert(tmp_path: Path) -> None:
    state = hubert_state(Hubert.tiny(), "transformers")
    state["encoder.layers.0.attention.gru_rel_pos_linear.weight"] = torch.zeros(8, 8)
    save_file(state, tmp_path / "x.safetensors")
    with pytest.raises(EncoderError, match="WavLM"):
        load_checkpoint(tmp_path / "x.safetensors", heads=4)


def test_our_own_files_load_too(tmp_path: Path) -> None:
    path, encoder = tmp_path / "own.safetensors", Beats.tiny().freeze()
    save_encoder(encoder, path)
    assert load_checkpoint(path).encoder.checksum == encoder.checksum
    changed = load_checkpoint(path, frequency="concat").encoder
    assert changed.layers[0].dim == 64
    assert changed.config == replace(encoder.config, frequency="concat")
    with pytest.raises(EncoderError, match="holds the encoder 'beats'"):
        load_checkpoint(path, "hubert")


class TestSelfTest:
    def stored(self, folder: Path) -> Path:
        path, encoder = next(iter(PUBLISHED)).write(folder)
        write_selftest(encoder, path, 0.1 * torch.randn(1, 9000))
        return path

    def test_it_passes_and_says_by_how_much(self, tmp_path: Path) -> None:
        assert load_checkpoint(self.stored(tmp_path)).metadata["self_test"].startswith("passed")

    def test_a_wrong_front_end_fails_it_by_layer(self, tmp_path: Path) -> None:
        path = self.stored(tmp_path)
        with pytest.raises(EncoderError, match="'embedding' differs"):
            load_checkpoint(path, fbank_mean=14.0)

    def test_reference_outputs_may_stand_in_the_file(self, tmp_path: Path) -> None:
        path = self.stored(tmp_path)
        beside = path.with_name("BEATs.selftest.safetensors")
        inside = load_file(beside)
        beside.unlink()
        data = torch.load(path, weights_only=True)
        data["model"].update(inside)
        torch.save(data, path)
        loaded = load_checkpoint(path)
        assert loaded.metadata["self_test"].startswith("passed")
        assert loaded.unexpected == ()
        data["model"]["selftest.block1"] += 1
        torch.save(data, path)
        with pytest.raises(EncoderError, match="'block1' differs"):
            load_checkpoint(path)

    def test_other_output_settings_leave_it_out(self, tmp_path: Path) -> None:
        loaded = load_checkpoint(self.stored(tmp_path), frequency="tokens")
        assert loaded.metadata["self_test"].startswith("not run")


class Payload:
    """What a malicious checkpoint would do: run a command while it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.target),))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_malicious_pickle_is_refused_and_not_run(legacy: bool, tmp_path: Path) -> None:
    path, target = tmp_path / "evil.pt", tmp_path / "owned"
    state = {**beats_state(Beats.tiny()), "payload": Payload(target)}
    torch.save({"cfg": {}, "model": state}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(EncoderError, match=r"refused: .*mkdir") as error:
        load_checkpoint(path)
    assert str(path) in str(error.value)
    assert not target.exists()
    torch.load(path, weights_only=False)  # the payload is real: any other reader would have run it
    assert target.exists()
