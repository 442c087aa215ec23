"""Training examples on disk: made once, in shards, and read again by every network that trains on them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from tymbal.errors import DataError
from tymbal.fewshot.network.scenes import Example, ExampleWork, SceneSettings
from tymbal.jobs import Progress, Shard, ShardOutcomes, Worked, make_executor, make_plan, run_job, write_bytes

PER_SHARD = 50
VERSION = 1  # of the examples: a change that changes any of them raises it
ARRAYS = tuple(each.name for each in fields(Example) if each.name != "median")


@dataclass
class _Guarded:
    work: ExampleWork

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, index: int) -> Worked[Example]:
        return Worked(self.work(index))


@dataclass(frozen=True)
class ExampleStore:
    """Examples 0 … `scenes` - 1 of `settings` below `folder`; those of the same settings are shared by any number."""

    folder: Path
    settings: SceneSettings
    scenes: int
    _plan: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        identity = {"version": VERSION, **asdict(self.settings)}
        plan = make_plan("scenes", list(range(self.scenes)), identity, per_shard=PER_SHARD)
        object.__setattr__(self, "_plan", plan)

    @property
    def shards(self) -> int:
        return len(self._plan.shards)

    def _place(self, shard: Shard[int]) -> Path:
        return self.folder / f"{shard.key}.npz"

    def make(
        self, first: int = 0, stop: int | None = None, *, workers: int | None = 1, progress: Progress | None = None
    ) -> None:
        """Make shards first … stop - 1 (None: all) where they are missing."""
        from dataclasses import replace

        shards = self._plan.shards[first:stop]
        part = replace(self._plan, shards=shards)
        if all(self._place(shard).is_file() for shard in shards):
            return

        def save(shard: Shard[int], outcomes: ShardOutcomes[Example]) -> None:
            for outcome in outcomes.outcomes:
                if outcome.failure is not None:
                    raise DataError(outcome.failure.message, where=f"scene {outcome.item}")
            made = [outcome.worked.value for outcome in outcomes.outcomes if outcome.worked is not None]
            write_bytes(self._place(shard), packed(made))

        run_job(
            part,
            _Guarded(ExampleWork(self.settings)),
            save,
            is_done=lambda shard: self._place(shard).is_file(),
            executor=make_executor(workers),
            progress=progress,
        )

    def load(self, shard: int) -> list[Example]:
        """The examples of one shard, made where they are missing."""
        self.make(shard, shard + 1)
        return unpacked(self._place(self._plan.shards[shard]))


def packed(examples: Sequence[Example]) -> bytes:
    """Examples as one npz of plain arrays, end to end."""
    arrays: dict[str, Any] = {name: np.concatenate([getattr(e, name) for e in examples]) for name in ARRAYS}
    lengths = np.array([[len(getattr(e, name)) for name in ARRAYS] for e in examples], np.int64)
    buffer = io.BytesIO()
    np.savez(buffer, lengths=lengths, median=np.array([e.median for e in examples]), **arrays)
    return buffer.getvalue()


def unpacked(path: Path) -> list[Example]:
    """Inverse of `packed`. Raises DataError for a file that is none of ours."""
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in (*ARRAYS, "lengths", "median")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError("these are no training scenes", where=path, mend="Delete the file; it is made anew.") from error
    cuts = {name: np.cumsum(held["lengths"][:, at])[:-1] for at, name in enumerate(ARRAYS)}
    parts = {name: np.split(held[name], cuts[name]) for name in ARRAYS}
    return [
        Example(**{name: parts[name][at] for name in ARRAYS}, median=float(median))
        for at, median in enumerate(held["median"].tolist())
    ]
