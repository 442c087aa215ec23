"""The per-item guard: the one place where any error becomes a row instead of a stop."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tymbal.errors import DiskFullError, Fault, TymbalError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Failure:
    """One item that could not be worked. `trace` is kept for errors that are our own bugs, else empty."""

    item: str
    error: str
    message: str
    trace: str = ""


@dataclass(frozen=True)
class Worked(Generic[R]):
    """What a worker returns for one item: the value, the seconds of sound in it, and what was odd about it.

    `failures` are parts of the item (one segment of a day-long file, say) that failed while the rest was worked.
    """

    value: R
    audio_s: float = 0.0
    faults: tuple[Fault, ...] = ()
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """A worked item or its failure; exactly one of `worked` and `failure` is set."""

    item: str
    worked: Worked[R] | None = None
    failure: Failure | None = None


@dataclass
class ShardOutcomes(Generic[R]):
    """The outcomes of one shard, in the order of its items."""

    outcomes: list[Outcome[R]] = field(default_factory=list)

    @property
    def failures(self) -> list[Failure]:
        """Items that failed, and the failed parts of items that did not, in order."""
        found: list[Failure] = []
        for outcome in self.outcomes:
            found += [outcome.failure] if outcome.failure is not None else []
            found += outcome.worked.failures if outcome.worked is not None else ()
        return found

    @property
    def failed_items(self) -> int:
        return sum(outcome.failure is not None for outcome in self.outcomes)

    @property
    def audio_s(self) -> float:
        return sum(outcome.worked.audio_s for outcome in self.outcomes if outcome.worked is not None)


def item_name(item: object) -> str:
    """How an item is called in tables and on screen: its `name`, else its text."""
    return str(getattr(item, "name", item))


def guarded(work: Callable[[T], Worked[R]], item: T) -> Outcome[R]:
    """Work one item; whatever goes wrong with it becomes its failure. A full disk and Ctrl-C still stop the job."""
    name = item_name(item)
    try:
        return Outcome(name, worked=work(item))
    except DiskFullError:
        raise
    except TymbalError as error:
        return Outcome(name, failure=Failure(name, type(error).__name__, str(error)))
    except MemoryError:
        message = "not enough memory for this item. Use a shorter segment, or fewer --workers."
        return Outcome(name, failure=Failure(name, "MemoryError", message))
    except OSError as error:
        message = f"the system refused: {error}. Check the disk, the path and the permissions, and run again."
        return Outcome(name, failure=Failure(name, type(error).__name__, message))
    except Exception as error:
        message = f"{type(error).__name__}: {error}. This is a defect of Tymbal: please report it with the trace."
        return Outcome(name, failure=Failure(name, type(error).__name__, message, traceback.format_exc()))
