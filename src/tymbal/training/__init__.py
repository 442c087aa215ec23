"""The one loop that every trainer uses: seeds, schedule, early stop, averaged weights, exact resume, log."""

from tymbal.training.checkpoint import is_whole, read_tensors, write_tensors
from tymbal.training.config import TrainingConfig
from tymbal.training.ema import WeightAverage
from tymbal.training.loop import Batches, Loss, TrainingReport, Validate, make_optimizer, train
from tymbal.training.parallel import Distributed, Parallel, SingleProcess, from_torchrun
from tymbal.training.schedule import rate_factor
from tymbal.training.seeding import derive_seed, epoch_order, seeded

__all__ = [
    "Batches",
    "Distributed",
    "Loss",
    "Parallel",
    "SingleProcess",
    "TrainingConfig",
    "TrainingReport",
    "Validate",
    "WeightAverage",
    "derive_seed",
    "epoch_order",
    "from_torchrun",
    "is_whole",
    "make_optimizer",
    "rate_factor",
    "read_tensors",
    "seeded",
    "train",
    "write_tensors",
]
