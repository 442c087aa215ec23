"""`find` over HTTP: the same bytes as the command line, and what is refused."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.fewshot.conftest import CHIRP_S, ONSETS, OTHERS, RATE, make_sound

from tymbal.cli.main import main
from tymbal.errors import UsageError
from tymbal.fewshot import server as module
from tymbal.fewshot.server import FindServer

HEAD = "recording,onset_s,offset_s,label\n"
ROWS = "".join(f"a.wav,{onset},{onset + CHIRP_S},chirp\n" for onset in ONSETS[:5])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("serve")
    soundfile.write(place / "a.wav", make_sound(ONSETS, 20.0, others=OTHERS), RATE)
    soundfile.write(place / "b.wav", make_sound((1.0, 3.0), 5.0, seed=3), RATE)
    (place / "calls.csv").write_text(HEAD + ROWS)
    (place / "loop").symlink_to("loop")
    return place


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[FindServer]:
    with FindServer("127.0.0.1", 0, limit_bytes=2_000_000, root=folder) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def asked(
    server: FindServer, verb: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    client = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    with contextlib.closing(client):
        client.request(verb, path, body or None, dict(headers or {}))
        answer = client.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def form(parts: Sequence[tuple[str, str | None, bytes]]) -> tuple[bytes, dict[str, str]]:
    """A multipart body as browsers send it, and its header."""
    mark, body = "--x7", b""
    for name, filename, content in parts:
        more = f'; filename="{filename}"' if filename is not None else ""
        body += f'--{mark}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"
    return body + f"--{mark}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={mark}"}


def posted(server: FindServer, value: object, **headers: str) -> tuple[int, dict[str, Any]]:
    sent = {"Content-Type": "application/json", "Accept": "application/json", **headers}
    status, _, body = asked(server, "POST", "/find", json.dumps(value).encode(), sent)
    return status, json.loads(body)


def file_of(path: Path) -> dict[str, str]:
    return {"name": path.name, "base64": base64.b64encode(path.read_bytes()).decode()}


def by_command(folder: Path, query: str, out: Path, *more: str) -> bytes:
    asks = ["find", str(folder / query), "--examples", str(folder / "calls.csv"), "-o", str(out)]
    assert main([*asks, "--workers", "1", "--no-report", "--quiet", *more]) == 0
    return (out / "tables" / f"{query}.selections.txt").read_bytes()


def test_a_form_gives_the_bytes_of_the_command_line(server: FindServer, folder: Path, tmp_path: Path) -> None:
    parts = [("audio", "a.wav", (folder / "a.wav").read_bytes()), ("examples", "calls.csv", (HEAD + ROWS).encode())]
    empty = [("sounds", "", b""), ("label", None, b""), ("shots", None, b"4"), ("score", None, b"0.4")]
    body, headers = form([*parts, *empty])
    status, more, table = asked(server, "POST", "/find", body, headers)
    assert (status, more["Content-Type"]) == (200, "text/tab-separated-values; charset=utf-8")
    assert table == by_command(folder, "a.wav", tmp_path / "out", "--shots", "4", "--score", "0.4")
    assert table.count(b"\n") == 1 + len(ONSETS)
    assert "a.wav.selections.txt" in more["Content-Disposition"]


def test_json_with_files_or_paths_gives_the_same(server: FindServer, folder: Path, tmp_path: Path) -> None:
    """The examples are of another recording, sent or named."""
    expected = by_command(folder, "b.wav", tmp_path / "out").decode()
    value = {"audio": file_of(folder / "b.wav"), "examples": {"name": "calls.csv", "text": HEAD + ROWS}}
    status, told = posted(server, {**value, "sounds": [file_of(folder / "a.wav")]})
    assert (status, told["table"], told["events"]) == (200, expected, 2)
    assert told["finders"][0]["shots"] == 5
    named = {"audio": {"path": "b.wav"}, "examples": {"path": "calls.csv"}, "sounds": {"path": "a.wav"}}
    assert posted(server, named)[1]["table"] == expected


def test_names_beyond_ascii_and_long_ones_are_kept(server: FindServer, folder: Path) -> None:
    """As browsers and curl send them; a table may speak of them."""
    name, sound = "Gärten süd 🐦.wav", (folder / "a.wav").read_bytes()
    body, headers = form([("audio", name, sound), ("examples", "t.csv", (HEAD + ROWS.replace("a.wav", name)).encode())])
    status, more, table = asked(server, "POST", "/find", body, headers)
    assert (status, table.decode().count(name)) == (200, len(ONSETS))
    assert "s%C3%BCd" in more["Content-Disposition"]
    long = {**file_of(folder / "a.wav"), "name": "ä" * 150 + ".wav"}
    rows = ROWS.replace("a.wav", "b.wav")
    value = {"audio": long, "examples": {"name": "t.csv", "text": HEAD + rows}, "sounds": {"path": "b.wav"}}
    assert posted(server, value)[0] == 200


def test_notes_tell_no_path_of_the_server_and_fit_a_header(server: FindServer, folder: Path) -> None:
    rows = HEAD + ROWS + "z.wav,1,1.2,chirp\n"
    broken = {"name": "z.wav", "text": "junk"}
    value = {"audio": file_of(folder / "a.wav"), "examples": {"name": "t.csv", "text": rows}, "sounds": broken}
    notes = posted(server, value)[1]["notes"]
    assert any("its examples were left out" in note for note in notes)
    assert not any("tymbal-serve-" in note for note in notes)
    kept = json.loads(module._short(["x" * 500] * 40))
    assert (len(kept), kept[-1].startswith("and 29 more")) == (12, True)


def test_nothing_of_an_unfinished_request_stays_when_the_server_ends() -> None:
    with FindServer("127.0.0.1", 0) as short:
        place = short.folder
        thread = threading.Thread(target=short.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        held = socket.create_connection(("127.0.0.1", short.server_port))
        held.sendall(b"POST /find HTTP/1.0\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx")
        for _ in range(200):
            if list(place.glob("*/body")):
                break
            time.sleep(0.01)
        assert list(place.glob("*/body"))
        short.shutdown()
        thread.join()
    assert not place.exists()
    held.close()


def test_page_and_health(server: FindServer) -> None:
    status, headers, page = asked(server, "GET", "/")
    assert (status, b'action="/find"' in page) == (200, True)
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert json.loads(asked(server, "GET", "/health?x=1")[2])["status"] == "ok"
    assert asked(server, "GET", "/etc/passwd")[0] == 404
    assert asked(server, "POST", "/")[0] == 404


TINY = {"name": "a.wav", "text": "RIFF nothing"}
CALLS = {"name": "t.csv", "text": HEAD + ROWS}
WRONG: dict[str, tuple[object, int, str]] = {
    "nothing": ({}, 400, "no file is sent as audio"),
    "no examples": ({"audio": TINY}, 400, "no file is sent as examples"),
    "a list": ([1], 400, "the body is no JSON object"),
    "unknown field": ({"audio": TINY, "encoder": "x"}, 400, "'encoder' is no field of a request"),
    "no base64": ({"audio": {"name": "a.wav", "base64": "%%"}}, 400, "audio is no base64"),
    "no file": ({"audio": 3}, 400, "audio is no file"),
    "same names": ({"audio": TINY, "examples": TINY}, 400, "two files are called 'a.wav'"),
    "no name": ({"audio": {"name": "../..", "text": "x"}}, 400, "is no name of a file"),
    "above the root": ({"audio": {"path": "../secret.wav"}}, 422, "no such file below the server's folder"),
    "whole path": ({"audio": {"path": "/etc/passwd"}}, 422, "no such file below the server's folder"),
    "null byte": ({"audio": {"path": "a\0.wav"}}, 422, "no such file below the server's folder"),
    "not sound": ({"audio": TINY, "examples": CALLS}, 422, "a.wav: "),
    "score": ({"audio": {"path": "a.wav"}, "examples": CALLS, "score": 2}, 400, "score is 2"),
    "shots": ({"audio": {"path": "a.wav"}, "examples": CALLS, "shots": "x"}, 400, "shots is 'x'"),
    "too many shots": ({"audio": {"path": "a.wav"}, "examples": CALLS, "shots": 9}, 400, "9 examples of 'chirp'"),
    "finder": ({"audio": {"path": "a.wav"}, "examples": CALLS, "finders": "no"}, 400, "unknown finder 'no'"),
    "finder's file": ({"audio": {"path": "a.wav"}, "examples": CALLS, "finders": "network:/x"}, 400, "files of their"),
    "label": ({"audio": {"path": "a.wav"}, "examples": CALLS, "label": "z"}, 400, "no example is labelled 'z'"),
    "no shots": ({"audio": {"path": "a.wav"}, "examples": CALLS, "shots": 0}, 400, "shots is 0 (allowed: 1 or more)"),
    "shots no number": ({"audio": {"path": "a.wav"}, "examples": CALLS, "shots": "nan"}, 400, "shots is nan"),
    "endless shots": ({"audio": {"path": "a.wav"}, "examples": CALLS, "shots": "inf"}, 400, "shots is inf"),
    "two scores": ({"audio": {"path": "a.wav"}, "examples": CALLS, "score": [0.3, 0.9]}, 400, "score is given 2 times"),
    "long path": ({"audio": {"path": "x" * 5000}}, 422, "no such file below the server's folder"),
    "path of no text": ({"audio": {"path": "\ud800"}}, 422, "no such file below the server's folder"),
    "links in a circle": ({"audio": {"path": "loop"}}, 422, "no such file below the server's folder"),
    "long name in a table": (
        {"audio": {"path": "a.wav"}, "examples": {"name": "t.csv", "text": f"{HEAD}{'y' * 400}.wav,1,2,x\n"}},
        422,
        "is no recording that is there",
    ),
    "outside": (
        {"audio": {"path": "a.wav"}, "examples": {"name": "t.csv", "text": f"{HEAD}a.wav,90,91,x\n"}},
        422,
        "lies outside the recording, which is 20.000 s long",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_as_on_the_command_line(server: FindServer, name: str) -> None:
    value, status, said = WRONG[name]
    found, told = posted(server, value)
    assert (found, said in told["error"]) == (status, True), told
    assert told["exit_code"] == (2 if status == 400 else 3)
    assert "tymbal-serve-" not in told["error"], "no path of the server"
    assert "Traceback" not in told["error"]


def test_a_table_reaches_no_recording_that_was_not_sent(server: FindServer, folder: Path, tmp_path: Path) -> None:
    """Examples in a recording of the server, by its whole path or by going up, are not there."""
    secret = tmp_path / "secret.wav"
    soundfile.write(secret, make_sound(ONSETS, 20.0), RATE)
    for name in (str(secret), "../../../../../../../.." + str(secret), str(folder / "b.wav")):
        rows = f"{HEAD}{name},1.0,1.2,x\n"
        status, told = posted(server, {"audio": file_of(folder / "a.wav"), "examples": {"name": "t.csv", "text": rows}})
        assert status == 422
        assert "is no recording that is there" in told["error"]


def test_bodies_that_cannot_be(server: FindServer) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    cases = [
        (b"x", {"Content-Type": "text/plain"}, 400, "a body of text/plain"),
        (b"{", {"Content-Type": "application/json"}, 400, "the body is no JSON"),
        (b"x", {"Content-Type": "multipart/form-data"}, 400, "it has no boundary"),
        (b'--b\r\nContent-Disposition: form-data; name="audio"', kind, 400, "ends in the middle of a part"),
        (b'--b\r\nContent-Disposition: form-data; name="q"\r\n\r\n1\r\n--b--', kind, 400, "unknown field 'q'"),
        (b"x" * 2_000_001, kind, 413, "2,000,001 bytes, allowed are 2,000,000"),
        (b"x" * 30_000_000, kind, 413, "30,000,000 bytes, allowed are 2,000,000"),
        (b"[" * 100_000, {"Content-Type": "application/json"}, 400, "the body is no JSON"),
    ]
    for body, headers, status, said in cases:
        found, _, told = asked(server, "POST", "/find", body, headers)
        assert (found, said in json.loads(told)["error"]) == (status, True), told
    with socket.create_connection(("127.0.0.1", server.server_port)) as client:
        client.sendall(b"POST /find HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert b" 411 " in client.recv(1000)
    for head, answered in ((b"Content-Length: " + b"9" * 5000, b" 413 "), (b"Host: [", b" 403 ")):
        with socket.create_connection(("127.0.0.1", server.server_port)) as client:
            client.sendall(b"POST /find HTTP/1.0\r\nHost: localhost\r\n"[: 23 if b"Host" in head else None])
            client.sendall(head + b"\r\n\r\n")
            assert answered in client.recv(1000)
    found, headers, told = asked(server, "PUT", "/find")
    assert (found, headers["Content-Type"]) == (501, "application/json; charset=utf-8")
    assert "Unsupported method" in json.loads(told)["error"]
    assert asked(server, "HEAD", "/health")[2] == b""


def test_pages_of_other_sites_are_refused(server: FindServer) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}, {"Host": "["}):
        assert asked(server, "GET", "/", headers=headers)[0] == 403
        assert asked(server, "POST", "/find", b"{}", {**headers, "Content-Type": "application/json"})[0] == 403
    own = f"http://127.0.0.1:{server.server_port}"
    assert asked(server, "GET", "/", headers={"Origin": own})[0] == 200


def test_a_full_house_says_so_and_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 0)
    with FindServer("127.0.0.1", 0) as busy:
        thread = threading.Thread(target=busy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        held = socket.create_connection(("127.0.0.1", busy.server_port))
        held.sendall(b"GET /health HTTP/1.0\r\n")  # and says no more
        status, _, told = asked(busy, "GET", "/health")
        assert (status, b"try again" in told) == (503, True)
        big = {"Content-Type": "application/json"}
        assert asked(busy, "POST", "/find", b"x" * 20_000_000, big)[0] == 503, "told, though it sent much"
        held.close()
        for _ in range(100):
            if asked(busy, "GET", "/health")[0] == 200:
                break
        else:
            raise AssertionError("the place was not given back")
        assert posted(busy, {"audio": {"path": "a.wav"}})[1]["error"].endswith("Start the server with --root FOLDER.")
        busy.shutdown()
        thread.join()


def test_a_defect_is_one_object_and_the_server_goes_on(
    server: FindServer, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(sent: object) -> None:
        raise RuntimeError("a defect \x1b[31m")

    monkeypatch.setattr(module, "answer", breaks)
    status, told = posted(server, {"audio": {"path": "a.wav"}, "examples": CALLS})
    assert (status, told["exit_code"]) == (500, 1)
    assert asked(server, "GET", "/health")[0] == 200
    assert "\x1b" not in capsys.readouterr().err


def test_a_server_that_cannot_be_is_refused(server: FindServer) -> None:
    with pytest.raises(UsageError, match="cannot listen at"):
        FindServer("127.0.0.1", server.server_port)
    with pytest.raises(UsageError, match="workers is 0"):
        FindServer("127.0.0.1", 0, workers=0)
    assert np.isfinite(server.limit_bytes)
