"""What holds for every fusion with every head; a new one is tested by being registered."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.probes.pairs import EVEN, FRAMES_HEADS, TRAINED, UNEVEN, batch_of, config, module_of
from tests.probes.synthetic import make_examples

from tymbal.probes import HEADS, Probe
from tymbal.probes.fusions import FUSIONS

CLEAN, LABELS, GROUPS = make_examples(24, dims=(6, 6, 6), frames=(5, 5, 5))
DIRTY, _, _ = make_examples(24, dims=(6, 6, 6), frames=(5, 5, 5), garbage=float("nan"))
ALL_DIMS = pytest.mark.parametrize("dims", [EVEN, UNEVEN], ids=["even", "uneven"])


@pytest.mark.parametrize("head", sorted(HEADS))
@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_it_trains_saves_loads_and_predicts_and_never_hears_padding(fusion: str, head: str, tmp_path) -> None:
    probe = Probe(config(fusion, head)).fit(CLEAN, LABELS, groups=GROUPS)
    scores = probe.predict_proba(CLEAN)
    assert scores.shape == (24, 3)
    assert np.isfinite(scores).all()
    loaded = Probe.load(probe.save(tmp_path / "probe.safetensors"))
    assert loaded.config == probe.config
    assert np.array_equal(loaded.predict_proba(CLEAN), scores)
    assert loaded.layer_weights() == probe.layer_weights()
    assert np.array_equal(probe.predict_proba(DIRTY), scores)
    assert np.array_equal(Probe(config(fusion, head)).fit(DIRTY, LABELS, groups=GROUPS).predict_proba(CLEAN), scores)


@ALL_DIMS
@pytest.mark.parametrize("head", TRAINED)
@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_gradients_reach_every_parameter(fusion: str, head: str, dims: tuple[int, ...]) -> None:
    module = module_of(fusion, head, dims)
    values, mask = batch_of(module, n=16)
    logits = module(values, mask) if head in FRAMES_HEADS else module(values.mean(dim=1))
    torch.nn.functional.cross_entropy(logits, torch.arange(16) % 3).backward()
    still = [
        name
        for name, parameter in module.named_parameters()
        if parameter.grad is None or not torch.isfinite(parameter.grad).all() or parameter.grad.abs().max() < 1e-8
    ]
    assert still == []


@ALL_DIMS
@pytest.mark.parametrize("head", FRAMES_HEADS)
@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_what_stands_in_padded_frames_changes_no_bit(fusion: str, head: str, dims: tuple[int, ...]) -> None:
    """Of logits and of gradients: zeros, 1e6, NaN and infinity alike, for frames inside as well as at the end."""
    module = module_of(fusion, head, dims).eval()
    values, mask = batch_of(module)
    found = []
    for garbage in (0.0, 1e6, float("nan"), float("inf")):
        spoiled = values.clone()
        spoiled[~mask] = garbage
        module.zero_grad()
        with torch.enable_grad():
            logits = module(spoiled, mask)
            logits.square().sum().backward()
        assert torch.isfinite(logits).all()
        found.append((logits.detach(), [parameter.grad.clone() for parameter in module.parameters()]))
    for logits, gradients in found[1:]:
        assert torch.equal(logits, found[0][0])
        assert all(torch.equal(a, b) for a, b in zip(gradients, found[0][1], strict=True))
    moved = values.clone()
    moved[:, 0] += 1.0  # the first frame is real
    assert not torch.equal(module(moved, mask), found[0][0])


@pytest.mark.parametrize("head", FRAMES_HEADS)
@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_longer_padding_and_examples_without_frames(fusion: str, head: str) -> None:
    module = module_of(fusion, head, EVEN).eval()
    values, mask = batch_of(module)
    longer = torch.cat([values, torch.randn(5, 4, values.shape[2])], dim=1)
    padded = module(longer, torch.cat([mask, torch.zeros(5, 4, dtype=torch.bool)], dim=1))
    torch.testing.assert_close(padded, module(values, mask), rtol=1e-4, atol=1e-5)
    empty = module(values, torch.zeros_like(mask))
    assert torch.isfinite(empty).all()
    torch.testing.assert_close(empty, empty[:1].expand_as(empty))  # nothing was heard, so all are alike
