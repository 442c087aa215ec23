"""The HTTP server of `tymbal serve`: GET / a form, GET /health, POST /find; nothing but the standard library."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from tymbal import __version__, errors
from tymbal.errors import UsageError
from tymbal.fewshot.serving import Answer, RequestFolder, answer, plain_text, read_json, read_multipart
from tymbal.jobs import Failure, Worked, guarded

LOOPBACK = ("127.0.0.1", "localhost", "::1")
WAITING = 8  # requests that may wait for a free worker; more are told to come back
SLOW_S = 60.0  # a client that says nothing for so long is left
REFUSED = 8  # clients that are refused in full words at once
LINGER_S = 5.0  # what a refused client still sends is read for so long: it hears why only after it has sent all
NOTES = 6000  # characters of the header with notes
CHUNK = 1 << 20
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tymbal find</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}
label{display:block;margin:.8rem 0 .2rem}input{font:inherit}button{font:inherit;margin-top:1.2rem;padding:.4rem 1.2rem}
small{color:#555}</style></head><body>
<h1>A few examples, find the rest</h1>
<p>Send a recording and a table of examples (Raven, Audacity, CSV); a Raven table comes back. Nothing is kept.</p>
<form method="post" action="/find" enctype="multipart/form-data">
<label for="audio">Recording to search</label><input id="audio" type="file" name="audio" required>
<label for="examples">Table of examples</label><input id="examples" type="file" name="examples" required>
<label for="sounds">Recordings of the examples <small>(if they are of others)</small></label>
<input id="sounds" type="file" name="sounds" multiple>
<label for="label">Label <small>(empty: all of the table)</small></label><input id="label" name="label">
<label for="shots">Use the first so many examples <small>(empty: all)</small></label>
<input id="shots" name="shots" inputmode="numeric">
<label for="score">From this score on</label><input id="score" name="score" value="0.5" inputmode="decimal">
<p><button>Find</button></p></form>
<p><small>Tymbal VERSION. A score is no probability: 0.5 is the threshold that the examples suggest.</small></p>
</body></html>
"""


class FindServer(ThreadingHTTPServer):
    """Serves until it is shut down; at most `workers` requests are worked at once, WAITING more wait.

    root : folder below which requests may name files; None: they must send them. limit_bytes : of one request.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(
        self, host: str, port: int, *, workers: int = 1, limit_bytes: int = 500_000_000, root: Path | None = None
    ) -> None:
        if workers < 1:
            raise UsageError(f"workers is {workers}", parameter="workers", allowed="1 or more")
        if limit_bytes < 1:
            raise UsageError(f"limit_mb is {limit_bytes / 1e6:g}", parameter="limit_mb", allowed="above 0")
        self.limit_bytes, self.root = limit_bytes, root
        self.free = threading.BoundedSemaphore(workers)
        self._room = threading.BoundedSemaphore(workers + WAITING)
        self._refused = threading.BoundedSemaphore(REFUSED)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), FindHandler)
        except (OSError, OverflowError) as error:
            what = f"cannot listen at {host}, port {port}: {getattr(error, 'strerror', None) or error}"
            raise UsageError(what, mend="Choose another with --host and --port.") from error
        self.local = host in LOOPBACK
        self.folder = Path(tempfile.mkdtemp(prefix="tymbal-serve-"))  # of all requests

    def server_close(self) -> None:
        """Nothing is kept, not of requests that were being worked either."""
        super().server_close()
        if hasattr(self, "folder"):  # it has none where it could not listen
            shutil.rmtree(self.folder, ignore_errors=True)

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for the request where there is room, else a word that there is none."""
        if not self._room.acquire(blocking=False):
            body = b'{"error": "too many requests at once; try again"}\n'
            head = f"HTTP/1.0 503 Busy\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            request.sendall(head.encode() + body)
            if self._refused.acquire(blocking=False):
                threading.Thread(target=self._turned_away, args=(request,), daemon=True).start()
            else:
                self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def _turned_away(self, request: Any) -> None:
        try:
            linger(request)
            self.shutdown_request(request)
        finally:
            self._refused.release()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""


def linger(client: socket.socket) -> None:
    """Read what a client that was refused still sends: closed at once, it would lose the answer with its own words."""
    end = time.monotonic() + LINGER_S
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_WR)
        client.settimeout(LINGER_S)
        while client.recv(CHUNK) and time.monotonic() < end:
            pass


class FindHandler(BaseHTTPRequestHandler):
    """One connection."""

    server: FindServer
    server_version, sys_version = f"tymbal/{__version__}", ""
    timeout = SLOW_S

    def do_GET(self) -> None:
        """The form, and whether the server lives."""
        where = urlsplit(self.path).path
        if not self._known_host():
            return
        if where == "/":
            self._send(HTTPStatus.OK, PAGE.replace("VERSION", __version__).encode(), "text/html; charset=utf-8")
        elif where == "/health":
            self._json(HTTPStatus.OK, {"status": "ok", "version": __version__})
        else:
            self._json(HTTPStatus.NOT_FOUND, {"error": f"nothing is at {where}; GET / or /health, POST /find"})

    def do_POST(self) -> None:
        """Find, and answer with the table; every error is one JSON object with the text of the command line."""
        if not self._known_host():
            return
        if urlsplit(self.path).path != "/find":
            self._json(HTTPStatus.NOT_FOUND, {"error": "POST goes to /find"})
            return
        with RequestFolder(self.server.folder) as folder:
            body = self._body(folder)
            if body is None:
                return
            outcome = guarded(self._found, body)
            if outcome.worked is not None:
                self._answer(outcome.worked.value)
            elif outcome.failure is not None:
                self._fault(outcome.failure, folder)

    def _found(self, body: Path) -> Worked[Answer]:
        kind = self.headers.get("Content-Type", "")
        plain = kind.partition(";")[0].strip().lower()
        if plain == "multipart/form-data":
            sent = read_multipart(body, kind, body.parent)
        elif plain == "application/json":
            sent = read_json(body, body.parent, self.server.root)
        else:
            raise UsageError(f"a body of {plain or 'no type'}", allowed="multipart/form-data or application/json")
        body.unlink()
        with self.server.free:
            return Worked(answer(sent))

    def _fault(self, failure: Failure, folder: Path) -> None:
        """The text of the command line, and the exit code that it would have ended with."""
        code = getattr(getattr(errors, failure.error, None), "exit_code", 1)
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        if failure.trace:
            self.log_error("%s", failure.trace)
        elif code == UsageError.exit_code:
            status = HTTPStatus.BAD_REQUEST
        elif code > UsageError.exit_code:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
        self._json(status, {"error": plain_text(failure.message, folder), "exit_code": code})

    def _body(self, folder: Path) -> Path | None:
        """The body as a file; None where it was refused."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self._json(HTTPStatus.LENGTH_REQUIRED, {"error": "the request does not say how long it is"})
            return None
        left = int(length[:19])  # Python takes no number of thousands of digits
        if left > self.server.limit_bytes:
            what = f"the request has {left:,} bytes, allowed are {self.server.limit_bytes:,}"
            self.close_connection = True
            self._json(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": f"{what} (--limit-mb)"})
            linger(self.connection)
            return None
        path = folder / "body"
        with path.open("wb") as file:
            while left:
                read = self.rfile.read(min(CHUNK, left))
                if not read:
                    raise ConnectionError("the client went away")
                file.write(read)
                left -= len(read)
        return path

    def _known_host(self) -> bool:
        """Whether the request is for this server by its own name: pages of other sites have no business here."""
        origin, host = self.headers.get("Origin"), self.headers.get("Host", "")
        try:  # the origin of a page in a sandbox or a file is the word null
            own = origin is None or urlsplit(origin).netloc == host != ""
            own = own and (not self.server.local or urlsplit(f"//{host}").hostname in LOOPBACK)
        except ValueError:
            own = False
        if not own:
            self._json(HTTPStatus.FORBIDDEN, {"error": "this server answers its own page and programs on this machine"})
            return False
        return True

    def _answer(self, found: Answer) -> None:
        if "application/json" in self.headers.get("Accept", ""):
            told = {"table": found.table.decode("utf-8"), "events": found.events, "notes": list(found.notes)}
            self._json(HTTPStatus.OK, {**told, "finders": list(found.finders)})
            return
        name = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name)}"}
        if found.notes:
            name["X-Tymbal-Notes"] = _short(found.notes)
        self._send(HTTPStatus.OK, found.table, "text/tab-separated-values; charset=utf-8", name)

    def _json(self, status: HTTPStatus, value: object) -> None:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"
        self._send(status, text.encode("utf-8", "backslashreplace"), "application/json; charset=utf-8")

    def _send(self, status: HTTPStatus, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
        plain = {"Content-Type": kind, "Content-Length": str(len(body)), "Content-Security-Policy": policy}
        for name, value in {**plain, "X-Content-Type-Options": "nosniff", **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses (no HTTP, an unknown verb) is one JSON object too."""
        status = HTTPStatus(code)
        self.close_connection = True
        self._json(status, {"error": message or status.phrase})

    def log_message(self, format: str, *args: Any) -> None:
        """Only errors are told, and without the control characters that a request may hold."""

    def log_error(self, format: str, *args: Any) -> None:
        told = (format % args).encode("ascii", "backslashreplace").decode()
        super().log_message("%s", "".join(sign if sign.isprintable() else "?" for sign in told))


def _short(notes: Sequence[str]) -> str:
    """The notes as JSON, as many as a header may hold."""
    kept = list(notes)
    while kept and len(json.dumps(kept)) > NOTES:
        kept.pop()
    more = len(notes) - len(kept)
    return json.dumps([*kept, f"and {more} more: Accept: application/json has them all"] if more else kept)
