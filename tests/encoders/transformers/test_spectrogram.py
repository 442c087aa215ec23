"""AST: the library's hidden states, our filter bank, clips on one even grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.reference.frontends import kaldi_fbank

from tymbal.encoders.transformers.library import new_network
from tymbal.encoders.transformers.spectrogram import Ast, AstConfig
from tymbal.errors import ConfigError

transformers = pytest.importorskip(
    "transformers", reason="the transformers extra is not installed: pip install 'tymbal[transformers]'"
)

TINY = AstConfig(mel_bands=36, clip_frames=64, dim=32, ffn=48, heads=4, blocks=2, frequency="tokens")


def pair(config: AstConfig = TINY) -> tuple[Ast, torch.nn.Module]:
    torch.manual_seed(1)
    network = new_network(Ast.family, config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return Ast(config, network).freeze(), network  # type: ignore[return-value]


def sound(samples: int, seed: int = 2) -> torch.Tensor:
    return 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(seed))


def test_every_layer_is_a_hidden_state_of_the_library() -> None:
    encoder, network = pair()
    waveform = sound(400 + 160 * 63)  # one whole clip
    extractor = transformers.ASTFeatureExtractor(num_mel_bins=36, max_length=64)
    picture = torch.as_tensor(np.array(extractor(waveform[0].numpy(), sampling_rate=16000)["input_values"])).float()
    with torch.no_grad():
        wanted = network(picture, output_hidden_states=True)
    found = encoder(waveform)
    states = [*wanted.hidden_states, wanted.last_hidden_state]
    assert list(found) == ["embedding", "block0", "block1", "norm", "cls", "distillation"]
    for name, state in zip(list(found)[:4], states, strict=True):
        # The library's tokens run frequency by frequency: 3 bands of 5 columns.
        tokens = state[:, 2:].reshape(1, 3, 5, 32).permute(0, 2, 1, 3)
        torch.testing.assert_close(found[name].values, tokens, rtol=0, atol=1e-4)
    pooled = (found["cls"].values + found["distillation"].values) / 2
    torch.testing.assert_close(pooled[:, 0, 0], wanted.pooler_output, rtol=0, atol=1e-4)
    assert float((found["cls"].values - found["distillation"].values).abs().max()) > 0.01


@pytest.mark.filterwarnings("ignore:At least one mel filter")  # as published: 128 bands of 257 bins
def test_the_front_end_equals_a_float64_twin() -> None:
    config = AstConfig(dim=32, ffn=32, heads=2, blocks=1)
    with torch.random.fork_rng():
        encoder = Ast(config)
    waveform = sound(400 + 160 * 90)
    picture, heard = encoder.pictures(waveform, torch.ones_like(waveform, dtype=torch.bool))
    assert heard == [91]
    # The twin is for 16-bit numbers; AST takes the waveform as it is.
    fbank = kaldi_fbank(waveform[0].double().numpy() / 32768, bands=128, power=1.0)
    wanted = (fbank - -4.2677393) / (2 * 4.5689974)
    np.testing.assert_allclose(picture[0, :91].numpy(), wanted, atol=2e-4)
    # Zeros before the normalisation, as the published front end fills up.
    assert torch.equal(picture[0, 91:].unique(), torch.tensor([4.2677393 / (2 * 4.5689974)]))
    extractor = transformers.ASTFeatureExtractor()
    theirs = extractor(waveform[0].numpy(), sampling_rate=16000)["input_values"][0]
    np.testing.assert_allclose(picture[0].numpy(), theirs, atol=2e-3)


@pytest.mark.parametrize(("frequency", "shape"), [("mean", (1, 32)), ("concat", (1, 96)), ("tokens", (3, 32))])
def test_patches_of_a_frame_are_folded_three_ways(frequency: str, shape: tuple[int, int]) -> None:
    tokens, network = pair()
    encoder = Ast(replace(TINY, frequency=frequency), network).freeze()  # type: ignore[arg-type]
    waveform = sound(9000)
    apart, found = tokens(waveform)["block1"].values, encoder(waveform)["block1"].values
    wanted = {"mean": apart.mean(2, keepdim=True), "concat": apart.flatten(2).unsqueeze(2), "tokens": apart}[frequency]
    torch.testing.assert_close(found, wanted)
    assert (encoder.layers[0].bands, encoder.layers[0].dim) == shape


def test_long_sound_is_cut_into_clips_on_one_even_grid() -> None:
    encoder, _ = pair()
    hop = encoder.clip_hop * 160
    assert encoder.clip_hop == 50  # 5 tokens of 10 frames; the clip's last 14 are seen twice
    waveform = sound(400 + 160 * 63 + 2 * hop)
    found = encoder(waveform)
    assert found["block1"].values.shape[1] == 15
    for clip in range(3):
        alone = encoder(waveform[:, clip * hop : clip * hop + 400 + 160 * 63])
        for name, per_clip in (("block1", 5), ("norm", 5), ("cls", 1), ("distillation", 1)):
            part = found[name].values[:, clip * per_clip : (clip + 1) * per_clip]
            torch.testing.assert_close(part, alone[name].values, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("frames", "tokens", "clips"), [(8, 1, 1), (17, 1, 1), (18, 2, 1), (64, 5, 1), (65, 6, 1), (81, 8, 1), (82, 8, 2)]
)
def test_what_counts(frames: int, tokens: int, clips: int) -> None:
    encoder, _ = pair()
    assert encoder.counts(frames) == (tokens, clips)
    found = encoder(sound(400 + 160 * (frames - 1)))
    assert found["norm"].values.shape[1] == tokens
    assert found["cls"].values.shape[1] == clips


def test_the_published_model() -> None:
    with torch.device("meta"):
        encoder = Ast()
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 86_187_264
    assert (encoder.columns, encoder.bands, encoder.clip_hop) == (101, 12, 1010)
    assert encoder.frames(160_000) == {
        **dict.fromkeys(("embedding", *(f"block{i}" for i in range(12)), "norm"), 100),
        "cls": 1,
        "distillation": 1,
    }
    assert encoder.layers[0].grid.hop_s == pytest.approx(0.1)
    assert encoder.layers[0].grid.first_center_s == pytest.approx((199.5 + 7.5 * 160) / 16000)


def test_patches_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="patches of 16"):
        Ast(AstConfig(mel_bands=12))
