"""One writer at a time, and a dead one holds nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tymbal.errors import UsageError
from tymbal.jobs import only_writer

HOLD = """
import sys, time
from tymbal.jobs import only_writer
with only_writer(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_until_the_first_dies(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "held"
        with pytest.raises(UsageError, match="another process is writing"), only_writer(tmp_path):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with only_writer(tmp_path):
        assert tmp_path.is_dir()


def test_the_folder_is_made_and_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    with only_writer(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="in the way"), only_writer(tmp_path / "file"):
        pass


def test_a_writer_may_wait_for_its_turn(tmp_path: Path) -> None:
    order: list[str] = []
    held = threading.Event()

    def hold() -> None:
        with only_writer(tmp_path):
            held.set()
            time.sleep(0.2)
            order.append("first")

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with only_writer(tmp_path, wait_s=10):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
