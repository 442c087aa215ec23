"""Where a sweep keeps things: OUT/stores/ENCODER-CORPUS, OUT/studies/TASK/ENCODER."""

from __future__ import annotations

from pathlib import Path

from tymbal.config import digest
from tymbal.corpus import Corpus
from tymbal.probes.sweep.config import SweepEncoder, SweepTask

PLAN, RESULTS = "plan.toml", "results.json"


def store_folder(out: Path, encoder: SweepEncoder, corpus: Corpus) -> Path:
    """The store of one encoder and corpus."""
    return out / "stores" / f"{file_name(encoder.title)}-{digest(corpus.path.resolve().as_posix(), length=8)}"


def study_folder(out: Path, task: SweepTask, encoder: SweepEncoder) -> Path:
    """The RUN directory of one task and encoder; `tymbal report` draws it."""
    return out / "studies" / file_name(task.title) / file_name(encoder.title)


def file_name(title: str) -> str:
    """A name that every file system takes; two titles never share one."""
    name = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in title)
    plain = name == title.lower() and not name.startswith(".") and len(name) <= 60
    return name if plain else f"{name.lstrip('.')[:60]}-{digest(title, length=8)}"
