"""Is a set what was published? Recordings, hours, lengths, clocks, and sound that stands in two folds."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from tymbal.benchmarks.boxes.layout import BoxContents, BoxSet, is_near
from tymbal.benchmarks.dataset import FOLDS, VALIDATION, BenchmarkSet, Contents
from tymbal.benchmarks.verify import Departure

_HEAD = 1 << 16  # bytes by which files of one size are first told apart
_LATE_S = 0.5  # events may end so long after their recording: tables are rounded and detectors pad
_COMPLETE = "Complete the download; until then our numbers are not comparable with published ones."
_CHECK = "Look at what was downloaded: is it this set, and this version of it?"


def inspect(contents: Contents, described: BenchmarkSet) -> Sequence[Departure]:
    """What departs from the published table, besides what `verify` looks at in every set."""
    if not (isinstance(contents, BoxContents) and isinstance(described, BoxSet)):
        return ()
    checks = (_sizes, _clocks, _late, _twins, _validation)
    return [departure for check in checks for departure in check(contents, described)]


def _sizes(contents: BoxContents, described: BoxSet) -> Iterator[Departure]:
    """Recordings, native hours and events of each fold."""
    by_fold = contents.files.group_by("fold")
    hours = dict(by_fold.agg(pl.col("duration_s").sum() / 3600 / contents.clock.audio).iter_rows())
    for code, what, here, wanted, within in (
        ("files", "recordings", dict(by_fold.len().iter_rows()), described.files_by_fold, 0.0),
        ("hours", "native hours", hours, described.hours, described.hours_within),
        ("events", "events of known class", contents.count(), described.events, 0.0),
    ):
        if any(abs(here.get(fold, 0) - count) > within for fold, count in wanted.items()):
            found, published = (
                "/".join(f"{of.get(fold, 0):.6g}" for fold in FOLDS) for of in map(_rounded, (here, wanted))
            )
            text = f"{described.name}: {found} {what} ({'/'.join(FOLDS)}), {published} were published"
            yield Departure("unexpected", code, text, _COMPLETE)


def _rounded(sizes: Mapping[str, float]) -> dict[str, float]:
    """As many digits as tell hours of small copies apart."""
    return {fold: round(size, 2) if size >= 0.1 else float(f"{size:.3g}") for fold, size in sizes.items()}


def _clocks(contents: BoxContents, described: BoxSet) -> Iterator[Departure]:
    clock, name, factor = contents.clock, described.name, described.slowed
    odd = [
        f"{what} last {ratio:.2g} times"
        for ratio, found, what in (
            (clock.audio_ratio, clock.audio, "recordings"),
            (clock.tables_ratio, clock.tables, "events"),
        )
        if not is_near(ratio, found)
    ]
    if odd:
        wanted = "1 (native)" if factor == 1 else f"1 (native) or {factor} (slowed)"
        text = f"{name}: {' and '.join(odd)} what was published, where it should be {wanted}"
        yield Departure("unexpected", "length", text, _CHECK)
    if clock.audio == clock.tables == factor > 1:
        text = f"{name}: recordings and tables are those slowed {factor} times; both are brought to the clock asked for"
        yield Departure("note", "slowed", text, "Nothing to do: rates are relabelled, times divided.")
    elif clock.audio != clock.tables:
        slow, plain = ("recordings", "tables") if clock.audio > 1 else ("tables", "recordings")
        text = f"{name}: the {slow} are slowed {factor} times, the {plain} are native"
        mend = "Both are brought to one clock by their lengths; take recordings and tables from one folder to be sure."
        yield Departure("unexpected", "clock", text, mend)


def _late(contents: BoxContents, described: BoxSet) -> Iterator[Departure]:
    """Events after the end of their recording: times on another clock, or a recording that was cut."""
    scale = contents.clock.audio / contents.clock.tables
    ends = contents.events.group_by("recording").agg(pl.col("offset_s").max() * scale)
    late = ends.join(contents.files, on="recording").filter(pl.col("offset_s") > pl.col("duration_s") + _LATE_S)
    names = late["recording"].sort().to_list()
    if names:
        text = f"{described.name}: events of {_count(names)} lie after the end: {_some(names)}"
        mend = "These recordings are cut short, or their tables are on another clock: download them again."
        yield Departure("unexpected", "late", text, mend)


def _twins(contents: BoxContents, described: BoxSet) -> Iterator[Departure]:
    """The same sound under two names in two folds."""
    folds = dict(contents.files.select("recording", "fold").iter_rows())
    found = sorted(
        names for names in _same_bytes(contents.root, list(folds)) if len({folds[name] for name in names}) > 1
    )
    if found:
        pairs = [" = ".join(names) for names in found]
        text = f"{described.name}: {len(found)} recordings are in more than one fold under two names: {_some(pairs)}"
        yield Departure("unexpected", "leak", text, "The split leaks: do not read its numbers. Download the set again.")


def _same_bytes(root: Path, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Groups of files of the same bytes; whole files are read only where size and beginning agree."""
    groups = [list(names)]
    for key in (_size, _head, _whole):
        parted = []
        for group in groups:
            by: defaultdict[object, list[str]] = defaultdict(list)
            for name in group:
                by[key(root / name)].append(name)
            parted += [same for same in by.values() if len(same) > 1]
        groups = parted
    return (tuple(sorted(group)) for group in groups)


def _size(path: Path) -> int:
    return path.stat().st_size


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return hashlib.blake2b(file.read(_HEAD), digest_size=16).digest()


def _whole(path: Path) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()


def _validation(contents: BoxContents, described: BoxSet) -> Iterator[Departure]:
    if not contents.count().get(VALIDATION):
        text = f"{described.name}: no validation event; thresholds are chosen on these"
        yield Departure("missing", "folds", text, "Complete the download.")


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} recording{'' if len(names) == 1 else 's'}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
