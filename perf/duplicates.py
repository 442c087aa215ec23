"""How many altered copies of real recordings the audit finds, and how many pairs of different ones it takes for copies.

Run: .venv/bin/python perf/duplicates.py [SET ...]     (sets under TYMBAL_DATA, default ../shared/data)

Every recording of a set gets one copy per alteration; a copy counts as found when the audit pairs it with its
original or another copy of it. Pairs of different recordings that are found are printed too.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from machine import probe_line
from tymbal.corpus import Corpus, index
from tymbal.corpus.auditing.duplicates import find_duplicates
from tymbal.corpus.auditing.listen import measures

DATA = Path(os.environ.get("TYMBAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
SETS = ("boobook_owl", "cat_meows", "zebra_finch_song", "zebra_finch_distance_calls", "spoken_digits", "soundscape_24h")
MOST = 60  # recordings taken of each set, evenly spread
Sound = tuple[NDArray[np.float64], int]


def _ogg(sound: Sound, path: Path) -> Path:
    samples, rate = sound
    with soundfile.SoundFile(path.with_suffix(".ogg"), "w", rate, 1, subtype="VORBIS") as file:
        for start in range(0, len(samples), 65536):  # one-call writes of long files crash libsndfile
            file.write(samples[start : start + 65536])
    return path.with_suffix(".ogg")


def _flac(sound: Sound, path: Path) -> Path:
    soundfile.write(path.with_suffix(".flac"), sound[0], sound[1], subtype="PCM_16")
    return path.with_suffix(".flac")


def _quieter(sound: Sound, path: Path) -> Path:
    return _ogg((sound[0] * 0.25, sound[1]), path)


def _later(sound: Sound, path: Path) -> Path:
    silence = np.zeros(round(0.0137 * sound[1]))
    return _flac((np.concatenate([silence, sound[0]]), sound[1]), path)


def _excerpt(sound: Sound, path: Path) -> Path:
    length = len(sound[0])
    return _ogg((sound[0][length // 4 : -length // 4], sound[1]), path)


def _resampled(sound: Sound, path: Path) -> Path:
    rate = round(sound[1] * 0.75)
    return _flac((np.clip(soxr.resample(sound[0], sound[1], rate), -1, 1), rate), path)


ALTERATIONS = {
    "flac -> ogg": _ogg,
    "ogg, -12 dB": _quieter,
    "13.7 ms of silence before": _later,
    "middle half, ogg": _excerpt,
    "resampled to 3/4": _resampled,
}


def try_set(name: str) -> None:
    """Print recall per alteration and the pairs found among the originals."""
    files = sorted(path for path in (DATA / name / "audio").rglob("*") if path.suffix in (".flac", ".ogg", ".wav"))
    files = files[:: max(1, len(files) // MOST)][:MOST]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "sounds"
        root.mkdir()
        truth: dict[str, tuple[str, str]] = {}
        for number, file in enumerate(files):
            samples, rate = soundfile.read(file, dtype="float64", always_2d=True)
            mono = samples.mean(axis=1)
            original = _flac((mono, rate), root / f"{number:04d}").name
            for way, alter in ALTERATIONS.items():
                copy = alter((mono, rate), root / f"{number:04d}_{list(ALTERATIONS).index(way)}").name
                truth[copy] = (original, way)
        corpus = index(root, out=Path(folder) / "corpus")
        report(name, corpus, truth, len(files))


def report(name: str, corpus: Corpus, truth: dict[str, tuple[str, str]], count: int) -> None:
    """Compare what was found with what was made; copies of one original count as one sound."""
    heard, _ = measures(corpus)
    durations = dict(zip(corpus.recordings["recording"], corpus.recordings["duration_s"], strict=True))
    found, _ = find_duplicates(heard, durations, corpus.root)
    family = {copy: original for copy, (original, _) in truth.items()}
    links: dict[str, set[str]] = {}
    others = set()
    for each in found:
        links.setdefault(each.first, set()).add(each.second)
        links.setdefault(each.second, set()).add(each.first)
        pair = (family.get(each.first, each.first), family.get(each.second, each.second))
        if pair[0] != pair[1]:
            others.add(tuple(sorted(pair)))
    print(f"{name}: {count} recordings, {count * (count - 1) // 2} pairs of different ones")
    for way in ALTERATIONS:
        copies = [copy for copy, (_, made) in truth.items() if made == way]
        hits = sum(bool({o for o in links.get(copy, ()) if family.get(o, o) == family[copy]}) for copy in copies)
        print(f"  {way:28s} found {hits}/{len(copies)}")
    print(f"  different recordings taken for one sound: {len(others)} {sorted(others)[:5]}")


def main() -> None:
    """All sets named, or the default ones."""
    print(probe_line())
    for name in sys.argv[1:] or SETS:
        try_set(name)


if __name__ == "__main__":
    main()
