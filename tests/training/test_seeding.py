from __future__ import annotations

import torch

from tymbal.training import derive_seed, epoch_order, seeded


def test_seeded_blocks_repeat_and_leave_no_trace() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with seeded(3):
        first = torch.rand(4)
    with seeded(3):
        assert torch.equal(torch.rand(4), first)
    with seeded(4):
        assert not torch.equal(torch.rand(4), first)
    assert torch.equal(torch.get_rng_state(), before)


def test_epoch_orders_are_permutations_that_differ_by_epoch_and_seed() -> None:
    order = epoch_order(50, 0, 0)
    assert sorted(order.tolist()) == list(range(50))
    assert torch.equal(order, epoch_order(50, 0, 0))
    assert not torch.equal(order, epoch_order(50, 0, 1))
    assert not torch.equal(order, epoch_order(50, 1, 0))


def test_derived_seeds_are_fixed_for_good() -> None:
    assert derive_seed("order", 0, 0) == derive_seed("order", "0", 0)
    assert derive_seed("a", "bc") != derive_seed("ab", "c")
    assert 0 <= derive_seed(1) < 2**63
