"""What a diagnosis starts from: the run of a study, which says where its corpus and store lie and what it asked."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tymbal.config import from_plain
from tymbal.errors import DataError
from tymbal.probes.diagnostics.config import DiagnoseConfig
from tymbal.probes.study.config import StudyConfig
from tymbal.probes.study.record import RUN


@dataclass(frozen=True)
class Source:
    """Where a study's corpus and store lie, and the diagnosis that its settings ask for."""

    corpus: Path
    store: Path
    config: DiagnoseConfig


def is_run(path: str | Path) -> bool:
    """Whether `path` is the directory of a study."""
    return (Path(path) / RUN).is_file()


def read_run(path: str | Path) -> Source:
    """What the run.toml of a study's directory says. Raises DataError where it is damaged or lacks something,
    and for a run of fine-tuning."""
    file = Path(path) / RUN
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read: {error}", where=file, mend="Give the directory of a tymbal probe.") from error
    lacking = [name for name in ("corpus", "store", "study") if name not in table]
    if lacking:
        raise DataError(f"it lacks {lacking[0]!r}", where=file, mend="Give the directory of a tymbal probe.")
    given = dict(table["study"])
    if any(isinstance(probe, dict) and "mode" in probe for probe in given.get("probes", {}).values()):
        raise DataError(
            "this run trained its encoder: there are no features of it to diagnose",
            where=path,
            mend=f"Diagnose those of the frozen encoder: tymbal diagnose {table['store']} --corpus {table['corpus']} "
            "-o OUT. Or run tymbal finetune --keep-encoder, and embed with one of its encoders.",
        )
    given.setdefault("frames", None)  # TOML has no null: what was None is left out
    study = from_plain(StudyConfig, given, where=file)
    return Source(Path(table["corpus"]), Path(table["store"]), DiagnoseConfig.of_study(study))
