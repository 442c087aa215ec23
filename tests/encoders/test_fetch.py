"""The real hub client against a server on this machine that speaks the hub's protocol."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tymbal.encoders.fetch import WEIGHTS_VARIABLE, locate
from tymbal.encoders.known import BY_NAME, KNOWN
from tymbal.encoders.registry import list_encoders
from tymbal.errors import EncoderError

pytest.importorskip("huggingface_hub", reason="the hub extra is not installed: pip install 'tymbal[hub]'")

WEIGHTS = bytes(range(256)) * 49152  # 12 MiB: more than one of the client's 10 MB blocks
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
SETTINGS = b'{"model_type": "wavlm"}'
# As `tymbal encoders publish` writes them, as far as fetching looks at them.
PUBLISHED = {
    name: name.encode()
    for name in ("README.md", "config.json", "encoder.safetensors", "encoder.selftest.safetensors", "label_map.json")
}
COMMIT = "c0ffee" + "0" * 34


class Hub(BaseHTTPRequestHandler):
    """`me/model` holds model.safetensors and config.json; me/secret is private; me/two holds two files of weights."""

    lie_about_hash = False
    cut_after: int | None = None  # end the first transfer after so many bytes
    ranges: list[str] = []  # noqa: RUF012 - reset by the fixture

    def log_message(self, *arguments: object) -> None:
        pass

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        if self.path.startswith("/api/models/"):
            names = {"me/model": ["README.md", "model.safetensors"], "me/two": ["a.safetensors", "b.safetensors"]}
            names["me/published"] = list(PUBLISHED)
            repository = "/".join(self.path.split("/")[3:5])
            if repository not in names:
                return self._refuse(404, "RepoNotFound")
            entries = [{"type": "file", "path": name, "size": 1, "oid": "0"} for name in names[repository]]
            return self._send_json(
                entries if "/tree/" in self.path else {"siblings": [{"rfilename": n} for n in names[repository]]}
            )
        _, owner, name, _, revision, file = self.path.split("/", 5)
        if f"{owner}/{name}" == "me/secret":
            return self._refuse(401, "RepoNotFound")
        if f"{owner}/{name}" == "me/published":
            if file not in PUBLISHED:
                return self._refuse(404, "EntryNotFound")
            return self._send_file(PUBLISHED[file], hashlib.sha256(PUBLISHED[file]).hexdigest(), body=body)
        if f"{owner}/{name}" != "me/model":
            return self._refuse(404, "RepoNotFound")
        if revision not in ("main", COMMIT):
            return self._refuse(404, "RevisionNotFound")
        if file == "config.json":
            return self._send_file(SETTINGS, hashlib.sha256(SETTINGS).hexdigest(), body=body)
        if file != "model.safetensors":
            return self._refuse(404, "EntryNotFound")
        return self._send_file(WEIGHTS, "f" * 64 if self.lie_about_hash else SHA256, body=body)

    def _send_json(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _send_file(self, whole: bytes, sha256: str, *, body: bool) -> None:
        start = 0
        if wanted := self.headers.get("Range"):
            type(self).ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
        data = whole[start:]
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{sha256}"')
        self.send_header("Content-Length", str(len(data)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        self.end_headers()
        if body:
            if type(self).cut_after is not None and whole is WEIGHTS:
                data, type(self).cut_after = data[: type(self).cut_after], None
                self.close_connection = True
            self.wfile.write(data)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    monkeypatch.setattr(Hub, "lie_about_hash", False)
    monkeypatch.setattr(Hub, "cut_after", None)
    monkeypatch.setattr(Hub, "ranges", [])
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "weights"))
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_downloads_the_one_file_of_weights_and_then_works_offline(endpoint: str, tmp_path: Path) -> None:
    found = locate("hf:me/model", endpoint=endpoint, cache=tmp_path / "cache")
    assert found.path.read_bytes() == WEIGHTS
    again = locate("hf:me/model@main/model.safetensors", endpoint="http://127.0.0.1:9", cache=tmp_path / "cache")
    assert again.path == found.path
    assert (again.path.parent / "config.json").read_bytes() == SETTINGS
    assert not (again.path.parent / "preprocessor_config.json").exists()


def test_revision_is_honoured(endpoint: str, tmp_path: Path) -> None:
    found = locate(f"hf:me/model@{COMMIT}/model.safetensors", endpoint=endpoint, cache=tmp_path / "cache")
    assert COMMIT in found.path.as_posix()


def test_broken_download_is_resumed(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hub, "cut_after", 11_000_000)
    found = locate("hf:me/model@main/model.safetensors", endpoint=endpoint, cache=tmp_path / "cache")
    assert found.path.read_bytes() == WEIGHTS
    assert Hub.ranges, "the second transfer must ask for the rest, not for everything"


def test_wrong_hash_is_refused_and_removed(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hub, "lie_about_hash", True)
    with pytest.raises(EncoderError, match="SHA-256"):
        locate("hf:me/model@main/model.safetensors", endpoint=endpoint, cache=tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("f" * 64) if path.exists()]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("hf:me/nothing@main/model.safetensors", "no such repository, or it is private"),
        ("hf:me/secret@main/model.safetensors", "no such repository, or it is private"),
        ("hf:me/model@v9/model.safetensors", "no such revision"),
        ("hf:me/model@main/other.safetensors", "no file 'other.safetensors'"),
        ("hf:me/two", "2 files of weights"),
    ],
)
def test_errors_say_what_is_wrong(source: str, message: str, endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=message):
        locate(source, endpoint=endpoint, cache=tmp_path / "cache")


def test_offline_is_one_clear_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "weights"))

    def no_network(*arguments: object, **options: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("tymbal.encoders.fetch.socket.create_connection", no_network)
    with pytest.raises(EncoderError, match="cannot be reached") as caught:
        locate("esp-aves2-sl-beats-all", cache=tmp_path / "cache")
    assert str(tmp_path / "weights" / "esp-aves2-sl-beats-all.safetensors") in str(caught.value)
    assert "361 MB" in str(caught.value)


def test_a_file_placed_by_hand_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    placed = tmp_path / BY_NAME["cnn14"].file
    with pytest.raises(EncoderError, match="place it there"):
        locate("cnn14")
    placed.write_bytes(b"weights")
    assert locate("cnn14").path == placed


def test_a_misspelt_name_is_met_with_close_ones() -> None:
    with pytest.raises(EncoderError, match="esp-aves2-effnetb0-all"):
        locate("esp-aves2-effnet-all")


def test_every_known_checkpoint_names_an_encoder_that_is_registered() -> None:
    assert {entry.encoder for entry in KNOWN} <= set(list_encoders())
    assert all(entry.licence and entry.size_mb and entry.where for entry in KNOWN)


def test_a_published_folder_comes_with_what_it_is_checked_by(endpoint: str, tmp_path: Path) -> None:
    path = locate("hf:me/published", endpoint=endpoint, cache=tmp_path / "hub").path
    assert path.name == "encoder.safetensors"
    beside = {each.name for each in path.parent.iterdir()}
    assert beside == {"config.json", "encoder.safetensors", "encoder.selftest.safetensors", "label_map.json"}
