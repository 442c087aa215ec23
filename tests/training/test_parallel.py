from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from tests.training.test_loop import Pairs, bits, squared
from torch import Tensor, nn

from tymbal.training import SingleProcess, TrainingConfig, from_torchrun, train


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


WORKER = """
import sys, torch
from tests.training.test_loop import Pairs, bits, squared
from tymbal.training import TrainingConfig, from_torchrun, train
from torch import nn
torch.manual_seed(2)
module = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
with from_torchrun() as parallel:
    assert (parallel.size, module[1].running_mean.sum()) == (2, 0)
    seen = []
    train(module, Pairs(noise=0.0), squared, TrainingConfig(epochs=2, batch_size=10), parallel=parallel,
          validate=lambda each: seen.append(bits(each)) or {"loss": 1.0})
    with open(f"{sys.argv[1]}/{parallel.rank}", "wb") as file:
        file.write(seen[-1])
"""


def test_torchrun_trains_replicas_that_stay_equal(tmp_path: Path) -> None:
    """Two real processes: weights and running statistics are the same in both when they validate."""
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(script), str(tmp_path)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with from_torchrun() as parallel:
        assert isinstance(parallel, SingleProcess)
