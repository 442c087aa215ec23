from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tymbal.encoders.convolutions import conv_counts, conv_window, power_spectra

stacks = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 4)), min_size=1, max_size=4)


@settings(deadline=None, max_examples=30)
@given(stack=stacks, extra=st.integers(0, 60))
def test_counts_window_and_hop_are_those_of_real_convolutions(stack: list[tuple[int, int]], extra: int) -> None:
    window, hop = conv_window(stack)
    x = torch.zeros(1, 1, window + extra, requires_grad=True)
    y, counts = x, []
    for kernel, stride in stack:
        y = torch.nn.functional.conv1d(y, torch.ones(1, 1, kernel), stride=stride)
        counts.append(y.shape[2])
    assert conv_counts(window + extra, stack) == counts
    y[0, 0, -1].backward()
    assert x.grad is not None
    seen = torch.nonzero(x.grad[0, 0]).flatten()
    start = (counts[-1] - 1) * hop
    assert (int(seen[0]), int(seen[-1])) == (start, start + window - 1)


def test_too_short_a_waveform_has_no_frames() -> None:
    assert conv_counts(3, [(4, 2), (2, 1)]) == [0, 0]


@pytest.mark.parametrize("reflect", [True, False])
@pytest.mark.parametrize(("length", "hop", "samples"), [(8, 3, 40), (400, 160, 1000), (400, 160, 400), (7, 7, 30)])
def test_power_spectra_are_framed_as_torch_does(length: int, hop: int, samples: int, reflect: bool) -> None:
    waveform = torch.randn(2, samples, generator=torch.Generator().manual_seed(0))
    window = torch.hann_window(length)
    wanted = torch.stft(waveform, length, hop, window=window, center=reflect, pad_mode="reflect", return_complex=True)
    found = power_spectra(waveform, window, hop, reflect=reflect)
    torch.testing.assert_close(found, wanted.abs().square().transpose(1, 2), rtol=1e-4, atol=1e-5)
