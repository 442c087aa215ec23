"""`train_network`: scenes, chunk by chunk, into a network; resumable, on the one training loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tymbal.config import check_fields
from tymbal.errors import UsageError
from tymbal.fewshot.network import store as stores
from tymbal.fewshot.network.batches import USES, Replay
from tymbal.fewshot.network.config import SIZES, NetworkConfig
from tymbal.fewshot.network.files import save_network
from tymbal.fewshot.network.losses import Validation, loss
from tymbal.fewshot.network.model import Network, count_parameters
from tymbal.fewshot.network.scenes import Example, SceneSettings
from tymbal.fewshot.network.store import ExampleStore
from tymbal.jobs import Progress
from tymbal.training import TrainingConfig, TrainingReport, seeded, train
from tymbal.training.device import usable_device

HELD_OUT_SEED = 90_210  # of the scenes that validation reads; no training scene has it
CHUNKS = 12  # at most; a chunk is one shard at least


@dataclass(frozen=True)
class FewshotRecipe:
    """How a network is trained.

    Parameters
    ----------
    size : of SIZES.
    scenes : how many there are, one shard (`stores.PER_SHARD`) at least; each is used in three epochs.
    validation : held-out scenes, as many at least.
    settings : what the scenes are like.
    seed : of weights and order.
    batch_size, learning_rate : of AdamW with a cosine.
    """

    size: str = "small"
    scenes: int = 2400
    validation: int = 100
    settings: SceneSettings = field(default_factory=SceneSettings)
    seed: int = 0
    batch_size: int = 6
    learning_rate: float = 1.5e-3

    def check(self) -> None:
        """Raise UsageError naming the first field outside its range."""
        check_fields(self, self._ranges())

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        yield "size", self.size in SIZES, ", ".join(SIZES)
        yield "scenes", self.scenes >= stores.PER_SHARD, f"{stores.PER_SHARD} or more"
        yield "validation", self.validation >= stores.PER_SHARD, f"{stores.PER_SHARD} or more"
        yield "seed", self.seed >= 0, "0 or more"
        yield "batch_size", self.batch_size >= 1, "1 or more"
        yield "learning_rate", 0 < self.learning_rate < float("inf"), "a number above 0"

    @property
    def network(self) -> NetworkConfig:
        return SIZES[self.size]


@dataclass(frozen=True)
class TrainedNetwork:
    """Where the network lies, what it is, and how training went."""

    path: Path
    parameters: int
    curves: float
    best: float
    report: TrainingReport


def train_network(
    recipe: FewshotRecipe,
    out: Path,
    *,
    folder: Path | None = None,
    scenes: Path | None = None,
    device: str | None = "cpu",
    workers: int | None = 1,
    progress: Progress | None = None,
) -> TrainedNetwork:
    """Train a network and write it to the file `out`.

    folder : of checkpoints and log (default: `out` with ".run" added); the same call goes on after a stop. scenes :
    where made scenes are kept (default: in that folder), shared by runs of the same settings. workers : processes that
    make scenes. Raises UsageError for a recipe that cannot be.
    """
    recipe.check()
    if out.is_dir():
        raise UsageError("this is a folder", where=out, mend="Give the name of a file for the network.")
    folder = out.with_name(out.name + ".run") if folder is None else folder
    place = folder / "scenes" if scenes is None else scenes
    where = usable_device(device)
    store = ExampleStore(place, recipe.settings, recipe.scenes)
    held_out = ExampleStore(place, SceneSettings(seed=HELD_OUT_SEED, ramp=0), recipe.validation)
    chunks = min(CHUNKS, store.shards)
    cuts = [round(at * store.shards / chunks) for at in range(chunks + 1)]

    def load(chunk: int) -> list[Example]:
        shards = range(cuts[chunk], cuts[chunk + 1])
        store.make(shards.start, shards.stop, workers=workers)
        return [example for shard in shards for example in store.load(shard)]

    held_out.make(workers=workers)
    examples = [example for shard in range(held_out.shards) for example in held_out.load(shard)]
    validate = Validation(examples, where)
    per_chunk = recipe.scenes // chunks
    with seeded(recipe.seed):
        network = Network(recipe.network).to(where)
    config = TrainingConfig(
        epochs=chunks,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        warmup_epochs=0.25,
        clip=3.0,
        monitor="average_precision",
        direction="max",
        seed=recipe.seed,
        checkpoint_steps=100,
    )
    batches = Replay(load, chunks, per_chunk, where)
    report = train(network, batches, loss, config, validate=validate, directory=folder, progress=progress)
    before = validate(None)["curves"]
    best = float(report.best if report.best is not None else 0.0)
    about: dict[str, Any] = {**asdict(recipe), "uses": USES, "average_precision": best, "curves": before}
    save_network(network, out, about)
    return TrainedNetwork(out, count_parameters(recipe.network), before, best, report)
