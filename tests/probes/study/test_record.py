from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from tests.probes.study.test_nesting import make_task

from tymbal.corpus import Corpus
from tymbal.errors import DataError, UsageError
from tymbal.features import FeatureStore
from tymbal.probes import StudyConfig
from tymbal.probes.study.record import claim, log_reading, probe_files

CONFIG = StudyConfig(label="call")


def test_a_folder_belongs_to_one_study(opened: tuple[Corpus, FeatureStore], tmp_path: Path) -> None:
    claim(tmp_path, CONFIG, "one", *opened)
    claim(tmp_path, CONFIG, "one", *opened)
    with pytest.raises(UsageError, match="other settings"):
        claim(tmp_path, CONFIG, "two", *opened)
    (tmp_path / "run.toml").write_text("identity = ")
    with pytest.raises(UsageError, match="other settings"):
        claim(tmp_path, CONFIG, "one", *opened)


def test_readings_are_counted_by_study_label_split_and_selection(tmp_path: Path) -> None:
    task = make_task()
    assert log_reading(tmp_path, CONFIG, task, "first") == 0
    assert log_reading(tmp_path, CONFIG, task, "second") == 1
    assert log_reading(tmp_path, CONFIG, task, "first") == 0
    assert log_reading(tmp_path, dataclasses.replace(CONFIG, label="other"), task, "third") == 0
    assert log_reading(tmp_path, dataclasses.replace(CONFIG, where="bird=left"), task, "fourth") == 0
    assert log_reading(tmp_path, dataclasses.replace(CONFIG, split="other"), task, "fifth") == 0
    assert log_reading(tmp_path, CONFIG, task, "sixth") == 2
    rows = [json.loads(line) for line in (tmp_path / "test_reads.jsonl").read_text().splitlines()]
    assert [row["study"] for row in rows] == ["first", "second", "third", "fourth", "fifth", "sixth"]
    assert all(row["examples"] == 60 for row in rows)


@pytest.mark.parametrize("line", ['{"label": "ca', "[1]", '{"label": "call"}'])
def test_a_broken_line_of_readings_is_named(tmp_path: Path, line: str) -> None:
    log_reading(tmp_path, CONFIG, make_task(), "first")
    with (tmp_path / "test_reads.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=r"test_reads.jsonl: line 2 .*delete this line"):
        log_reading(tmp_path, CONFIG, make_task(), "second")


def test_no_two_folds_share_a_file() -> None:
    folds = ["a/b", "a_b", "a b", "Moon", "moon", "0"]
    files = probe_files(folds)
    assert len({name.casefold() for name in files.values()}) == len(folds)
    assert (files["0"], files["a_b"]) == ("probe_0.safetensors", "probe_a_b.safetensors")
    assert all("/" not in name for name in files.values())
