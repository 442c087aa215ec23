"""Executors: who works the shards. Local processes here; other rooms may bring others with the same three methods."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, TypeVar

from tymbal.errors import UsageError
from tymbal.jobs.guard import Failure, Outcome, ShardOutcomes, guarded, item_name
from tymbal.jobs.plan import Shard

T = TypeVar("T")

GRACE_S = 3.0  # how long a worker that is still at work may take to end

Finished = tuple[Shard[Any], ShardOutcomes[Any]]


class Work(Protocol):
    """What workers run: picklable, prepared once in each worker, then called with one item at a time."""

    def prepare(self) -> None:
        """Load what every item needs (an encoder, say)."""
        ...

    def __call__(self, item: Any, /) -> Any:
        """Work one item and return a `Worked`."""
        ...


class Executor(Protocol):
    """Three methods: start with a piece of work, run shards lazily in any order, close."""

    workers: int

    def start(self, work: Work) -> None: ...

    def run(self, shards: Iterable[Shard[Any]]) -> Iterator[Finished]: ...

    def close(self) -> None: ...


def work_shard(work: Work, shard: Shard[Any]) -> ShardOutcomes[Any]:
    """Every item of a shard through the guard, in order."""
    return ShardOutcomes([guarded(work, item) for item in shard.items])


class SerialExecutor:
    """Everything in this process, one shard after the other."""

    workers = 1

    def __init__(self) -> None:
        self._work: Work | None = None

    def start(self, work: Work) -> None:
        work.prepare()
        self._work = work

    def run(self, shards: Iterable[Shard[Any]]) -> Iterator[Finished]:
        if self._work is None:
            raise RuntimeError("run() before start()")
        for shard in shards:
            yield shard, work_shard(self._work, shard)

    def close(self) -> None:
        self._work = None


_work: Work | None = None  # in a worker process: the work it was started with


_prepared = False


def _start_worker(pickled: bytes) -> None:
    global _work, _prepared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows; elsewhere it is blocked from the start
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _work, _prepared = pickle.loads(pickled), False  # our own bytes, made by start() in the parent


def _end_with_parent() -> None:
    # A parent that is killed cannot close its pool, and workers hold both ends of their queue: they would wait on.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _ready() -> None:
    """Nothing: that it came back shows that a worker could start."""


def _run_shard(shard: Shard[Any]) -> ShardOutcomes[Any]:
    global _prepared
    if _work is None:
        raise RuntimeError("this worker was never started")
    if not _prepared:  # here, not in the initializer: an error reaches the parent as itself, not as a broken pool
        _work.prepare()
        _prepared = True
    return work_shard(_work, shard)


class ProcessExecutor:
    """Local worker processes, started by spawn so that Windows and macOS behave alike.

    At most `workers + 1` shards are in flight, so memory does not grow with the job. When a worker dies (a decoder
    that crashes, the system out of memory), the shards in flight are worked again one item at a time, and only an
    item that kills its worker twice becomes a failure.
    """

    def __init__(self, workers: int) -> None:
        self.workers = max(1, workers)
        self._pickled = b""
        self._pool: ProcessPoolExecutor | None = None

    def start(self, work: Work) -> None:
        """Open the pool and wait until a worker lives; UsageError where none can start."""
        self._pickled = pickle.dumps(work)
        try:
            self._open(self.workers)[0].result()
        except BrokenProcessPool as error:
            self.close()
            raise UsageError(
                "worker processes cannot start here",
                mend="In a script, put what it does under `if __name__ == '__main__':`; or give workers=1.",
            ) from error

    def _open(self, workers: int) -> list[Future[None]]:
        """A new pool, every worker started at once: one started later could meet the pool as it breaks."""
        context = multiprocessing.get_context("spawn")
        with _starting_workers():
            self._pool = ProcessPoolExecutor(
                workers, mp_context=context, initializer=_start_worker, initargs=(self._pickled,)
            )
            return [self._pool.submit(_ready) for _ in range(workers)]

    def run(self, shards: Iterable[Shard[Any]]) -> Iterator[Finished]:
        """Every shard with its outcomes, as they are done; errors of `prepare` and full disks are raised."""
        waiting = iter(shards)
        pending: dict[Future[ShardOutcomes[Any]], Shard[Any]] = {}
        while True:
            crashed: list[Shard[Any]] = []
            while not crashed and len(pending) < self.workers + 1:
                shard = next(waiting, None)
                if shard is None:
                    break
                if not self._submit(shard, pending):
                    crashed.append(shard)
            if not pending and not crashed:
                return
            if pending and not crashed:
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    shard = pending.pop(future)
                    try:
                        outcomes = future.result()
                    except BrokenProcessPool:
                        crashed.append(shard)
                    else:
                        yield shard, outcomes
            if crashed:
                crashed += pending.values()
                pending.clear()
                for shard in sorted(crashed, key=lambda each: each.index):
                    yield shard, self._one_by_one(shard)
                self._open(self.workers)

    def _submit(self, shard: Shard[Any], pending: dict[Future[ShardOutcomes[Any]], Shard[Any]]) -> bool:
        future = self._try_submit(shard)
        if future is not None:
            pending[future] = shard
        return future is not None

    def _try_submit(self, shard: Shard[Any]) -> Future[ShardOutcomes[Any]] | None:
        """The shard handed to the pool, or None where a worker has died."""
        try:
            if self._pool is None:
                self._open(self.workers)
            assert self._pool is not None
            with _starting_workers():
                return self._pool.submit(_run_shard, shard)
        except BrokenProcessPool:
            return None
        except OSError as error:
            # A worker replaced just as the pool breaks finds its pipes closed ("handle is closed", without a number);
            # what the system itself refuses (no memory, no processes left) has one.
            if error.errno is not None:
                raise
            return None

    def _one_by_one(self, shard: Shard[Any]) -> ShardOutcomes[Any]:
        outcomes: list[Outcome[Any]] = []
        for item in shard.items:
            single = Shard(shard.index, shard.key, (item,))
            for attempt in (1, 2):
                self.close()
                try:
                    self._open(1)
                    outcomes += self._pool.submit(_run_shard, single).result().outcomes  # type: ignore[union-attr]
                    break
                except BrokenProcessPool:
                    if attempt == 2:
                        outcomes.append(_killer(item))
        self.close()
        return ShardOutcomes(outcomes)

    def close(self) -> None:
        """End the workers: at once where they are idle, after `GRACE_S` where a job was broken off."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        workers = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        until = time.monotonic() + GRACE_S
        for worker in workers:
            worker.join(max(0.0, until - time.monotonic()))
        for worker in workers:
            if worker.is_alive():
                worker.terminate()


def _killer(item: object) -> Outcome[Any]:
    name = item_name(item)
    message = (
        "working this item ended its worker process twice (a crash inside a library, or too little memory). "
        "The rest of the job went on; convert the file, or run with fewer --workers."
    )
    return Outcome(name, failure=Failure(name, "WorkerDied", message))


@contextlib.contextmanager
def _starting_workers() -> Iterator[None]:
    """What processes started within inherit: one thread for numeric libraries, and no ear for Ctrl-C.

    Those libraries read their variables once, at the start; with more threads each, workers would fight for the cores.
    Ctrl-C reaches every process of a terminal, and the parent alone answers it.
    """
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if sys.platform != "win32" else set()
    try:
        yield
    finally:
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def make_executor(workers: int | None) -> Executor:
    """`workers` local processes (None: one per core the process may use); 0 or 1 works in this process."""
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 0):
        raise UsageError(f"workers is {workers!r}", parameter="workers", allowed="0 or more, or none for one per core")
    if workers is None:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return SerialExecutor() if workers <= 1 else ProcessExecutor(workers)
