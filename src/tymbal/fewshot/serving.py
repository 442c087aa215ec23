"""`find` over HTTP: a recording and a table of examples in, the Raven table that `tymbal find` writes out.

Every request has a folder of its own that goes when it is answered. What is sent decides no path outside of it: names
of files are cut to their last part, and recordings that a table names are looked for in that folder alone. With `root`,
requests in JSON may name files below that folder instead of sending them.
"""

from __future__ import annotations

import base64
import binascii
import json
import mmap
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import Any

from tymbal.annotations import table_of_recording
from tymbal.errors import InputPathError, UsageError
from tymbal.fewshot.asking import ask
from tymbal.fewshot.finder import LEAST, check_finders, default_finders, fit_all
from tymbal.fewshot.job import TABLES, find_all

FILES = ("audio", "examples", "sounds", "marked")  # what is sent as files; sounds: recordings of the examples
TEXTS = ("label", "shots", "score", "finders", "label_column")
LONGEST = 150  # bytes of a file's name


@dataclass(frozen=True)
class Sent:
    """What a request holds: files by field (they lie in `folder`), and words by field."""

    folder: Path
    files: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """The Raven table, its name, and what to know about it."""

    table: bytes
    name: str
    events: int
    notes: tuple[str, ...]
    finders: tuple[dict[str, Any], ...]


def answer(sent: Sent) -> Answer:
    """Find as `tymbal find` does. Raises the errors that it raises, their texts without the request's own folder."""
    audio, examples = _one(sent, "audio"), _one(sent, "examples")
    words = {name: sent.words.get(name, ()) for name in TEXTS}
    labels = tuple(word for word in words["label"] if word)
    score, shots = _number(words["score"], "score"), _number(words["shots"], "shots")
    if score is not None and not 0 <= score <= 1:
        raise UsageError(f"score is {score}", parameter="score", allowed="0 to 1")
    if shots is not None and not (shots.is_integer() and shots >= 1):
        raise UsageError(f"shots is {shots:g}", parameter="shots", allowed="1 or more")
    asked_for = ",".join(words["finders"])
    finders = tuple(name.strip() for name in asked_for.split(",")) if asked_for.strip() else default_finders()
    if any(":" in name for name in finders):
        raise UsageError("finders with files of their own cannot be asked for here", parameter="finders")
    check_finders(finders)
    asked = ask(
        [audio],
        examples,
        labels=labels,
        shots=None if shots is None else int(shots),
        marked=sent.files.get("marked", ()),
        label_column=_word(words["label_column"], "label_column") or None,
        only=(sent.folder, *_given_paths(sent)),
    )
    fitted = fit_all(asked.prompts, finders=finders)
    out = sent.folder / "out"
    found = find_all(fitted, asked.targets, out, least=LEAST if score is None else score, workers=1)
    table = out / TABLES / table_of_recording(asked.targets[0].name)
    notes = [fault.message for fault in asked.faults]
    notes += [f"{each.label}: {note}" for each in fitted for note in each.notes]
    notes += [f"{name}: {fault.message}" for name, fault in found.faults]
    notes += [failure.message for failure in found.failures]
    told = tuple(
        {"label": each.label, "shots": each.shots, "decided_by": list(each.choice.names), "digest": each.digest}
        for each in fitted
    )
    plain = tuple(plain_text(note, sent.folder) for note in notes)
    return Answer(table.read_bytes(), table.name, found.events.height, plain, told)


def _given_paths(sent: Sent) -> tuple[Path, ...]:
    """Files of the request that do not lie in its folder: those named below the root."""
    whole = (path.resolve() for paths in sent.files.values() for path in paths)
    return tuple(path for path in whole if not path.is_relative_to(sent.folder))


def _one(sent: Sent, name: str) -> Path:
    paths = sent.files.get(name, ())
    if len(paths) != 1:
        what = f"{len(paths)} files are sent as {name}" if paths else f"no file is sent as {name}"
        raise UsageError(what, allowed="one", mend=f"Send one file in the field {name!r}.")
    return paths[0]


def _word(words: Sequence[str], name: str) -> str:
    if len(words) > 1:
        raise UsageError(f"{name} is given {len(words)} times", parameter=name, allowed="once")
    return words[0].strip() if words else ""


def _number(words: Sequence[str], name: str) -> float | None:
    word = _word(words, name)
    try:
        return float(word) if word else None
    except ValueError as error:
        raise UsageError(f"{name} is {word!r}", parameter=name, allowed="a number") from error


def plain_text(message: str, folder: Path) -> str:
    """An error's text without the folder of the request."""
    return message.replace(f"{folder}/out/", "").replace(f"{folder}/", "").replace(str(folder), "the request")


def safe_name(name: str) -> str:
    """The last part of a file's name, made harmless. Raises UsageError where nothing is left of it."""
    last = PurePosixPath(name.replace("\\", "/")).name
    last = "".join(sign for sign in last if sign.isprintable() and sign not in ':*?"<>|').strip()
    if last.strip(".") == "":
        raise UsageError(f"{name!r} is no name of a file", mend="Send each file with its name.")
    told = last.encode("utf-8")
    if len(told) <= LONGEST:
        return last
    return told[: LONGEST - 20].decode("utf-8", "ignore") + told[-20:].decode("utf-8", "ignore")


def _place(folder: Path, name: str) -> Path:
    path = folder / "sent" / safe_name(name)
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        raise UsageError(f"two files are called {path.name!r}", mend="Give each a name of its own.")
    return path


def read_multipart(body: Path, content_type: str, folder: Path) -> Sent:
    """The parts of a multipart/form-data body as files in `folder` and words; the body is not read into memory.

    Raises UsageError for a body that is none, or of fields that are unknown.
    """
    head = Message()
    head["Content-Type"] = content_type
    boundary = head.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise UsageError("the body is no multipart/form-data: it has no boundary")
    files: dict[str, list[Path]] = {}
    words: dict[str, list[str]] = {}
    mark = b"--" + boundary.encode("latin-1", "replace")
    if not body.stat().st_size:
        raise UsageError("the request is empty", mend="Send a recording and a table of examples.")
    with body.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        at = held.find(mark)
        while at >= 0 and held[at + len(mark) : at + len(mark) + 2] == b"\r\n":
            begin = at + len(mark) + 2
            end = held.find(b"\r\n" + mark, begin - 2)
            split = held.find(b"\r\n\r\n", begin - 2, end)
            if end < 0 or split < 0:
                raise UsageError("the body ends in the middle of a part", mend="Send it whole.")
            about = HeaderParser().parsestr(_header(held[begin : split + 4]))
            name, filename = about.get_param("name", header="content-disposition"), about.get_filename()
            if name in FILES and filename:
                files.setdefault(str(name), []).append(_copied(held, split + 4, end, _place(folder, filename)))
            elif name in TEXTS:
                words.setdefault(str(name), []).append(held[split + 4 : end].decode("utf-8", "replace"))
            elif name not in FILES or held[split + 4 : end]:  # an empty file field of a form has no name
                raise UsageError(f"unknown field {str(name)!r}", allowed=", ".join((*FILES, *TEXTS)))
            at = end + 2
    return Sent(folder, files, words)


def _header(raw: bytes) -> str:
    """Browsers and curl write names of files in UTF-8, as they are."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _copied(held: mmap.mmap, begin: int, end: int, path: Path) -> Path:
    with path.open("wb") as file:
        for at in range(begin, end, 1 << 20):
            file.write(held[at : min(at + (1 << 20), end)])
    return path


def read_json(body: Path, folder: Path, root: Path | None) -> Sent:
    """A JSON object: of each file {"name", "base64"} or {"name", "text"}, or {"path"} below `root`; words as they are.

    Raises UsageError for anything else, InputPathError for a path that is not below `root`.
    """
    try:
        given = json.loads(body.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UsageError("the body is no JSON", mend="Send one JSON object.") from error
    if not isinstance(given, dict):
        raise UsageError("the body is no JSON object", allowed=", ".join((*FILES, *TEXTS)))
    files: dict[str, list[Path]] = {}
    words: dict[str, list[str]] = {}
    for name, value in given.items():
        each = value if isinstance(value, list) else [value]
        if name in FILES:
            files[name] = [_json_file(one, name, folder, root) for one in each]
        elif name in TEXTS and all(isinstance(one, str | int | float) for one in each):
            words[name] = [str(one) for one in each]
        else:
            raise UsageError(f"{name!r} is no field of a request", allowed=", ".join((*FILES, *TEXTS)))
    return Sent(folder, files, words)


def _json_file(value: Any, field_name: str, folder: Path, root: Path | None) -> Path:
    if isinstance(value, dict) and isinstance(value.get("path"), str):
        return _linked(_below(value["path"], root), folder)
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        if isinstance(value.get("text"), str):
            content = value["text"].encode("utf-8", "surrogatepass")
        elif isinstance(value.get("base64"), str):
            try:
                content = base64.b64decode(value["base64"], validate=True)
            except (binascii.Error, ValueError) as error:
                raise UsageError(f"{field_name} is no base64: {error}") from error
        else:
            content = None
        if content is not None:
            path = _place(folder, value["name"])
            path.write_bytes(content)
            return path
    raise UsageError(f"{field_name} is no file", allowed='{"name", "base64"}, {"name", "text"} or {"path"}')


def _below(name: str, root: Path | None) -> Path:
    if root is None:
        raise InputPathError("no path can be asked for here", where=name, mend="Start the server with --root FOLDER.")
    try:
        path = (root / name).resolve()
        there = path.is_relative_to(root.resolve()) and path.is_file()
    except (OSError, RuntimeError, ValueError):  # a name too long, links in a circle, a name that no file can have
        there = False
    if not there:
        raise InputPathError("no such file below the server's folder", where=name)
    return path


def _linked(path: Path, folder: Path) -> Path:
    """The file beside all others of the request; a copy where the system makes no links."""
    place = _place(folder, path.name)
    try:
        place.symlink_to(path)
    except OSError:
        shutil.copyfile(path, place)
    return place


class RequestFolder:
    """A folder for one request below `parent`, gone when it is left."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent

    def __enter__(self) -> Path:
        self._path = Path(tempfile.mkdtemp(dir=self._parent)).resolve()
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)
