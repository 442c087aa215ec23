"""The library's own hidden states are our layers; masks, grids and configurations are ours."""

from __future__ import annotations

import math
import pickle
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tymbal.encoders.hubert import Hubert
from tymbal.encoders.loading import load_checkpoint
from tymbal.encoders.transformers.library import library_config, new_network
from tymbal.encoders.transformers.speech import Data2Vec, SpeechEncoder, Wav2Vec2, WavLM
from tymbal.errors import ConfigError

transformers = pytest.importorskip(
    "transformers", reason="the transformers extra is not installed: pip install 'tymbal[transformers]'"
)

STABLE = {"norm_first": True, "conv_norm": "layer", "conv_bias": True}
VARIANTS = [(Wav2Vec2, {}), (Wav2Vec2, STABLE), (WavLM, {}), (WavLM, STABLE), (Data2Vec, {})]


def pair(kind: type[SpeechEncoder], variant: dict[str, Any]) -> tuple[SpeechEncoder, Any]:
    """One of ours and the library's network, with the same shaken weights."""
    torch.manual_seed(1)
    config = replace(kind.tiny().config, normalize=False, **variant)
    network = new_network(kind.family, config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return kind(config, network).freeze(), network  # type: ignore[return-value]


@pytest.mark.parametrize(("kind", "variant"), VARIANTS, ids=lambda value: getattr(value, "name", len(str(value))))
def test_every_layer_is_a_hidden_state_of_the_library(kind: type[SpeechEncoder], variant: dict[str, Any]) -> None:
    encoder, network = pair(kind, variant)
    waveform = 0.3 * torch.randn(2, 7777, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        wanted = network(waveform, output_hidden_states=True)
    found = encoder(waveform)
    names = ["embedding", "block0", "block1"]
    assert list(found) == [*names, *(["norm"] if variant else [])]
    for name, states in zip(names, wanted.hidden_states, strict=True):
        torch.testing.assert_close(found[name].values[:, :, 0], states, rtol=0, atol=1e-5)
    last = found["norm" if variant else "block1"].values[:, :, 0]
    torch.testing.assert_close(last, wanted.last_hidden_state, rtol=0, atol=1e-5)
    assert float((found["block0"].values - found["block1"].values).abs().max()) > 0.01


@pytest.mark.parametrize(("kind", "variant"), VARIANTS, ids=lambda value: getattr(value, "name", len(str(value))))
def test_padding_leaves_real_frames_alone(kind: type[SpeechEncoder], variant: dict[str, Any]) -> None:
    """The library's do change: what the mask is for."""
    encoder, network = pair(kind, variant)
    waveform = 0.3 * torch.randn(1, 5000, generator=torch.Generator().manual_seed(2))
    padded = torch.nn.functional.pad(waveform, (0, 3000))
    mask = torch.arange(8000)[None] < 5000
    alone, together = encoder(waveform), encoder(padded, mask)
    frames = encoder.frames(5000)["embedding"]
    for name, output in together.items():
        assert int(output.mask.sum()) == frames
        torch.testing.assert_close(output.values[:, :frames], alone[name].values, rtol=0, atol=1e-5)
    with torch.no_grad():
        theirs = network(padded).last_hidden_state[:, :frames]
    assert float((theirs - alone[list(alone)[-1]].values[:, :, 0]).abs().max()) > 1e-3


def test_the_waveform_is_normalised_as_the_librarys_feature_extractor_does() -> None:
    encoder, network = pair(Wav2Vec2, {})
    normalising = Wav2Vec2(replace(encoder.config, normalize=True), network).freeze()
    waveform = 0.2 + 0.3 * torch.randn(2, 6000, generator=torch.Generator().manual_seed(2))
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True, sampling_rate=16000)
    values = [torch.from_numpy(x) for x in extractor(list(waveform.numpy()), sampling_rate=16000)["input_values"]]
    wanted = encoder(torch.stack(values))
    for name, output in normalising(waveform).items():
        torch.testing.assert_close(output.values, wanted[name].values, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", [Wav2Vec2, WavLM, Data2Vec])
def test_defaults_are_the_librarys_and_the_published_sizes(kind: type[SpeechEncoder]) -> None:
    defaults = kind.__init__.__globals__[{"wav2vec2": "SpeechConfig"}.get(kind.name, f"{kind.__name__}Config")]()
    theirs = getattr(transformers, kind.family.config)()
    assert {field.name for field in fields(defaults)} >= set(kind.family.settings)
    for ours, name in kind.family.settings.items():
        value = getattr(theirs, name)
        assert getattr(defaults, ours) == (tuple(value) if isinstance(value, list) else value), name
    with torch.device("meta"):
        encoder = kind(defaults)
        whole = getattr(transformers, kind.family.model)(theirs)
    # All but the embedding of masked frames, which only training uses.
    count = sum(parameter.numel() for parameter in encoder.parameters())
    assert count == sum(parameter.numel() for parameter in whole.parameters()) - 768
    assert count == pytest.approx({"wav2vec2": 94.4e6, "wavlm": 94.4e6, "data2vec": 93.2e6}[kind.name], rel=1e-3)
    assert encoder.min_samples == 400
    assert encoder.frames(160_000)["block11"] == 499
    assert encoder.layers[0].grid.hop_s == pytest.approx(0.02)
    assert math.isinf(encoder.layers[0].grid.receptive_s)


def test_hubert_of_ours_equals_the_librarys(tmp_path: Path) -> None:
    torch.manual_seed(3)
    config = transformers.HubertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        conv_dim=[16] * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )
    network = transformers.HubertModel(config).eval()
    network.save_pretrained(tmp_path)
    loaded = load_checkpoint(tmp_path, heads=4)
    assert isinstance(loaded.encoder, Hubert)
    waveform = 0.3 * torch.randn(1, 6000)
    with torch.no_grad():
        wanted = network(waveform, output_hidden_states=True).hidden_states
    found = loaded.encoder(waveform)
    for block in range(2):
        torch.testing.assert_close(found[f"block{block}"].values[:, :, 0], wanted[block + 1], rtol=0, atol=1e-4)


def test_wav2vec2_also_loads_into_our_hubert_which_is_the_same_network(tmp_path: Path) -> None:
    encoder, network = pair(Wav2Vec2, {})
    network.save_pretrained(tmp_path)
    ours = load_checkpoint(tmp_path, "hubert")
    assert isinstance(ours.encoder, Hubert)
    waveform = 0.3 * torch.randn(1, 6000)
    wanted = encoder(waveform)
    for name in ("block0", "block1"):
        torch.testing.assert_close(ours.encoder(waveform)[name].values, wanted[name].values, rtol=0, atol=1e-4)


def test_it_travels_to_another_process() -> None:
    encoder = WavLM.tiny().freeze()
    assert pickle.loads(pickle.dumps(encoder)).checksum == encoder.checksum


def test_impossible_sizes_are_refused_by_name() -> None:
    config = Wav2Vec2.tiny().config
    with pytest.raises(ConfigError, match="2 conv_kernels"):
        Wav2Vec2(replace(config, conv_kernels=(10, 3)))
    with pytest.raises(ConfigError, match="heads"):
        Wav2Vec2(replace(config, heads=5))


def test_masking_for_training_is_off() -> None:
    theirs = library_config(Wav2Vec2.family, Wav2Vec2.tiny().config)
    assert theirs.mask_time_prob == 0
    assert not theirs.apply_spec_augment
    assert "masked_spec_embed" not in Wav2Vec2.tiny().state_dict()
