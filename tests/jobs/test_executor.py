"""Worker processes: the same results as in one process, and crashes that cost one item each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.jobs.workers import Square, Unloadable

from tymbal.errors import AudioError, DiskFullError, UsageError
from tymbal.jobs import Executor, ProcessExecutor, SerialExecutor, make_executor, make_plan, run_job

REPOSITORY = Path(__file__).resolve().parents[2]


def results(executor: Executor, work: Square, items: list[int], per_shard: int = 2) -> dict[int, object]:
    """item -> square, or the class of its error."""
    plan = make_plan("square", items, {}, per_shard=per_shard)
    found: dict[int, object] = {}

    def save(shard: object, outcomes: object) -> None:
        for item, outcome in zip(shard.items, outcomes.outcomes, strict=True):  # type: ignore[attr-defined]
            assert item not in found
            found[item] = outcome.worked.value[0] if outcome.worked else outcome.failure.error

    run_job(plan, work, save, executor=executor)
    return found


def test_processes_give_what_one_process_gives() -> None:
    work = Square(broken=(3,), defect=(4,))
    items = list(range(9))
    expected = {item: item * item for item in items} | {3: "AudioError", 4: "ZeroDivisionError"}
    assert results(SerialExecutor(), work, items) == expected
    assert results(ProcessExecutor(2), work, items) == expected


def test_only_the_item_that_kills_its_worker_twice_is_lost(tmp_path: Path) -> None:
    items = list(range(12))
    crashing = Square(crash=(7,), crash_once=str(tmp_path / "once"))
    expected = {item: item * item for item in items} | {7: "WorkerDied"}
    assert results(ProcessExecutor(2), crashing, items, per_shard=3) == expected
    assert (tmp_path / "once").exists()


def test_errors_of_prepare_and_a_full_disk_reach_the_caller_as_themselves() -> None:
    with pytest.raises(AudioError, match=r"model\.bin: no model"):
        results(ProcessExecutor(1), Square(unprepared=True), [1])
    with pytest.raises(DiskFullError, match="no room"):
        results(ProcessExecutor(1), Square(full=(2,)), [1, 2])


def test_workers_that_cannot_start_are_told_before_any_item_is_blamed() -> None:
    executor = ProcessExecutor(1)
    with pytest.raises(UsageError, match="__main__"):
        executor.start(Unloadable())
    executor.close()


def test_run_before_start_is_a_defect() -> None:
    with pytest.raises(RuntimeError, match="before start"):
        list(SerialExecutor().run([]))


def test_workers_have_starting_workers_and_the_parent_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from tymbal.jobs.executor import _starting_workers

    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with _starting_workers():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_make_executor() -> None:
    assert isinstance(make_executor(1), SerialExecutor)
    assert isinstance(make_executor(0), SerialExecutor)
    three = make_executor(3)
    assert isinstance(three, ProcessExecutor)
    assert three.workers == 3
    assert make_executor(None).workers >= 1


SCRIPT = """
import sys
from tests.jobs.workers import Square
from tymbal.jobs import ProcessExecutor, make_plan, run_job
def save(shard, outcomes):
    print(outcomes.outcomes[0].worked.value[1], flush=True)
if __name__ == "__main__":
    run_job(make_plan("slow", list(range(100)), {}, per_shard=1), Square(slow_s=0.2), save, executor=ProcessExecutor(1))
"""


def test_a_job_that_is_broken_off_does_not_wait_for_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from tymbal.jobs import executor as module

    class Stop(BaseException):
        pass

    def save(*_: object) -> None:
        raise Stop

    monkeypatch.setattr(module, "GRACE_S", 0.2)
    executor = ProcessExecutor(2)
    plan = make_plan("slow", [0, 1], {}, per_shard=1)
    start = time.monotonic()
    with pytest.raises(Stop):
        run_job(plan, Square(slow_s=0.0, stuck=(1,)), save, executor=executor)
    assert time.monotonic() - start < 40  # item 1 would have taken a minute


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups to interrupt")
def test_ctrl_c_ends_parent_and_workers_without_a_word_from_them(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(SCRIPT.replace("ProcessExecutor(1)", "ProcessExecutor(2)"))
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        os.killpg(parent.pid, signal.SIGINT)
        _, told = parent.communicate(timeout=30)
    assert parent.returncode != 0
    assert told.count("Traceback") == 1  # the parent's own: the command line catches it
    assert told.strip().endswith("KeyboardInterrupt")
    assert gone(worker)


@pytest.mark.skipif(sys.platform == "win32", reason="asks /proc or ps for processes")
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, env=environment, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        os.kill(worker, 0)  # it lives
        parent.kill()
    assert gone(worker)


def gone(process: int) -> bool:
    until = time.monotonic() + 10
    while time.monotonic() < until and alive(process):
        time.sleep(0.05)
    return not alive(process)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")
