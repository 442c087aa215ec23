"""The baseline recipe: its losses are those of a plain twin, its decoder too, it learns, and nothing leaks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import voxaboxen
from tests.reference.voxaboxen_clips import Clips, Recipe, cut_clip, mixed, sound_of, taught
from tests.reference.voxaboxen_training import Head, detection_loss, fit_delta, fit_voxaboxen, total_loss

from tymbal.detection import Boxes, NetworkConfig, f1_score
from tymbal.detection.frames import Track
from tymbal.detection.windows import Example
from tymbal.units import FrameGrid

HOP_S, LAYERS = 0.01, [("frames", 6)]
SMALL = NetworkConfig(width=16, kernel=3, dilations=(1, 2, 4), dropout=0.0)


def scene(seed: int, *, seconds: float = 30.0, classes: int = 1) -> Example:
    """Events every half second; columns 0 and 1 rise at onset and offset, 2 tells the class and 3 the duration."""
    random = np.random.default_rng(seed)
    frames = round(seconds / HOP_S)
    onset = np.arange(0.5, seconds - 1.0, 0.5) + random.uniform(0, 0.15, len(np.arange(0.5, seconds - 1.0, 0.5)))
    duration = random.uniform(0.1, 0.25, len(onset))
    label = random.integers(0, classes, len(onset))
    values = 0.1 * random.normal(size=(frames, 6))
    at = (np.arange(frames) + 0.5) * HOP_S
    for a, d, c in zip(onset, duration, label, strict=True):
        values[:, 0] += 3 * np.exp(-0.5 * ((at - a) / 0.02) ** 2)
        values[:, 1] += 3 * np.exp(-0.5 * ((at - a - d) / 0.02) ** 2)
        near = (at > a - 0.05) & (at < a + d + 0.05)
        values[near, 2], values[near, 3] = 2.0 * c, 10 * d
    track = Track("scene", 1, values.astype(np.float32), FrameGrid(HOP_S, HOP_S / 2, HOP_S), 4000.0, seconds)
    return Example(track, Boxes.make(onset, onset + duration, label=label), np.ones(frames, dtype=np.bool_))


def random_clips(seed: int, classes: int, frames: int = 9) -> tuple[torch.Tensor, Clips]:
    """Raw values and what is taught, in float64, with events at some frames."""
    random = np.random.default_rng(seed)
    heat = random.uniform(0, 0.99, (2, 2, frames))
    heat[random.random(heat.shape) < 0.3] = 1.0
    shares = random.dirichlet(np.ones(classes), (2, 2, frames)).transpose(0, 1, 3, 2)
    parts = (heat, random.uniform(0, 2, heat.shape), shares, random.uniform(0.2, 2, heat.shape))
    counted = (random.random((2, frames)) < 0.8).astype(np.float64)
    tensors = [torch.from_numpy(np.ascontiguousarray(each)) for each in (*parts, counted)]
    real = torch.ones(2, frames, dtype=torch.bool)
    raw = torch.from_numpy(random.normal(0, 2, (2, 2, 2 + classes, frames)))
    return raw, Clips(torch.zeros(2, frames, 1), real, *tensors)


def slow_loss(raw: np.ndarray, clips: Clips) -> float:
    """The loss from its parts, over all frames of the batch in a row."""

    def row(tensor: torch.Tensor | np.ndarray, way: int) -> np.ndarray:
        values = np.asarray(tensor)[:, way]
        return np.concatenate(list(values), axis=-1)

    total = 0.0
    counted = np.concatenate(list(clips.counted.numpy()))
    for way in (0, 1):
        heat, omega, seen = row(clips.heat, way), row(clips.omega, way), row(raw, way)
        total += voxaboxen.detection_loss(1 / (1 + np.exp(-seen[0])), heat, counted)
        total += 0.04 * voxaboxen.duration_loss(seen[1], row(clips.duration, way), heat, omega, counted)
        total += 0.01 * voxaboxen.class_loss(seen[2:], row(clips.shares, way), heat, omega, counted)
    return total / 2


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(1, 3))
def test_losses_and_gradients_are_those_of_the_twin(seed: int, classes: int) -> None:
    raw, clips = random_clips(seed, classes)
    raw.requires_grad_(True)
    value = total_loss(raw, clips)
    assert value.item() == pytest.approx(slow_loss(raw.detach().numpy(), clips), rel=1e-9, abs=1e-12)
    value.backward()
    assert raw.grad is not None
    random = np.random.default_rng(seed)
    for _ in range(6):
        place = tuple(int(random.integers(size)) for size in raw.shape)
        sides = []
        for step in (1e-6, -1e-6):
            moved = raw.detach().numpy().copy()
            moved[place] += step
            sides.append(slow_loss(moved, clips))
        assert float(raw.grad[place]) == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=2e-7)


def test_losses_known_by_hand() -> None:
    """p = 1/2 at one event and at one frame beside it with heat 1/2; 0.5 s wrong at weight 2; two equal classes."""
    heat = np.array([1.0, 0.5])
    counted = np.ones(2)
    wanted = (0.25 * math.log(2) + 0.5**4 * 0.25 * math.log(2)) / 2
    assert voxaboxen.detection_loss(np.full(2, 0.5), heat, counted) == pytest.approx(wanted)
    found = detection_loss(torch.zeros(1, 2), torch.from_numpy(heat[None]), torch.ones(1, 2))
    assert float(found) == pytest.approx(wanted)
    assert voxaboxen.duration_loss(np.array([1.5, 9]), np.array([1.0, 0]), heat, np.array([2.0, 0]), counted) == 1.0
    logits, shares = np.zeros((2, 2)), np.array([[1.0, 0], [0, 0]])
    assert voxaboxen.class_loss(logits, shares, heat, np.ones(2), counted) == pytest.approx(math.log(2))
    assert math.isfinite(voxaboxen.detection_loss(np.array([1.0, 1.0]), heat, counted))
    sure = torch.tensor([[60.0, 60.0]])
    assert math.isfinite(float(detection_loss(sure, torch.from_numpy(heat[None]), torch.ones(1, 2))))


def test_what_is_taught_is_cut_to_the_clip_and_told_by_class() -> None:
    weights = np.array([0.5, 1.5], dtype=np.float32)
    events = [(-0.5, 0.25, 0), (0.5, 3.0, 1), (0.51, 0.7, -1), (1.2, 1.4, -1), (1.9, 1.95, 0), (1.91, 1.99, 1)]
    heat, seconds, shares, omega = taught(events, 50.0, 100, weights, reverse=False)
    assert np.flatnonzero(heat == 1).tolist() == [0, 25, 60, 95]
    np.testing.assert_allclose(seconds[[0, 25, 60, 95]], [0.25, 0.19, 0.2, 0.08], atol=1e-6)
    np.testing.assert_array_equal(shares[:, [0, 25, 60, 95]], [[1, 0, 0.5, 1], [0, 1, 0.5, 1]])
    np.testing.assert_allclose(omega[[0, 25, 60, 95]], [0.5, 1.5, 1.0, 1.0])
    heat, seconds, _, _ = taught(events, 50.0, 100, weights, reverse=True)
    assert {13, 99} <= set(np.flatnonzero(heat == 1).tolist())
    assert seconds[13] == pytest.approx(0.25)


def test_clips_reach_beyond_the_recording_and_their_ends_do_not_count() -> None:
    recipe = Recipe(clip_s=2.0, hop_s=1.0)
    example = scene(0, seconds=3.0)
    sound = sound_of(example.track, example.events, example.covered, recipe)
    assert (sound.rate, len(sound.values)) == (50.0, 150)
    np.testing.assert_allclose(sound.values[3], example.track.values[6:8].mean(axis=0), rtol=1e-5)
    values, real, heat, *_, counted = cut_clip(sound, -30, 100, np.ones(1, np.float32), recipe)
    assert real.sum() == 70
    assert not values[:30].any()
    np.testing.assert_array_equal(np.flatnonzero(counted), np.arange(30, 90))
    events = math.floor(example.events.onset_s[0] * 50) + 30
    assert heat[0, events] == 1


def test_mixed_clips_hold_both() -> None:
    _, clips = random_clips(3, 2)
    values = torch.arange(2.0 * 9).reshape(2, 9, 1).repeat(1, 1, 2)
    both = mixed(Clips(values, *(getattr(clips, name) for name in list(clips.__dict__)[1:])), np.array([True, False]))
    torch.testing.assert_close(both.values[0], values[0])
    torch.testing.assert_close(both.values[1, :, 0], torch.logaddexp(values[0, :, 0], values[1, :, 0]))
    torch.testing.assert_close(both.values[1, :, 1], values.mean(dim=0)[:, 1])
    torch.testing.assert_close(both.heat[1], torch.maximum(clips.heat[0], clips.heat[1]))
    torch.testing.assert_close(both.counted[1], clips.counted[0] * clips.counted[1])


@pytest.mark.parametrize("trunk", [None, SMALL])
def test_windows_give_what_one_pass_gives(trunk: NetworkConfig | None) -> None:
    """Of a head whose reach is shorter than what a window leaves aside at its ends."""
    example = scene(1, seconds=7.3)
    recipe = Recipe(trunk=trunk, clip_s=2.0, hop_s=1.0)
    fitted = fit_voxaboxen([example], [example], LAYERS, recipe=Recipe(trunk=trunk, clip_s=2.0, hop_s=1.0, epochs=1))
    sound = sound_of(example.track, example.events, None, recipe)
    values = torch.from_numpy(sound.values)[None]
    with torch.no_grad():
        whole = fitted.head(values, torch.ones(values.shape[:2], dtype=torch.bool))[0].numpy()
    np.testing.assert_allclose(fitted.raw(sound), whole, atol=1e-5)


def test_perfect_maps_come_out_as_the_twin_of_the_decoder_has_them() -> None:
    """A head that says what is taught: prediction equals targets, decode and combine of the twin, moved by the grid."""
    example = scene(2, seconds=12.0)
    fitted = fit_voxaboxen([example], [example], LAYERS, recipe=Recipe(epochs=1))
    sound = sound_of(example.track, example.events, None, fitted.recipe)
    rows = [each[:2] for each in sound.events]
    raw, found = np.zeros((2, 3, len(sound.values))), []
    for way, reverse in enumerate((False, True)):
        heat, seconds = voxaboxen.targets(rows, sound.rate, len(sound.values), reverse=reverse)
        kept = heat.clip(1e-6, 1 - 1e-6)
        raw[way, 0], raw[way, 1] = np.log(kept / (1 - kept)), seconds
        found.append(voxaboxen.decode(1 / (1 + np.exp(-raw[way, 0])), seconds, sound.rate, reverse=reverse))
    wanted = sorted(voxaboxen.combine(*found))
    fitted.raw = lambda sound: raw  # type: ignore[method-assign, assignment]
    boxes = fitted.candidates(example.track)
    np.testing.assert_allclose(boxes.onset_s, [row[0] for row in wanted], atol=1e-9)
    np.testing.assert_allclose(boxes.score, [row[2] for row in wanted], atol=1e-9)
    assert f1_score([example.events], [boxes], 0.0, 0.5) > 0.9


@pytest.mark.parametrize("rate_hz", [50.0, None])
def test_a_planted_scene_is_learned(rate_hz: float | None) -> None:
    example, other = scene(3, classes=2), scene(4, classes=2)
    recipe = Recipe(rate_hz, SMALL, learning_rate=1e-2, epochs=25, mixup=False)
    fitted = fit_voxaboxen([example], [example], LAYERS, classes=2, recipe=recipe)
    assert f1_score([example.events], [fitted.predict(example.track)], 0.0, 0.5) > 0.9
    assert f1_score([other.events], [fitted.predict(other.track)], 0.0, 0.5) > 0.8
    assert fitted.notes["epochs"] <= 25


def test_the_published_head_is_one_convolution() -> None:
    example = scene(3)
    fitted = fit_voxaboxen([example], [example], LAYERS, recipe=Recipe(learning_rate=3e-2, epochs=30, mixup=False))
    assert [tuple(each.shape) for each in fitted.head.parameters()] == [(6, 6, 1), (6,)]
    assert f1_score([example.events], [fitted.predict(example.track)], 0.0, 0.5) > 0.7


def test_held_out_events_choose_delta_and_nothing_else() -> None:
    example, held = scene(5, seconds=12.0), scene(6, seconds=12.0)
    recipe = Recipe(trunk=SMALL, epochs=2)
    moved = Example(held.track, Boxes.make([0.1], [0.2]), held.covered)
    one, two = (fit_voxaboxen([example], [each], LAYERS, recipe=recipe) for each in (held, moved))
    for a, b in zip(one.head.state_dict().values(), two.head.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    np.testing.assert_array_equal(one.candidates(held.track).score, two.candidates(held.track).score)
    alone = fit_voxaboxen([example], [], LAYERS, recipe=Recipe(trunk=SMALL, epochs=2, bidirectional=False))
    assert alone.delta is None


def test_delta_is_the_first_of_the_best() -> None:
    truth = [Boxes.make([0.0, 2.0], [1.0, 3.0], label=[0, 1])]
    found = [Boxes.make([0.0, 2.0, 5.0], [1.0, 3.0, 6.0], label=[0, 1, 1], score=[0.9, 0.7, 0.6])]
    delta, value = fit_delta(found, truth, 2)
    assert value == 1.0
    assert 0.6 <= delta < 0.7
    assert fit_delta([Boxes.none()], [Boxes.none()], 1) == (0.0, 1.0)


def test_the_network_starts_without_events() -> None:
    head = Head(6, 1, Recipe(trunk=SMALL))
    raw = head(torch.zeros(1, 20, 6), torch.ones(1, 20, dtype=torch.bool))
    assert raw.shape == (1, 2, 3, 20)
    assert torch.sigmoid(raw[:, :, 0]).max().item() < 0.1


def test_frames_slower_than_the_recipe_are_repeated() -> None:
    track = Track("slow", 1, np.arange(5, dtype=np.float32)[:, None], FrameGrid(0.04, 0.0, 0.04), 4000.0, 0.2)
    sound = sound_of(track, Boxes.make([0.0], [0.1]), None, Recipe())
    np.testing.assert_array_equal(sound.values[:, 0], np.repeat(np.arange(5), 2))
    assert sound.start_s == pytest.approx(-0.02)
    assert sound.events[0][:2] == pytest.approx((0.02, 0.12))
