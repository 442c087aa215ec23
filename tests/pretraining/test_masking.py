"""Hidden spans: as many as asked, only real tokens, never all."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tymbal.errors import UsageError
from tymbal.pretraining.masking import hidden_spans, stretch, token_pictures


@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=5),
    share=st.floats(0.05, 0.95),
    span=st.integers(1, 9),
    seed=st.integers(0, 9),
)
def test_as_many_as_asked_and_only_what_is_real(lengths: list[int], share: float, span: int, seed: int) -> None:
    torch.manual_seed(seed)
    real = torch.arange(40)[None] < torch.tensor(lengths)[:, None]
    hidden = hidden_spans(real, share=share, span=span)
    assert not bool((hidden & ~real).any())
    wanted = [max(0, min(max(1, round(share * length)), length - 1)) for length in lengths]
    assert hidden.sum(1).tolist() == wanted


def test_spans_are_as_long_as_asked() -> None:
    torch.manual_seed(0)
    real = torch.ones(200, 60, dtype=torch.bool)
    hidden = hidden_spans(real, share=0.1, span=6).int()
    starts = (torch.diff(hidden, dim=1, prepend=torch.zeros(200, 1, dtype=torch.int)) == 1).sum()
    assert float(hidden.sum() / starts) > 4.5  # six, less where spans are cut by the end of the clip
    assert float(hidden_spans(real, share=0.1, span=1).float().mean(0).std()) < 0.05  # anywhere alike


def test_tokens_and_frames_agree() -> None:
    pictures = torch.arange(2 * 7 * 3).float().reshape(2, 7, 3)
    tokens = token_pictures(pictures, 4, 2)
    assert tokens.shape == (2, 2, 12)
    assert torch.equal(tokens[:, 0], pictures[:, :4].flatten(1))
    assert torch.equal(tokens[:, 1, 9:], torch.zeros(2, 3))
    assert stretch(torch.tensor([[True, False]]), 4, 7).tolist() == [[True] * 4 + [False] * 3]


@pytest.mark.parametrize(("share", "span"), [(0.0, 2), (1.0, 2), (0.5, 0)])
def test_what_cannot_be_is_refused(share: float, span: int) -> None:
    with pytest.raises(UsageError, match=r"share in \(0, 1\)"):
        hidden_spans(torch.ones(1, 4, dtype=torch.bool), share=share, span=span)
