"""A set as a Corpus with the split "official", on the clock that is asked for: native, or slowed as Voxaboxen does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import soundfile

from tymbal.benchmarks.boxes.layout import BoxContents, BoxSet
from tymbal.benchmarks.corpora import CORPUS, OFFICIAL, TABLES
from tymbal.corpus import Corpus, index, make_split
from tymbal.errors import AudioError
from tymbal.jobs import Progress, replacing, write_through

COPIES = {False: "native", True: "slowed"}  # folders of relabelled copies
_BLOCK = 1 << 20  # samples copied at a time


@dataclass(frozen=True)
class BoxCorpus:
    """A set ready to be embedded: its corpus, the recordings of each fold, and what was done about the clock."""

    corpus: Corpus
    folds: dict[str, list[str]]
    clock: str

    @property
    def recordings(self) -> pl.DataFrame:
        """The recordings of the set, and no others of its folder."""
        names = [name for fold in self.folds.values() for name in fold]
        return self.corpus.recordings.filter(pl.col("recording").is_in(names))

    @property
    def events(self) -> pl.DataFrame:
        """The events of the corpus."""
        return self.corpus.events

    @property
    def root(self) -> Path:
        """Folder that recordings are relative to."""
        return self.corpus.root


def to_box_corpus(
    described: BoxSet,
    contents: BoxContents,
    out: Path,
    *,
    slowed: bool = False,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> BoxCorpus:
    """Make OUT/corpus: recordings, events, coverage from end to end, the split "official".

    slowed : on the slowed clock, for encoders that hear up to 8 kHz only; else on the native one. Where recordings lie
    on the other clock, copies of the same samples with another rate are kept in OUT/native or OUT/slowed.
    """
    wanted = described.slowed if slowed else 1
    files = contents.files
    stretch = wanted / contents.clock.audio
    root, scales = contents.root, dict.fromkeys(files["recording"], stretch)
    if stretch != 1:
        root = out / COPIES[slowed]
        for recording, rate in files.select("recording", "sample_rate_hz").iter_rows():
            new_rate = max(int(rate / stretch), 1)
            relabel(contents.root / recording, root / recording, new_rate)
            scales[recording] = rate / new_rate  # not quite `stretch` where the rate does not divide
    _write(out / TABLES / "recordings.csv", files.select("recording", pl.col("fold").alias("official_fold")))
    _write(out / TABLES / "events.csv", _on_clock(contents, scales))
    spans = files.select("recording", start_s=pl.lit(0.0), end_s=pl.lit(None, dtype=pl.Float64))
    _write(out / TABLES / "coverage.csv", spans)
    corpus = index(
        root,
        out=out / CORPUS,
        annotations=[out / TABLES / "events.csv"],
        metadata=[out / TABLES / "recordings.csv"],
        coverage=out / TABLES / "coverage.csv",
        workers=workers,
        progress=progress,
    )
    make_split(corpus, OFFICIAL, by="recording", folds="official_fold")
    there = set(corpus.recordings["recording"])
    folds: dict[str, list[str]] = {}
    for recording, fold in files.select("recording", "fold").iter_rows():
        if recording in there:
            folds.setdefault(fold, []).append(recording)
    return BoxCorpus(corpus, folds, _told(contents, described, wanted))


def _on_clock(contents: BoxContents, scales: dict[str, float]) -> pl.DataFrame:
    """The events on the clock of the recordings as they will be read; slower times have lower frequencies."""
    own = contents.clock.audio / contents.clock.tables
    scale = pl.col("recording").replace_strict(scales, return_dtype=pl.Float64) * own
    events = contents.events.with_columns(
        pl.col("onset_s") * scale, pl.col("offset_s") * scale, pl.col("low_hz") / scale, pl.col("high_hz") / scale
    )
    return events.select("recording", "onset_s", "offset_s", "low_hz", "high_hz", "label")


def _told(contents: BoxContents, described: BoxSet, wanted: int) -> str:
    """The clocks in words, for the results."""
    if described.slowed == 1:
        return "native"
    lies = {name: "native" if factor == 1 else f"slowed {factor} times"
            for name, factor in (("recordings", contents.clock.audio), ("tables", contents.clock.tables))}  # fmt: skip
    run = "native" if wanted == 1 else f"slowed {wanted} times"
    return f"run {run}; here recordings are {lies['recordings']}, tables {lies['tables']}, {contents.clock.told_by}"


def relabel(source: Path, target: Path, rate_hz: int) -> Path:
    """Copy a recording with another sample rate in its header and the same samples. Returns `target`.

    What is there already is kept. Raises AudioError where the recording cannot be read.
    """
    if target.is_file() and soundfile.info(target).samplerate == rate_hz:
        return target
    try:
        with soundfile.SoundFile(source) as read, replacing(target) as file:
            kind = {"format": read.format, "subtype": read.subtype}
            with soundfile.SoundFile(file, "w", rate_hz, read.channels, **kind) as write:
                for block in _blocks(read):
                    write.write(block)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"cannot be copied with {rate_hz} Hz: {error}", where=source, mend="Download it again."
        ) from error
    return target


def _blocks(read: soundfile.SoundFile) -> Iterator[object]:
    """Its samples as 32-bit integers, or floats where it holds floats: neither is rounded on the way."""
    kind = "float64" if read.subtype in ("FLOAT", "DOUBLE", "VORBIS", "OPUS") else "int32"
    while len(block := read.read(_BLOCK, dtype=kind, always_2d=True)):
        yield block


def _write(path: Path, table: pl.DataFrame) -> None:
    write_through(path, lambda file: table.write_csv(file))
