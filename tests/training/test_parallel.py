from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from tests.training.test_loop import Pairs, bits, squared
from torch import Tensor, nn

from tymbal.training import SingleProcess, TrainingConfig, train


class Threads:
    """Replicas as threads that meet at a barrier."""

    def __init__(self, rank: int, size: int, meeting: threading.Barrier, board: dict[int, list[Tensor]]) -> None:
        self.rank, self.size, self.meeting, self.board = rank, size, meeting, board

    def average(self, tensors: list[Tensor]) -> None:
        self.board[self.rank] = [tensor.clone() for tensor in tensors]
        self.meeting.wait(timeout=30)
        for position, tensor in enumerate(tensors):
            tensor.copy_(sum(self.board[rank][position] for rank in range(self.size)) / self.size)
        self.meeting.wait(timeout=30)


def test_replicas_take_the_steps_of_one_process(tmp_path: Path) -> None:
    config = TrainingConfig(epochs=2, batch_size=9)  # 37 examples: the last batch is one example for two replicas

    def linear() -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(2)
            return nn.Linear(5, 2).double()

    def pairs() -> Pairs:
        made = Pairs(noise=0.0)
        made.x, made.y = made.x.double(), made.y.double()
        return made

    single = linear()
    alone = train(single, pairs(), squared, config)
    meeting, board, modules = threading.Barrier(2), {}, [linear(), linear()]
    reports: dict[int, object] = {}

    def work(rank: int) -> None:
        parallel = Threads(rank, 2, meeting, board)
        reports[rank] = train(
            modules[rank], pairs(), squared, config, parallel=parallel, directory=tmp_path / str(rank)
        )

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bits(modules[0]) == bits(modules[1])
    torch.testing.assert_close(modules[0].state_dict(), single.state_dict(), rtol=1e-9, atol=1e-12)
    assert reports[0].history[-1]["training_loss"] == pytest.approx(alone.history[-1]["training_loss"])
    assert (tmp_path / "0" / "log.jsonl").exists()
    assert not (tmp_path / "1").exists()


def test_one_process_averages_nothing() -> None:
    single, tensor = SingleProcess(), torch.ones(2)
    single.average([tensor])
    assert (single.rank, single.size, tensor.tolist()) == (0, 1, [1.0, 1.0])
