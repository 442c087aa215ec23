"""BEANS, the sets of one label per clip: how each set's own tables become clips in the official folds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tymbal.benchmarks import splits
from tymbal.benchmarks.clips import Clip, clip_contents
from tymbal.benchmarks.dataset import TEST, TRAIN, VALIDATION, BenchmarkSet, Contents
from tymbal.benchmarks.tables import read_lines, read_table
from tymbal.errors import Fault

RARE_SPECIES = 100  # HumBugDB: species with so many recordings or fewer are "others"


def read_watkins(folder: Path, described: BenchmarkSet) -> Contents:
    """annotations.csv (path, species); the two Weddell seals are left out before the split."""
    table = read_table(folder / "annotations.csv", ("path", "species"))
    rows = [(path, label) for path, label in table.select("path", "species").iter_rows() if label != "Weddell_Seal"]
    return _stratified(folder, rows, described)


def read_bats(folder: Path, described: BenchmarkSet) -> Contents:
    """annotations.csv (File Name, Emitter), recordings in audio/; the label is the bat that calls."""
    table = read_table(folder / "annotations.csv", ("File Name", "Emitter"))
    return _stratified(folder / "audio", list(table.select("File Name", "Emitter").iter_rows()), described)


def read_dogs(folder: Path, described: BenchmarkSet) -> Contents:
    """annotations.csv (filename, name); the converted recordings in wav/ where they are, else those in audio/."""
    table = read_table(folder / "annotations.csv", ("filename", "name"))
    rows = list(table.select("filename", "name").iter_rows())
    root, converted = _converted(folder, [name for name, _ in rows], "wav", "audio")
    return _stratified(root, list(zip(converted, [label for _, label in rows], strict=True)), described)


def read_humbugdb(folder: Path, described: BenchmarkSet) -> Contents:
    """data/metadata/neurips_2021_zenodo_0_0_1.csv (id, species); no species: non-mosquito; rare species: others."""
    table = read_table(folder / "data/metadata/neurips_2021_zenodo_0_0_1.csv", ("id", "species"))
    species = [label or "non-mosquito" for label in table["species"]]
    counts = Counter(species)
    labels = [label if counts[label] > RARE_SPECIES else "others" for label in species]
    names = [f"{name}.wav" for name in table["id"]]
    return _stratified(folder / "data/audio", list(zip(names, labels, strict=True)), described)


def _stratified(root: Path, rows: Sequence[tuple[str, str]], described: BenchmarkSet) -> Contents:
    labels = [label for _, label in rows]
    # BEANS's tables are read with numbers as numbers, and numbers sort otherwise than text
    drawn = splits.stratified([int(label) for label in labels] if all(map(str.isdecimal, labels)) else labels)
    clips = [Clip(path, (label,), fold, path) for (path, label), fold in zip(rows, drawn, strict=True)]
    return clip_contents(root, clips, described, *_vocabulary(labels, described))


def read_cbi(folder: Path, described: BenchmarkSet) -> Contents:
    """train.csv (recordist, ebird_code, filename); no recordist is in two folds; the first 10 s of each recording.

    Recordings are those in wav/ (cut and converted by BEANS's script) where they are, else in train_audio/SPECIES/.
    """
    table = read_table(folder / "train.csv", ("recordist", "ebird_code", "filename"))
    labels = table["ebird_code"].to_list()
    recordists = [name or "" for name in table["recordist"]]
    placed = [f"{label}/{name}" for label, name in table.select("ebird_code", "filename").iter_rows()]
    root, names = _converted(folder, placed, "wav", "train_audio")
    folds = splits.by_recordist(recordists)
    clips = [Clip(n, (la,), f, r) for n, la, f, r in zip(names, labels, folds, recordists, strict=True)]
    return clip_contents(root, clips, described, *_vocabulary(labels, described))


def _converted(folder: Path, names: Sequence[str], new: str, old: str) -> tuple[Path, list[str]]:
    """The folder of converted recordings (file stems alone, .wav) where it is there, else that of the originals."""
    if (folder / new).is_dir() and any((folder / new).glob("*.wav")):
        return folder / new, [f"{Path(name).stem}.wav" for name in names]
    return folder / old, list(names)


def read_esc50(folder: Path, described: BenchmarkSet) -> Contents:
    """meta/esc50.csv (filename, fold, category, src_file): folds 1-3 train, 4 validation, 5 test."""
    table = read_table(folder / "meta/esc50.csv", ("filename", "fold", "target", "category"))
    folds = {"1": TRAIN, "2": TRAIN, "3": TRAIN, "4": VALIDATION, "5": TEST}
    sources = table["src_file"].to_list() if "src_file" in table.columns else table["filename"].to_list()
    columns = zip(table["filename"], table["category"], table["fold"], sources, strict=True)
    clips = [Clip(name, (label,), folds.get(fold), source) for name, label, fold, source in columns]
    return clip_contents(folder / "audio", clips, described, *_vocabulary(table["category"].to_list(), described))


def read_speech_commands(folder: Path, described: BenchmarkSet) -> Contents:
    """WORD/NAME.wav with validation_list.txt and testing_list.txt; the unit is the speaker, the name before the "_"."""
    lists = {}
    for fold, file in ((VALIDATION, "validation_list.txt"), (TEST, "testing_list.txt")):
        lists.update(dict.fromkeys(read_lines(folder / file), fold))
    found = {f"{path.parent.name}/{path.name}" for path in folder.glob("*/*.wav")}
    names = sorted(name for name in {*found, *lists} if not name.startswith("_background_noise_"))
    clips = [Clip(n, (n.split("/")[0],), lists.get(n, TRAIN), n.split("/")[1].split("_")[0]) for n in names]
    labels = sorted({clip.labels[0] for clip in clips})
    return clip_contents(folder, clips, described, *_vocabulary(labels, described))


def _vocabulary(found: Sequence[str], described: BenchmarkSet) -> tuple[tuple[str, ...], tuple[Fault, ...]]:
    """The label names and what is odd about them."""
    names = described.labels or tuple(sorted(set(found)))
    foreign = sorted(set(found) - set(names))
    faults = [Fault("foreign_label", f"label {label!r} is none of the set's {len(names)} labels") for label in foreign]
    return (*names, *foreign), tuple(faults)
