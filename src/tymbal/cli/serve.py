"""`tymbal serve`: find over HTTP on this machine."""

from __future__ import annotations

import math
import signal
import sys
from pathlib import Path

from tymbal.cli.common import EXIT_OK, Json, Quiet, say, say_json
from tymbal.errors import InputPathError, UsageError


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    limit_mb: float = 500.0,
    root: Path | None = None,
    workers: int = 1,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Answer requests of programs and browsers: a recording and examples in, a Raven table out; Ctrl-C ends it.

    GET / is a form, POST /find takes multipart/form-data or JSON: see docs/how-to/serve.md.

    Parameters
    ----------
    host
        Where to listen. Other than 127.0.0.1: whoever reaches this machine can use it, there is no password.
    port
        Port to listen at; 0 takes a free one.
    limit_mb
        Largest request, in MB.
    root
        Requests in JSON may name files below this folder instead of sending them.
    workers
        Requests that are worked at once; eight more wait, others are told to come back.
    """
    from tymbal.fewshot.server import LOOPBACK, FindServer

    if not 0 <= port <= 65535:
        raise UsageError(f"port is {port}", parameter="port", allowed="0 to 65535")
    if root is not None and not root.is_dir():
        raise InputPathError("no such folder", where=root, mend="Give the folder that requests may name files of.")
    if not 0 < limit_mb < math.inf:
        raise UsageError(f"limit_mb is {limit_mb:g}", parameter="limit_mb", allowed="above 0, and an end")
    with FindServer(host, port, workers=workers, limit_bytes=int(limit_mb * 1e6), root=root) as server:
        where = f"[{host}]" if ":" in host else host
        address = f"http://{where}:{server.server_port}/"
        if json:
            say_json({"address": address})
            sys.stdout.flush()
        say(f"listening at {address} (Ctrl-C ends it)")
        if host not in LOOPBACK and not quiet:
            say("note: whoever reaches this machine can use it, and reads what is below --root; there is no password")
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # what service managers send ends it as Ctrl-C does
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            if not quiet:
                say("stopped")
    return EXIT_OK
