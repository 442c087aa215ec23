"""What every registered encoder must keep, in its tiny form: a registry line brings the whole suite."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tests.reference.grids import field_of
from torch import Tensor

from tymbal.encoders import Encoder, LayerOutput, LayerSpec, list_encoders, load_encoder, save_encoder
from tymbal.encoders.registry import encoder_class
from tymbal.errors import EncoderError, MissingExtraError

NATIVE_RATE_HZ = 8000  # where an encoder of any rate is examined
FP16_LIMIT = 60_000.0

_BUILT: dict[str, Encoder] = {}


def build(name: str) -> Encoder:
    """A new tiny encoder, the same weights each time, frozen and bound to a rate."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = encoder_class(name).tiny().freeze()
    return encoder if encoder.sample_rate is not None else encoder.at_rate(NATIVE_RATE_HZ)


@pytest.fixture(params=list_encoders())
def encoder(request: pytest.FixtureRequest) -> Encoder:
    if request.param not in _BUILT:
        try:
            _BUILT[request.param] = build(request.param)
        except MissingExtraError as error:
            pytest.skip(str(error))
    return _BUILT[request.param]


def length_for(encoder: Encoder) -> int:
    """Samples enough for several frames of every layer and the widest finite field."""
    finite = [layer.grid for layer in encoder.layers]
    seconds = max(8 * grid.hop_s + (grid.receptive_s if math.isfinite(grid.receptive_s) else 0) for grid in finite)
    return max(encoder.min_samples, math.ceil(seconds * encoder.sample_rate)) + 3


def noise(batch: int, samples: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))


def mask_of(samples: int, *lengths: int) -> Tensor:
    return torch.arange(samples)[None] < torch.tensor(lengths)[:, None]


def same(found: LayerOutput, wanted: LayerOutput, *, tolerance: float = 2e-5) -> None:
    """The real frames of both are as many and equal to a rounding error of the layer's scale."""
    assert int(found.mask.sum()) == int(wanted.mask.sum())
    scale = max(1.0, float(wanted.values[wanted.mask].abs().max()))
    torch.testing.assert_close(found.values[found.mask], wanted.values[wanted.mask], rtol=0, atol=tolerance * scale)


def test_specifications_are_sound(encoder: Encoder) -> None:
    layers = encoder.layers
    assert layers
    assert len({layer.name for layer in layers}) == len(layers)
    assert encoder.batching in ("masked", "equal_length")
    assert encoder.min_samples >= 1
    for layer in layers:
        assert layer.dim >= 1
        assert layer.bands >= 1
        assert not (layer.local and math.isinf(layer.grid.receptive_s))
    assert dataclasses.is_dataclass(encoder.config)
    assert encoder.config.__dataclass_params__.frozen


def test_shapes_and_frame_counts(encoder: Encoder) -> None:
    length = length_for(encoder)
    for samples in sorted({encoder.min_samples, encoder.min_samples + 1, length - 1, length, length + 17}):
        found = encoder(noise(2, samples))
        counts = encoder.frames(samples)
        assert list(found) == [layer.name for layer in encoder.layers] == list(counts)
        for layer in encoder.layers:
            values, mask = found[layer.name]
            assert values.shape == (2, counts[layer.name], layer.bands, layer.dim)
            assert values.dtype == torch.float32
            assert mask.shape == values.shape[:2]
            assert mask.dtype == torch.bool
            assert bool(mask.all())
            assert counts[layer.name] >= 1


def test_a_last_frame_lies_in_the_sound(encoder: Encoder) -> None:
    samples = length_for(encoder)
    for layer in encoder.layers:
        centers = layer.grid.centers_s(encoder.frames(samples)[layer.name])
        assert centers[0] >= 0
        assert centers[-1] <= samples / encoder.sample_rate


def test_below_the_shortest_waveform_is_refused(encoder: Encoder) -> None:
    with pytest.raises(EncoderError, match="samples or more"):
        encoder(torch.zeros(1, encoder.min_samples - 1))


def grid_errors(encoder: Encoder, layer: LayerSpec) -> list[str]:
    """Where the gradients of frames at the start, middle and end contradict a local layer's grid."""
    seconds = 8 * layer.grid.hop_s + layer.grid.receptive_s  # of what the grid claims, right or wrong
    samples = max(length_for(encoder), math.ceil(seconds * (encoder.sample_rate or 1)))
    frames = encoder.frames(samples)[layer.name]
    grid, wrong = layer.grid, []
    for frame in sorted({0, frames // 2, frames - 1}):
        field, center = field_of(encoder, layer.name, frame, samples=samples), grid.center_s(frame)
        half = grid.receptive_s / 2 + 1.5 / encoder.sample_rate
        if not (field.start_s >= center - half and field.end_s <= center + half):
            wrong.append(f"frame {frame} sees {field.start_s} to {field.end_s}, not within {half} of {center}")
        inside = center - half >= 0 and center + half <= samples / encoder.sample_rate
        if inside and abs(field.center_s - center) > grid.hop_s / 2:
            wrong.append(f"frame {frame} is centred on {field.center_s}, not {center}")
        if inside and max(center - field.start_s, field.end_s - center) < 0.4 * grid.receptive_s / 2:
            wrong.append(f"frame {frame} sees {field.start_s} to {field.end_s}, far less than {half} about {center}")
    return wrong


def test_gradients_prove_the_grid_of_local_layers(encoder: Encoder) -> None:
    for layer in encoder.layers:
        if layer.local:
            assert grid_errors(encoder, layer) == [], layer.name


def test_the_proof_refuses_a_wrong_grid(encoder: Encoder) -> None:
    local = [layer for layer in encoder.layers if layer.local]
    for layer in local[:1]:
        grid = layer.grid
        for wrong in (
            grid.shifted(grid.receptive_s),
            dataclasses.replace(grid, receptive_s=grid.receptive_s / 3),
            dataclasses.replace(grid, receptive_s=grid.receptive_s * 4),
            dataclasses.replace(grid, hop_s=grid.hop_s * 1.5),
        ):
            assert grid_errors(encoder, dataclasses.replace(layer, grid=wrong)) != []


def test_a_batch_changes_nothing(encoder: Encoder) -> None:
    samples = length_for(encoder)
    waveform = noise(3, samples)
    together = encoder(waveform)
    for row in range(3):
        alone = encoder(waveform[row : row + 1])
        for name, (values, mask) in together.items():
            assert torch.equal(mask[row : row + 1], alone[name].mask)
            same(LayerOutput(values[row : row + 1], mask[row : row + 1]), alone[name])


def test_padding_changes_nothing_or_is_refused(encoder: Encoder) -> None:
    samples = length_for(encoder)
    padded = samples + samples // 3
    lengths = (padded, samples, max(encoder.min_samples, samples - samples // 4 + 1))
    waveform, mask = noise(3, padded), mask_of(padded, *lengths)
    if encoder.batching == "equal_length":
        with pytest.raises(EncoderError, match="one length"):
            encoder(waveform, mask)
        return
    for garbage in (0.0, 1e4, math.nan):
        together = encoder(torch.where(mask, waveform, garbage), mask)
        for row, length in enumerate(lengths):
            alone = encoder(waveform[row : row + 1, :length])
            for name, (values, frames_mask) in together.items():
                assert bool(torch.isfinite(values).all())
                same(LayerOutput(values[row : row + 1], frames_mask[row : row + 1]), alone[name])


def test_frames_of_padding_are_masked_and_a_silent_row_is_allowed(encoder: Encoder) -> None:
    if encoder.batching == "equal_length":
        pytest.skip("takes no padding")
    samples = length_for(encoder)
    found = encoder(noise(2, samples), mask_of(samples, samples, 0))
    for name, count in encoder.frames(samples).items():
        assert found[name].mask.sum(1).tolist() == [count, 0]
        assert bool(torch.isfinite(found[name].values).all())


def test_it_is_deterministic_and_does_not_drift(encoder: Encoder) -> None:
    waveform = noise(2, length_for(encoder))
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    checksum = encoder.checksum
    first = encoder(waveform)
    assert encoder.train() is encoder
    assert not encoder.training
    assert not any(module.training for module in encoder.modules())
    second = encoder(waveform)
    for name in first:
        torch.testing.assert_close(second[name].values, first[name].values, rtol=0, atol=0)
    after = encoder.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert encoder.checksum == checksum
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_it_leaves_its_input_alone(encoder: Encoder) -> None:
    waveform = noise(1, length_for(encoder))
    kept = waveform.clone()
    encoder(waveform)
    assert torch.equal(waveform, kept)


def test_a_saved_encoder_comes_back(encoder: Encoder, tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    save_encoder(encoder, path)
    loaded = load_encoder(path)
    assert loaded.checksum == encoder.checksum
    assert loaded.config == encoder.config
    assert not loaded.training
    loaded = loaded.at_rate(int(encoder.sample_rate or 0))
    waveform = noise(1, length_for(encoder))
    for name, output in loaded(waveform).items():
        torch.testing.assert_close(output.values, encoder(waveform)[name].values, rtol=0, atol=0)


def test_a_file_with_one_key_more_or_less_or_other_numbers_is_refused(encoder: Encoder, tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    save_encoder(encoder, path)
    state = load_file(path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file({**state, "stray.weight": torch.zeros(2)}, path, metadata=metadata)
    with pytest.raises(EncoderError, match=r"stray\.weight"):
        load_encoder(path)
    if not state:
        return
    key = sorted(state)[0]
    save_file({k: v for k, v in state.items() if k != key}, path, metadata=metadata)
    with pytest.raises(EncoderError, match=key):
        load_encoder(path)
    save_file({**state, key: state[key] + 1}, path, metadata=metadata)
    with pytest.raises(EncoderError, match="checksum"):
        load_encoder(path)


def test_silence_constants_and_extremes_give_numbers_that_a_store_can_hold(encoder: Encoder) -> None:
    samples = length_for(encoder)
    impulse = torch.zeros(samples)
    impulse[samples // 2] = 1.0
    cases = {
        "silence": torch.zeros(samples),
        "constant": torch.ones(samples),
        "impulse": impulse,
        "full scale": noise(1, samples)[0].sign(),
        "faint": 1e-7 * noise(1, samples)[0],
        "faintest": 1e-30 * noise(1, samples)[0],
        "16-bit integers": 32768 * noise(1, samples)[0],
    }
    for case, waveform in cases.items():
        for name, output in encoder(waveform[None]).items():
            assert float(output.values.abs().max()) < FP16_LIMIT, (case, name)
    for huge in (1e12, 3e38):
        for name, output in encoder(noise(1, samples).sign() * huge).items():
            assert bool(torch.isfinite(output.values).all()), (huge, name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda wave, mask: (wave[0], mask[0]), r"\(batch, samples\)"),
        (lambda wave, mask: ((wave * 1000).int(), mask), "float tensor"),
        (lambda wave, mask: (wave, mask.float()), "bool tensor"),
        (lambda wave, mask: (wave, mask[:, :-1]), "bool tensor"),
        (lambda wave, mask: (wave.clone().index_fill_(1, torch.tensor([5]), math.nan), mask), "NaN or infinite"),
        (lambda wave, mask: (wave.clone().index_fill_(1, torch.tensor([5]), math.inf), mask), "NaN or infinite"),
        (lambda wave, mask: (wave, mask.clone().index_fill_(1, torch.tensor([5]), False)), "gap"),
    ],
)
def test_bad_input_is_refused_by_name(encoder: Encoder, change: object, message: str) -> None:
    samples = length_for(encoder)
    waveform, mask = change(noise(1, samples), torch.ones(1, samples, dtype=torch.bool))  # type: ignore[operator]
    with pytest.raises(EncoderError, match=message) as error:
        encoder(waveform, mask)
    assert encoder.name in str(error.value)


def test_every_rate_has_its_encoder_or_the_rate_is_fixed(encoder: Encoder) -> None:
    root = encoder_class(encoder.name).tiny().freeze()
    if root.sample_rate is not None:
        assert root.at_rate(12_345) is root
        return
    with pytest.raises(EncoderError, match="at_rate"):
        _ = root.layers
    with pytest.raises(EncoderError, match="at_rate"):
        root(torch.zeros(1, 1000))
    for rate in (1, 7, 500, 4000, 22_050, 44_100, 96_000, 250_000, 500_000):
        bound = root.at_rate(rate)
        assert bound is root.at_rate(rate)
        assert bound.sample_rate == rate
        assert bound.checksum == root.checksum
        samples = length_for(bound)
        found = bound(noise(1, samples))
        for layer in bound.layers:
            assert found[layer.name].values.shape[1] == bound.frames(samples)[layer.name]
            assert bool(torch.isfinite(found[layer.name].values).all())
            assert 0 < layer.grid.hop_s * rate <= samples
    for rate in (0, -1, 500_001, 44_100.0, True):
        with pytest.raises(EncoderError, match="from 1 to 500000"):
            root.at_rate(rate)  # type: ignore[arg-type]
