"""Without the library there is one clear error, and with it the network is the one that was asked for."""

from __future__ import annotations

import sys
import types

import pytest

from tymbal.encoders import create_encoder
from tymbal.encoders.transformers.library import library_config, new_network
from tymbal.encoders.transformers.speech import Wav2Vec2, WavLM, WavLMConfig
from tymbal.errors import MissingExtraError


@pytest.mark.parametrize("name", ["ast", "data2vec", "wav2vec2", "wavlm"])
def test_without_the_library_the_error_is_the_pip_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tymbal\[transformers\]'"):
        create_encoder(name)


def test_an_older_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", types.SimpleNamespace(__version__="5.9.1"))
    with pytest.raises(MissingExtraError, match=r"needs transformers 5\.20 or newer, and 5\.9\.1 is installed"):
        create_encoder("wavlm")


def test_every_setting_reaches_the_network() -> None:
    pytest.importorskip("transformers", reason="the transformers extra is not installed")
    config = WavLMConfig(
        conv_dims=(8, 16), conv_kernels=(4, 3), conv_strides=(2, 2), dim=24, ffn=20, heads=3, blocks=1,
        position_kernel=6, position_groups=2, buckets=16, max_distance=30, norm_eps=1e-3, conv_bias=True,
    )  # fmt: skip
    theirs = library_config(WavLM.family, config)
    for ours, name in WavLM.family.settings.items():
        value = getattr(theirs, name)
        assert (tuple(value) if isinstance(value, list) else value) == getattr(config, ours)
    shapes = {key: tuple(value.shape) for key, value in new_network(WavLM.family, config).state_dict().items()}
    assert shapes["feature_extractor.conv_layers.1.conv.weight"] == (16, 8, 3)
    assert shapes["encoder.layers.0.feed_forward.intermediate_dense.weight"] == (20, 24)
    assert shapes["encoder.layers.0.attention.rel_attn_embed.weight"] == (16, 3)
    assert Wav2Vec2.family.attention == "sdpa"
