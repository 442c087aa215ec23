"""The check of an encoder: sound ones pass, each broken promise is found, distances are what they say."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from tymbal.encoders import Encoder, LayerOutput, LayerSpec
from tymbal.encoders.bagnet import BagNet
from tymbal.encoders.beats import Beats
from tymbal.encoders.check import agreement, check_encoder, cosines, streaming_distance, synthetic_sound
from tymbal.encoders.runtime import Runtime, with_runtime
from tymbal.encoders.spectral import SpectralEncoder
from tymbal.errors import EncoderError, UsageError
from tymbal.units import FrameGrid


@dataclass(frozen=True)
class ToyConfig:
    fault: str = ""


class Toy(Encoder):
    """Means of ten samples; `fault` breaks one promise."""

    name = "toy"
    sample_rate = 1000

    def __init__(self, config: ToyConfig | None = None) -> None:
        super().__init__()
        self.config = config or ToyConfig()

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        return (LayerSpec("mean", 1, 1, FrameGrid(0.01, 0.0045, 0.01), local=True),)

    @property
    def min_samples(self) -> int:
        return 10

    def frames(self, samples: int) -> dict[str, int]:
        return {"mean": samples // 10}

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        cut = waveform.unfold(1, 10, 10)
        values, real = cut.mean(-1), mask.unfold(1, 10, 10).all(-1)
        if self.config.fault == "finite":
            values = 1 / values
        if self.config.fault == "random":
            values = values + torch.rand(())
        if self.config.fault == "batch":
            values = values - values.mean()
        if self.config.fault == "padding":
            values = values / mask.sum(1, keepdim=True) * mask.shape[1]
        if self.config.fault == "long":
            values = values - (values * real).sum(1, keepdim=True) / real.sum(1, keepdim=True)
        return {"mean": LayerOutput(values[:, :, None, None], real)}


def check(encoder: Encoder, **options: float) -> dict[str, bool]:
    found = check_encoder(encoder, segment_s=2.0, **options)  # type: ignore[arg-type]
    return {**{promise.name: promise.kept for promise in found.promises}, "sound": found.sound}


def test_a_sound_encoder_passes_and_says_what_it_cannot_do() -> None:
    found = check_encoder(Toy(), segment_s=2.0)
    assert found.sound
    assert {promise.name for promise in found.promises} == {"finite", "deterministic", "batch", "padding"}
    assert found.streaming["mean"].exact
    assert found.streaming["mean"].agreement.difference < 1e-6
    assert set(found.refused) == {"bfloat16", "int8", "int8-bfloat16"}
    assert found.real_time["float32"] > 1


@pytest.mark.parametrize(
    ("fault", "broken"),
    [("finite", "finite"), ("random", "deterministic"), ("batch", "batch"), ("padding", "padding")],
)
def test_each_broken_promise_is_found(fault: str, broken: str) -> None:
    found = check(Toy(ToyConfig(fault)))
    assert not found[broken]
    assert not found["sound"]


def test_a_layer_that_calls_itself_local_and_is_not_is_found() -> None:
    found = check_encoder(Toy(ToyConfig("long")), segment_s=2.0)
    assert all(promise.kept for promise in found.promises)
    assert found.streaming["mean"].agreement.difference > 1e-3
    assert not found.sound


def test_distances_of_windows_are_zero_where_exact_and_measured_where_not() -> None:
    local = streaming_distance(SpectralEncoder.tiny().at_rate(4000), segment_s=4.0, segments=2)
    assert all(each.agreement.difference < 1e-4 for each in local.values() if each.exact)
    attention = streaming_distance(Beats.tiny().freeze(), segment_s=1.6, segments=3)
    assert attention["embedding"].exact
    assert not attention["block1"].exact
    assert 0.5 < attention["block1"].agreement.mean < 1 - 1e-6


def test_precision_is_measured_layer_by_layer() -> None:
    found = check_encoder(Beats.tiny().freeze(), segment_s=1.6, segments=2)
    assert set(found.precision) == {"bfloat16", "int8", "int8-bfloat16"}
    assert set(found.precision["int8"]) == {"embedding", "block0", "block1"}
    assert 0.999 < found.precision["int8"]["block1"].mean < 1
    assert found.precision["bfloat16"]["block1"].difference < found.precision["int8"]["block1"].difference
    low = check_encoder(with_runtime(BagNet.tiny().freeze(), Runtime("bfloat16")), segment_s=1.6, segments=2)
    assert low.sound
    assert set(low.real_time) == {"bfloat16"}
    assert low.precision == {}


def test_agreement_says_what_it_says() -> None:
    wanted = torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]], [[1.0, 0.0]]])
    found = torch.tensor([[[6.0, 8.0]], [[0.0, 0.0]], [[0.0, 1.0]]])
    each = agreement(wanted, found)
    assert each.mean == pytest.approx(2 / 3)
    assert each.worst == pytest.approx(0.0)
    assert each.difference == pytest.approx(1.0)
    assert cosines(torch.zeros(2), torch.ones(2)) == 0
    assert agreement(torch.zeros(0, 1, 2), torch.zeros(0, 1, 2)).difference == 0


def test_the_sound_is_the_same_each_time_and_within_scale() -> None:
    assert torch.equal(synthetic_sound(8000, 1.0, 3), synthetic_sound(8000, 1.0, 3))
    assert not torch.equal(synthetic_sound(8000, 1.0, 3), synthetic_sound(8000, 1.0, 4))
    for rate in (100, 8000, 250_000):
        wave = synthetic_sound(rate, 0.5)
        assert len(wave) == rate // 2
        assert 0.1 < float(wave.abs().max()) <= 0.6
        assert math.isfinite(float(wave.std()))


def test_an_encoder_of_any_rate_needs_one() -> None:
    with pytest.raises(EncoderError, match="--rate"):
        check_encoder(SpectralEncoder.tiny())


def test_windows_that_are_too_short_are_refused_with_the_shortest() -> None:
    with pytest.raises(UsageError, match=r"too short for bagnet \(allowed: 0\.025 s or more\)"):
        check_encoder(BagNet().freeze(), segment_s=0.001)
