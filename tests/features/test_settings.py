"""Options are checked by name; segments and margins are whole samples."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.features.toys import ToyConfig, ToyEncoder

from tymbal.encoders.contract import LayerSpec
from tymbal.errors import EncoderError, UsageError
from tymbal.features import EmbedConfig
from tymbal.features.settings import layout, pick_layers
from tymbal.units import FrameGrid


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("frames", 0),
        ("segment_s", 0.0),
        ("segment_s", math.nan),
        ("segment_s", math.inf),
        ("margin_s", -1.0),
        ("margin_s", math.inf),
        ("dtype", "float64"),
        ("sample_rate_hz", 0),
        ("channels", "left"),
    ],
)
def test_impossible_options_are_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(UsageError, match=option):
        EmbedConfig(**{option: value})


def test_layers_are_picked_in_the_encoders_order() -> None:
    specs = ToyEncoder().layers

    def names(wanted: Any) -> list[str]:
        return [spec.name for spec in pick_layers(specs, wanted)]

    assert names("all") == ["fine", "coarse", "clip"]
    assert names("last") == ["clip"]
    assert names("coarse, fine") == names(["coarse", "fine"]) == ["fine", "coarse"]
    with pytest.raises(EncoderError, match=r"no layer 'mean'.*all, last, fine, coarse, clip"):
        names("fine,mean")
    with pytest.raises(EncoderError, match="no layer asked for"):
        names([])


def test_the_margin_is_half_the_largest_local_receptive_field() -> None:
    encoder = ToyEncoder()
    everything = layout(encoder, EmbedConfig(), 1000)
    assert (everything.segment_samples, everything.margin_samples, everything.phase_samples) == (10_000, 100, 100)
    assert [everything.streams(spec) for spec in everything.layers] == [True, True, False]
    fine = layout(encoder, EmbedConfig(layers="fine"), 1000)
    assert (fine.margin_samples, fine.phase_samples) == (20, 20)
    clip = layout(encoder, EmbedConfig(layers="clip"), 1000)
    assert (clip.margin_samples, clip.phase_samples) == (0, 1)
    given = layout(encoder, EmbedConfig(margin_s=0.0504), 1000)
    assert given.margin_samples == 51
    assert [given.streams(spec) for spec in given.layers] == [True, False, False]
    none = layout(encoder, EmbedConfig(margin_s=0.0), 1000)
    assert (none.margin_samples, none.phase_samples) == (0, 1)


def test_reads_keep_to_the_grids_that_have_a_common_hop_within_half_a_segment() -> None:
    def spec(name: str, hop: float) -> LayerSpec:
        return LayerSpec(name, 1, 1, FrameGrid.from_samples(1000, hop=hop, first_center=0, receptive=10), local=True)

    class Odd(ToyEncoder):
        layers = (spec("ten", 10), spec("seven", 7), spec("large", 997), spec("broken", 12.5))  # type: ignore[assignment]

    found = layout(Odd(), EmbedConfig(segment_s=1.0), 1000)
    assert found.phase_samples == 70
    assert [found.streams(each) for each in found.layers] == [True, True, False, False]


def test_a_segment_holds_a_sample() -> None:
    with pytest.raises(UsageError, match="hold no sample at 100 Hz"):
        layout(ToyEncoder(ToyConfig(sample_rate=None)), EmbedConfig(segment_s=0.001), 100)
