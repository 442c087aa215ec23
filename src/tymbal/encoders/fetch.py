"""From what a user names (a path, a known checkpoint, a hub repository) to a file on this disk.

A local file always comes first. What has to be fetched goes through the hub's own client (the `hub` extra), which
resumes broken downloads; offline there is one clear error at once that says where to put the file by hand.
"""

from __future__ import annotations

import difflib
import importlib
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tymbal.encoders.known import BY_FILE, BY_NAME, BY_REPOSITORY, KnownCheckpoint
from tymbal.encoders.registry import ENCODERS
from tymbal.encoders.sums import OWN_WEIGHTS, sha256
from tymbal.errors import EncoderError, require

WEIGHTS_VARIABLE = "TYMBAL_WEIGHTS"
SHIPPED = Path(__file__).with_name("shipped")  # folders as `tymbal encoders publish` writes them
CONNECT_TIMEOUT_S = 5.0
OWN_FILES = ("encoder.selftest.safetensors", "encoder.classifier.safetensors", "label_map.json")
SETTINGS_FILES = ("config.json", "preprocessor_config.json")
HUB = re.compile(r"hf:(?P<repository>[\w.-]+/[\w.-]+?)(?:@(?P<revision>[^/]+))?(?:/(?P<file>.+))?")


@dataclass(frozen=True)
class Located:
    """A file of weights on this disk, its label file where there is one, and what is known about it."""

    path: Path
    labels: Path | None
    known: KnownCheckpoint | None


def weights_directory() -> Path:
    """Where weights placed by hand are looked for: $TYMBAL_WEIGHTS, else ~/.cache/tymbal/weights."""
    named = os.environ.get(WEIGHTS_VARIABLE)
    return Path(named) if named else Path.home() / ".cache" / "tymbal" / "weights"


def locate(source: str | Path, *, endpoint: str | None = None, cache: Path | None = None) -> Located:
    """Find or fetch a checkpoint.

    Parameters
    ----------
    source : a path; the name of a known checkpoint; or "hf:owner/name", "hf:owner/name@revision",
        "hf:owner/name@revision/file".
    endpoint : another address of the hub (tests use a server on this machine).
    cache : the hub client's cache directory. Default: its own.

    Raises
    ------
    EncoderError for a path that is not there, an unknown name (close ones are listed), a repository or file that does
    not exist or is private, a machine without network, or a file whose hash is wrong (it is removed).
    MissingExtraError where something must be fetched and the hub's client is not installed.
    """
    text = str(source)
    path = Path(source)
    if path.exists():
        labels = path.with_name("label_map.json")
        return Located(path, labels if labels.exists() else None, BY_FILE.get(path.name))
    match = HUB.fullmatch(text)
    if match:
        known = BY_REPOSITORY.get(match["repository"])
        return _from_hub(match["repository"], match["revision"], match["file"], known, endpoint, cache)
    if text in BY_NAME:
        known = BY_NAME[text]
        if known.shipped:
            return Located(SHIPPED / known.file, None, known)
        by_hand = weights_directory() / known.file
        if by_hand.exists():
            labels = by_hand.with_name("label_map.json")
            return Located(by_hand, labels if labels.exists() else None, known)
        if known.repository:
            return _from_hub(known.repository, None, known.file, known, endpoint, cache)
        raise EncoderError(
            f"{known.name} is not on this machine and has no automatic download",
            where=by_hand,
            mend=f"Get {known.file} (about {known.size_mb} MB, {known.licence}) from {known.page} and place it there.",
        )
    near = difflib.get_close_matches(text, [*ENCODERS, *BY_NAME], n=3, cutoff=0.4)
    raise EncoderError(
        f"no such file, and no checkpoint known as {text!r}",
        parameter="source",
        allowed="a path, hf:owner/name[@revision][/file], or a name from `tymbal encoders list`",
        mend=f"Did you mean {', '.join(near)}?" if near else None,
    )


def _from_hub(
    repository: str,
    revision: str | None,
    file: str | None,
    known: KnownCheckpoint | None,
    endpoint: str | None,
    cache: Path | None,
) -> Located:
    hub: Any = require("huggingface_hub", "hub")
    name = file or (known.file if known else "")
    by_hand = weights_directory() / (name or repository.rpartition("/")[2])
    if file is None and by_hand.is_file():
        return Located(by_hand, None, known)
    options: dict[str, Any] = {"repo_id": repository, "revision": revision, "cache_dir": cache}
    with _hub_errors(repository, name, known, by_hand):
        cached = hub.try_to_load_from_cache(filename=name, **options) if name else None
        options |= {"endpoint": endpoint, "etag_timeout": CONNECT_TIMEOUT_S}
        if isinstance(cached, str):
            path = Path(cached)
        else:
            _check_reachable(endpoint or importlib.import_module("huggingface_hub.constants").ENDPOINT)
            name = name or _only_weights(hub, repository, revision, endpoint)
            _fetch_beside(hub, name, options)
            path = Path(hub.hf_hub_download(filename=name, **options))
    _check_hash(path, known)
    labels = path.with_name(known.labels) if known and known.labels else None
    if labels is not None and known is not None and not labels.exists():
        with _hub_errors(repository, known.labels, known, by_hand):
            labels = Path(hub.hf_hub_download(filename=known.labels, **options))
    return Located(path, labels, known)


def _fetch_beside(hub: Any, name: str, options: dict[str, Any]) -> None:
    """Fetch the settings that stand beside the weights, where there are any: before these, so that weights in the
    cache never lack them."""
    errors: Any = importlib.import_module("huggingface_hub.errors")
    folder = name.rpartition("/")[0]
    own = OWN_FILES if name.endswith(OWN_WEIGHTS) else ()
    for beside in (*SETTINGS_FILES, *own):
        try:
            hub.hf_hub_download(filename=f"{folder}/{beside}" if folder else beside, **options)
        except errors.LocalEntryNotFoundError:
            raise
        except errors.EntryNotFoundError:
            continue


def _check_reachable(endpoint: str) -> None:
    """One quick connection first: the client would retry for half a minute before it says the same."""
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return
    address = urlsplit(endpoint)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise _UnreachableError(str(error)) from error


class _UnreachableError(OSError):
    pass


def _only_weights(hub: Any, repository: str, revision: str | None, endpoint: str | None) -> str:
    names = hub.HfApi(endpoint=endpoint).list_repo_files(repository, revision=revision)
    if OWN_WEIGHTS in names:  # a folder of `tymbal encoders publish`: reference outputs stand beside them
        return OWN_WEIGHTS
    weights = sorted(name for name in names if name.endswith((".safetensors", ".onnx")))
    if len(weights) != 1:
        raise EncoderError(
            f"{len(weights)} files of weights in the repository ({', '.join(weights) or 'none'})",
            where=f"hf:{repository}",
            mend=f"Name the file: hf:{repository}@{revision or 'main'}/FILE",
        )
    return str(weights[0])


class _hub_errors:  # noqa: N801 - reads as a statement
    """Turns the client's many errors into one sentence of ours."""

    def __init__(self, repository: str, file: str, known: KnownCheckpoint | None, by_hand: Path) -> None:
        self._errors: Any = importlib.import_module("huggingface_hub.errors")
        self._where, self._known, self._by_hand = f"hf:{repository}", known, by_hand
        self._file = file

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, EncoderError):
            return
        errors = self._errors
        size = f" (about {self._known.size_mb} MB, licence {self._known.licence})" if self._known else ""
        by_hand = f"Fetch {self._file or 'the weights'}{size} elsewhere and place it at {self._by_hand}."
        if isinstance(error, errors.GatedRepoError | errors.RepositoryNotFoundError):
            what, mend = (
                "no such repository, or it is private or gated",
                "Check the name; for a private one set HF_TOKEN.",
            )
        elif isinstance(error, errors.RevisionNotFoundError):
            what, mend = "no such revision", "Check what follows the @."
        elif isinstance(error, _UnreachableError | errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
            what, mend = "the hub cannot be reached from here, and the file is not in the local cache", by_hand
        elif isinstance(error, errors.EntryNotFoundError):
            what, mend = f"no file {self._file!r} in the repository", "Check the name after the revision."
        elif isinstance(error, OSError | errors.HfHubHTTPError):
            what, mend = f"the download failed: {_first_line(error)}", "Run it again: it resumes. Or: " + by_hand
        else:
            return
        raise EncoderError(what, where=self._where, mend=mend) from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def _check_hash(path: Path, known: KnownCheckpoint | None) -> None:
    """Compare with the hash the publisher states, or with the hub's own name for the content."""
    content = path.resolve()
    expected = known.sha256 if known and known.sha256 else content.name
    if not re.fullmatch(r"[0-9a-f]{64}", expected):
        return
    found = sha256(content)
    if found != expected:
        content.unlink()
        raise EncoderError(
            f"the file's SHA-256 is {found[:16]}…, expected {expected[:16]}…",
            where=path,
            mend="It was removed; fetch it again. If that fails too, the source does not hold the published file.",
        )
