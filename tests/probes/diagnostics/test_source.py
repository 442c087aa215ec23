from __future__ import annotations

from pathlib import Path

import pytest

from tymbal.config import dumps
from tymbal.errors import DataError
from tymbal.probes import ProbeConfig, StudyConfig
from tymbal.probes.diagnostics import is_run, read_run
from tymbal.probes.finetuning import FinetuneConfig


def kept(folder: Path, study: StudyConfig) -> Path:
    """A run.toml as a study leaves it."""
    (folder / "run.toml").write_text(dumps({"corpus": "here/corpus", "store": "here/store", "study": study}))
    return folder


def test_a_study_of_a_sweep_tells_its_task(tmp_path: Path) -> None:
    probes = {"linear-all": ProbeConfig(), "ridge-last": ProbeConfig(head="ridge", layers=("last",))}
    run = kept(tmp_path, StudyConfig(label="call", frames=None, metric="accuracy", probes=probes))
    assert is_run(run)
    found = read_run(run)
    assert (found.corpus, found.store) == (Path("here/corpus"), Path("here/store"))
    assert (found.config.label, found.config.frames, found.config.metric) == ("call", None, "accuracy")


def test_a_run_of_fine_tuning_is_told_where_its_features_are(tmp_path: Path) -> None:
    run = kept(tmp_path, StudyConfig(probes={"finetuned": FinetuneConfig(), "baseline": ProbeConfig()}))
    with pytest.raises(DataError, match=r"trained its encoder.*diagnose here/store --corpus here/corpus"):
        read_run(run)
