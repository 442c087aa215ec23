"""The head: what it gives, and that pieces of a recording give the numbers of the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tymbal.detection.network import DetectionNetwork, NetworkConfig, Outputs
from tymbal.errors import UsageError
from tymbal.training import seeded

CONFIG = NetworkConfig(width=8, kernel=3, dilations=(1, 2), dropout=0.0)
OUTPUTS = Outputs(("forward", "reverse"), slots=2, classes=3, bounds=True, activity=True)


def network(outputs: Outputs = OUTPUTS, config: NetworkConfig = CONFIG) -> DetectionNetwork:
    with seeded(0):
        found = DetectionNetwork([5, 4], config, outputs).eval()
        with torch.no_grad():
            for parameter in found.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return found


def test_every_value_has_its_own_channel() -> None:
    module = network()
    raw = torch.arange(float(OUTPUTS.channels))[None, :, None].expand(1, -1, 6)
    seen: list[float] = []
    for way in OUTPUTS.directions:
        edges = module.edges(raw, way)
        duration = (edges.log_duration - module.typical[0]) / module.typical[1]
        assert edges.bounds is not None
        assert edges.classes is not None
        for part in (edges.heat, edges.shift, duration, edges.bounds, edges.classes):
            seen += part[0, ..., 0].flatten().round().tolist()
    activity = module.activity(raw)
    assert activity is not None
    assert sorted(seen + activity[0, :, 0].tolist()) == list(range(OUTPUTS.channels))


def test_outputs_depend_on_frames_within_reach_only() -> None:
    module, values = network(), torch.randn(1, 40, 9)
    mask = torch.ones(1, 40, dtype=torch.bool)
    moved = values.clone()
    moved[0, 20] += 1.0
    changed = (module(values, mask) - module(moved, mask)).abs().amax(dim=1)[0] > 1e-7
    frames = torch.nonzero(changed).flatten().tolist()
    assert (frames[0], frames[-1]) == (20 - CONFIG.reach, 20 + CONFIG.reach)


def test_what_lies_behind_the_mask_is_as_if_it_were_not_there() -> None:
    module, values = network(), torch.randn(2, 30, 9)
    mask = torch.ones(2, 30, dtype=torch.bool)
    mask[1, 20:] = False
    short = module(values[1:, :20], mask[1:, :20])
    torch.testing.assert_close(module(values, mask)[1:, :, :20], short)


def test_maps_are_shares_and_numbers() -> None:
    module = network()
    raw = module(1e3 * torch.randn(2, 30, 9), torch.ones(2, 30, dtype=torch.bool)).detach()
    for maps in module.maps(raw, "reverse"):
        assert maps.heat.shape == maps.shift.shape == (2, 30)
        assert maps.classes is not None
        assert maps.low is not None
        np.testing.assert_allclose(maps.classes.sum(axis=1), 1, rtol=1e-5)
        assert np.isfinite(np.exp(maps.log_duration)).all()
        assert (maps.low >= 0).all()
        assert (maps.low <= 1).all()


def test_edges_are_rare_before_training() -> None:
    with seeded(0):
        fresh = DetectionNetwork([4], CONFIG, Outputs(("forward",), 2, 1)).eval()
    raw = fresh(torch.randn(1, 20, 4), torch.ones(1, 20, dtype=torch.bool)).detach()
    heat = fresh.maps(raw, "forward")[0].heat
    assert 0.005 < heat.mean() < 0.08


def test_settings_out_of_range() -> None:
    with pytest.raises(UsageError, match="kernel"):
        NetworkConfig(kernel=4).check()
