"""Which recording a table speaks of: by path, by file name, by stem, and never by a guess."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import polars as pl

from tymbal.config import digest
from tymbal.errors import Fault

AUDIO_SUFFIXES = frozenset(
    {
        *("wav", "wave", "flac", "ogg", "oga", "opus", "mp3", "m4a", "aac", "mp4", "aif", "aiff", "aifc", "au", "snd"),
        *("caf", "w64", "rf64", "wv", "wac", "w4v", "cbin", "nist", "sph", "voc"),
    }
)
# endings that label programs put after the recording's name, the longest first
_TABLE_ENDINGS = re.compile(
    r"(\.birdnet)?(\.selection\.table|\.results|\.table\.\d+(\.selections)?|\.selections|\.raven|\.audacity|\.labels?"
    r"|_annotations|\.annotations?)?\.(txt|tsv|csv|textgrid|json|xml|mat|not\.mat)$",
    re.IGNORECASE,
)
_LONGEST = 180  # bytes of a recording's name in that of its table; file systems take 255, endings included
_SHOWN = 5  # names listed in a fault; the rest is counted


def recording_of_table(name: str) -> str:
    """The recording that a label file's own name speaks of, mostly without extension.

    "X.Table.1.selections.txt", "X.BirdNET.results.csv" and "X.TextGrid" speak of X; "X.cbin.not.mat" of X.cbin.
    """
    return _TABLE_ENDINGS.sub("", name) or name


def table_of_recording(recording: str, ending: str = ".selections.txt") -> str:
    """Where a recording's own table lies below a folder of tables: at the recording's path, with `ending`.

    What would lead out of that folder is left out. A name that file systems may refuse for its length is cut, and ends
    in eight digits of its hash.
    """
    path = PurePosixPath(recording.replace("\\", "/"))
    parts = [part for part in path.parts if part not in ("/", "..", ".") and not part.endswith(":")]
    name = (parts[-1:] or ["recording"])[0]
    told = name.encode("utf-8", "surrogatepass")
    if len(told) > _LONGEST:
        cut = told[: _LONGEST - 9].decode("utf-8", "ignore")
        name = f"{cut}~{digest(name)[:8]}"
    return str(PurePosixPath(*parts[:-1], f"{name}{ending}"))


def match_recordings(events: pl.DataFrame, recordings: Sequence[str]) -> tuple[pl.DataFrame, tuple[Fault, ...]]:
    """Replace what tables call their recordings by paths out of `recordings`.

    Parameters
    ----------
    events : Events (or Coverage) as read; the columns `recording` and, where there is one, `source` are used.
    recordings : paths relative to the corpus root, "/" between folders.

    Returns
    -------
    The rows whose recording was found, and faults: "no_recording" for names that fit none and
    "ambiguous_recording" for names that fit several, with the candidates. Those rows are left out.

    Tried in order: the path itself; the longest run of trailing folders and file name that fits one recording; the
    same without audio extensions (a table made on X.wav fits X.flac). Where several fit, the one that lies in a
    folder of the same path as the table is taken, else none.
    """
    index = RecordingIndex(recordings)
    pairs = events.select("recording", source=pl.col("source") if "source" in events.columns else pl.lit(None))
    pairs = pairs.with_columns(pl.col("source").cast(pl.String)).unique(maintain_order=True)
    found: list[str | None] = []
    missing: dict[str, list[str]] = defaultdict(list)
    several: dict[str, tuple[list[str], list[str]]] = {}
    for name, source in pairs.iter_rows():
        match = index.find(name, source)
        found.append(match[0] if len(match) == 1 else None)
        if not match:
            missing[str(name)].append(str(source))
        elif len(match) > 1:
            several.setdefault(str(name), (match, []))[1].append(str(source))
    table = pairs.with_columns(pl.Series("found", found, dtype=pl.String))
    keys = ["recording", "source"] if "source" in events.columns else ["recording"]
    joined = events.join(table.select(*keys, "found"), on=keys, how="left", nulls_equal=True, maintain_order="left")
    kept = joined.filter(pl.col("found").is_not_null()).with_columns(recording="found").drop("found")
    faults = []
    for name, sources in missing.items():
        text = f"{_listed(sources)}: no recording fits {name!r}; its rows were left out. Check the name, or give it"
        faults.append(Fault("no_recording", f"{text} with recording="))
    for name, (candidates, sources) in several.items():
        text = f"{_listed(sources)}: {name!r} fits {len(candidates)} recordings ({_listed(candidates)})"
        faults.append(Fault("ambiguous_recording", f"{text}; its rows were left out. Name the folder in the table"))
    return kept, tuple(faults)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


@dataclass(frozen=True)
class _Name:
    """A path in comparable form: its folders, and its file name without an audio extension, case folded."""

    folders: tuple[str, ...]
    file: str
    stem: str


def _name(path: str) -> _Name:
    parts = unicodedata.normalize("NFC", path).replace("\\", "/").casefold().split("/")
    parts = [part for part in parts if part not in ("", ".")]
    if not parts:
        return _Name((), "", "")
    stem, dot, suffix = parts[-1].rpartition(".")
    return _Name(tuple(parts[:-1]), parts[-1], stem if dot and suffix in AUDIO_SUFFIXES else parts[-1])


class RecordingIndex:
    """Finds recordings by the names tables give them; see `match_recordings`."""

    def __init__(self, recordings: Iterable[str]) -> None:
        self._exact = {path: path for path in recordings}
        self._named = {path: _name(path) for path in self._exact}
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for path, name in self._named.items():
            self._by_stem[name.stem].append(path)

    def find(self, name: str | None, source: str | None = None) -> list[str]:
        """The recordings that fit `name`: one where it is clear, several where it is not, none where none does."""
        if name is None:
            return []
        if name in self._exact:
            return [name]
        wanted = _name(name)
        candidates = self._by_stem.get(wanted.stem, [])
        # A name with an audio extension that some recording has must not fall to its neighbour X.flac.
        same_file = [path for path in candidates if self._named[path].file == wanted.file]
        candidates = same_file or candidates
        if len(candidates) < 2:
            return list(candidates)
        candidates = self._longest(candidates, wanted.folders) or candidates
        if len(candidates) > 1 and source is not None:
            beside = self._longest(candidates, _name(source).folders, whole=True)
            candidates = beside if len(beside) == 1 else candidates
        return list(candidates)

    def _longest(self, candidates: list[str], folders: tuple[str, ...], *, whole: bool = False) -> list[str]:
        # Those that share the most trailing folders with `folders`; `whole`: all their folders must be shared.
        shared = {path: _shared(self._named[path].folders, folders) for path in candidates}
        if whole:
            shared = {path: count for path, count in shared.items() if count == len(self._named[path].folders)}
        most = max(shared.values(), default=0)
        return [path for path, count in shared.items() if count == most] if most else []


def _shared(left: tuple[str, ...], right: tuple[str, ...]) -> int:
    count = 0
    for one, other in zip(reversed(left), reversed(right), strict=False):
        if one != other:
            break
        count += 1
    return count
