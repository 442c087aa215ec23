"""`tymbal serve` from the first word to Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C of another process is another thing there")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_listens_answers_and_ends_with_ctrl_c(sent: signal.Signals) -> None:
    command = [sys.executable, "-m", "tymbal", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            said = server.stderr.readline()
            address = said.removeprefix("listening at ").split(" ")[0]
            with urllib.request.urlopen(f"{address}health", timeout=30) as answer:
                assert json.load(answer)["status"] == "ok"
        finally:
            server.send_signal(sent)
        assert server.stderr.read() == "stopped\n"
        assert server.wait(timeout=30) == 0
