"""BagNet: the receptive field is what the configuration says, no more and no less."""

from __future__ import annotations

import pytest
import torch

from tymbal.encoders.bagnet import BagNet, BagNetConfig
from tymbal.errors import ConfigError


@pytest.mark.parametrize("wide_blocks", [0, 1, 3])
def test_a_frame_sees_exactly_its_field(wide_blocks: int) -> None:
    torch.manual_seed(0)
    config = BagNetConfig(blocks=3, wide_blocks=wide_blocks, channels=16, bands=16)
    encoder = BagNet(config).freeze()
    waveform = torch.randn(1, 160 * 30)
    frame, last = 12, f"block{config.blocks - 1}"
    before = encoder(waveform)[last].values[0, frame]
    start = frame * 160 - wide_blocks * 160
    stop = start + 400 + 2 * wide_blocks * 160
    outside = waveform.clone()
    outside[0, :start] = torch.randn(start)
    outside[0, stop:] = torch.randn(waveform.shape[1] - stop)
    assert torch.equal(encoder(outside)[last].values[0, frame], before)
    for edge in (slice(start + 20, start + 60), slice(stop - 60, stop - 20)):
        inside = waveform.clone()
        inside[0, edge] += 1.0
        assert not torch.equal(encoder(inside)[last].values[0, frame], before)


def test_members_of_the_family_have_equal_depth_and_width() -> None:
    shapes = [len(BagNet(BagNetConfig(wide_blocks=wide)).layers) for wide in (0, 4, 8)]
    assert shapes == [9, 9, 9]


def test_more_wide_blocks_than_blocks_are_refused() -> None:
    with pytest.raises(ConfigError, match="wide_blocks is 9"):
        BagNet(BagNetConfig(wide_blocks=9))
