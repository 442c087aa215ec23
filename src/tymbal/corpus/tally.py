"""Jobs whose items each become one row: shards kept as small JSON files until all are there, then one table."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tymbal.errors import CorpusError
from tymbal.jobs import Executor, Failure, Progress, Shard, ShardOutcomes, Work, make_plan, run_job, write_bytes

PER_SHARD = 64


@dataclass
class Tally:
    """The rows of a finished job in the order of its items, what failed, and (item, code, message) of oddities."""

    table: pl.DataFrame
    failures: list[Failure] = field(default_factory=list)
    faults: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Folder:
    """Where a job keeps its shards until it is finished; removed by `clear`."""

    path: Path

    def file(self, shard: Shard[Any]) -> Path:
        return self.path / f"{shard.key}.json"

    def save(self, shard: Shard[Any], outcomes: ShardOutcomes[Any]) -> None:
        """Keep one shard's rows, failures and faults, atomically."""
        worked = [outcome for outcome in outcomes.outcomes if outcome.worked is not None]
        content = {
            "rows": [outcome.worked.value for outcome in worked if outcome.worked is not None],
            "failures": [asdict(failure) for failure in outcomes.failures],
            "faults": [
                (outcome.item, fault.code, fault.message)
                for outcome in worked
                if outcome.worked is not None
                for fault in outcome.worked.faults
            ],
        }
        write_bytes(self.file(shard), json.dumps(content, allow_nan=False).encode("ascii"))

    def load(self, shard: Shard[Any]) -> dict[str, Any]:
        """What `save` kept."""
        content: dict[str, Any] = json.loads(self.file(shard).read_bytes())
        return content

    def clear(self) -> None:
        """Remove the folder and all shards."""
        shutil.rmtree(self.path, ignore_errors=True)


def tally(
    name: str,
    items: Sequence[Any],
    work: Work,
    folder: Folder,
    *,
    schema: pl.Schema,
    executor: Executor,
    progress: Progress,
) -> Tally:
    """Work every item into one row (a dictionary of plain values by `schema`), resuming from what `folder` holds.

    The work itself (a dataclass) is among the parameters that unfinished shards are kept under. Order and content
    depend on items and work alone, not on workers or interruptions.
    Raises CorpusError where a kept shard cannot be read back.
    """
    plan = make_plan(name, items, work, per_shard=PER_SHARD)
    run_job(
        plan,
        work,
        folder.save,
        is_done=lambda shard: folder.file(shard).is_file(),
        executor=executor,
        progress=progress,
    )
    result = Tally(pl.DataFrame(schema=schema))
    parts = [result.table]
    for shard in plan.shards:
        try:
            content = folder.load(shard)
        except (OSError, ValueError) as error:
            raise CorpusError(
                f"unfinished work cannot be read: {error}",
                where=folder.file(shard),
                mend="Delete that file and run the same command again.",
            ) from error
        parts.append(pl.DataFrame(content["rows"], schema=schema, orient="row"))  # rows as objects would be large
        result.failures += [Failure(**failure) for failure in content["failures"]]
        result.faults += [(item, code, message) for item, code, message in content["faults"]]
    result.table = pl.concat(parts)
    return result
