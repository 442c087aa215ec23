from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.probes.synthetic import make_examples

from tymbal.errors import ConfigError, UsageError
from tymbal.probes import HEADS, Probe, ProbeConfig
from tymbal.probes.fitting import ProbeModule
from tymbal.probes.fusions import FUSIONS, build_fusion, get_fusion
from tymbal.probes.fusions.hierarchical_convolution import stages
from tymbal.probes.fusions.weighted_sum import WeightedSum
from tymbal.probes.heads import TrainedHead
from tymbal.training import TrainingConfig

QUICK = TrainingConfig(epochs=6, warmup_epochs=1, batch_size=16, learning_rate=5e-3)


def test_unknown_fusions_and_options_are_named() -> None:
    with pytest.raises(UsageError, match=r"unknown fusion 'sum'.*weighted_sum, normed_sum, concatenation, surface"):
        ProbeConfig(fusion="sum").check()
    with pytest.raises(ConfigError, match=r"unknown field 'heads' for WeightedSumOptions.*adapters, standardise"):
        ProbeConfig(fusion_options={"heads": 3}).check()
    with pytest.raises(ConfigError, match="adapters"):
        ProbeConfig(fusion_options={"adapters": "some"}).check()
    with pytest.raises(UsageError, match=r"kernel is 4.*3, 5, 7"):
        build_fusion("hierarchical_convolution", (3, 3), 12, {"kernel": 4})
    with pytest.raises(UsageError, match="8 heads do not divide width 12"):
        build_fusion("layer_router", (3, 3), 12, {})
    for name in ("weighted_sum", "normed_sum", "surface", "layer_router"):
        with pytest.raises(UsageError, match=r"rate_multiplier is 0.*above 0"):
            build_fusion(name, (3, 3), 16, {"rate_multiplier": 0})


@pytest.mark.parametrize("name", sorted(FUSIONS))
def test_one_layer_has_nothing_to_fuse(name: str) -> None:
    for width, shape in ((4, 4), (None, 3)):
        fusion = build_fusion(name, (3,), width, {})
        assert isinstance(fusion, WeightedSum)
        assert fusion(torch.randn(2, 5, 3)).shape == (2, 5, shape)


def test_the_weighted_sum_of_the_paper_projects_only_what_is_narrower() -> None:
    """arXiv 2605.10494: as wide as the widest layer, adapters where shapes differ, values as they are."""
    fusion = build_fusion("weighted_sum", (4, 6, 6), 128, {"adapters": "where_needed", "standardise": False})
    assert (fusion.width, len(fusion.adapters)) == (6, 1)
    assert sum(parameter.numel() for parameter in fusion.parameters()) == 3 + 4 * 6 + 6
    plain = build_fusion("weighted_sum", (6, 6), 128, {"adapters": "where_needed", "standardise": False})
    assert [name for name, _ in plain.named_parameters()] == ["weighting.raw"]
    x = torch.randn(2, 12)
    torch.testing.assert_close(plain(x), (x[:, :6] + x[:, 6:]) / 2)


def test_the_linear_probe_on_all_layers_has_as_many_parameters_as_published() -> None:
    """avex, 13 layers of 768 values and 49 classes: 489 thousand."""
    config = ProbeConfig(fusion="concatenation", fusion_options={"project": False})
    linear = HEADS["linear"]
    assert isinstance(linear, TrainedHead)
    module = ProbeModule((768,) * 13, 49, linear, config)
    assert sum(parameter.numel() for parameter in module.parameters()) == 489_265


def test_surface_takes_the_ends_alone() -> None:
    examples, labels, groups = make_examples(40, dims=(4, 5, 6), frames=(5, 5, 5))
    for head in ("linear", "attention", "ridge"):
        probe = Probe(head=head, fusion="surface", dim=8, training=QUICK).fit(examples, labels, groups=groups)
        assert probe.layers_ == ("a", "c")
        before = probe.predict_proba(examples)
        examples.features["b"][:] *= -1
        assert np.array_equal(probe.predict_proba(examples), before)
    assert get_fusion("surface").taps(("a", "b")) == ("a", "b")
    assert get_fusion("surface").taps(("a",)) == ("a",)


def test_a_normed_sum_does_not_hear_how_large_the_values_are() -> None:
    examples, labels, groups = make_examples(40, dims=(6, 6), frames=(5, 5))
    loud, _, _ = make_examples(40, dims=(6, 6), frames=(5, 5))
    loud.features["a"][:] *= 64  # a power of two: the same digits
    for head in ("linear", "query_attention"):
        probe = Probe(head=head, fusion="normed_sum", dim=8, training=QUICK).fit(examples, labels, groups=groups)
        np.testing.assert_allclose(probe.predict_proba(loud), probe.predict_proba(examples), atol=1e-4)
        other = Probe(head=head, fusion="weighted_sum", dim=8, training=QUICK).fit(examples, labels, groups=groups)
        assert np.abs(other.predict_proba(loud) - other.predict_proba(examples)).max() > 0.1


def test_the_router_records_every_head() -> None:
    examples, labels, groups = make_examples(40, dims=(6, 6), frames=(5, 5))
    probe = Probe(head="linear", fusion="layer_router", dim=8, training=QUICK).fit(examples, labels, groups=groups)
    routes = np.array(probe.notes_["head_layer_weights"])
    assert routes.shape == (8, 2)
    np.testing.assert_allclose(routes.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(list(probe.layer_weights().values()), routes.mean(axis=0), rtol=1e-6)
    assert np.ptp(routes[:, 0]) > 1e-3  # heads went their own ways


@pytest.mark.parametrize(
    ("layers", "width", "left"),
    [
        (13, 768, [5, 2]),
        (12, 768, [4, 2]),
        (25, 768, [9, 3]),
        (2, 128, [1]),
        (7, 128, [3, 1]),
        (27, 128, [9, 3, 1]),
        (81, 128, [27, 9, 3, 1]),
    ],
)
def test_stages_leave_what_divides_the_width(layers: int, width: int, left: list[int]) -> None:
    assert stages(layers, width, kernel=5, stride=3) == left
