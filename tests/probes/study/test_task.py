from __future__ import annotations

import dataclasses

import polars as pl
import pytest
from tests.probes.synthetic import make_examples

from tymbal.corpus import Corpus, make_split
from tymbal.errors import CorpusError, DataError, StoreError
from tymbal.features import FeatureStore
from tymbal.probes import StudyConfig
from tymbal.probes.study.task import Task, enough_groups, make_task, task_of

CONFIG = StudyConfig(label="call", frames=4)
Opened = tuple[Corpus, FeatureStore]


def test_a_task_is_examples_with_labels_groups_and_folds(opened: Opened) -> None:
    task = make_task(*opened, CONFIG)
    assert task.labels == ("buzz", "chirp", "whistle")
    assert len(task.reference) == len(task.examples) == 72
    assert [task.labels[index] for index in task.targets.argmax(axis=1)] == list(task.reference)
    assert task.test_folds == ("0", "1", "2", "3")
    for fold in task.test_folds:
        train, test = task.rows(fold)
        assert sorted([*train, *test]) == list(range(72))
        assert not set(task.groups[train]) & set(task.groups[test])
    assert (task.unit_name, len(set(task.units))) == ("session", 8)
    assert task.examples.features["mfcc"].shape[1] <= 4


def test_units_may_be_wider_than_groups(opened: Opened) -> None:
    task = make_task(*opened, dataclasses.replace(CONFIG, unit="bird"))
    assert (task.unit_name, sorted(set(task.units))) == ("bird", ["left", "right"])
    with pytest.raises(DataError, match=r"no column 'owner'.*bird"):
        make_task(*opened, dataclasses.replace(CONFIG, unit="owner"))


def test_where_keeps_some(opened: Opened) -> None:
    task = make_task(*opened, dataclasses.replace(CONFIG, where="bird=left"))
    assert len(task.reference) == 36
    with pytest.raises(DataError, match=r"no example has bird 'up'.*left, right"):
        make_task(*opened, dataclasses.replace(CONFIG, where="bird=up"))
    with pytest.raises(DataError, match="no column 'owner'"):
        make_task(*opened, dataclasses.replace(CONFIG, where="owner=me"))


def test_labels_of_too_few_groups_are_left_out_and_named(opened: Opened) -> None:
    corpus, store = opened
    make_split(corpus, "birds", by="bird", folds="each")
    config = dataclasses.replace(CONFIG, split="birds")
    assert make_task(corpus, store, config).notes == ()
    with pytest.raises(
        DataError, match=r"no labelled example is left: labels in fewer than 2 groups.*0 \(9\), 1 \(9\)"
    ):
        make_task(corpus, store, dataclasses.replace(config, label="session"))
    rare = corpus.examples("call", scheme="folds")
    first = rare["group"].min()
    table = rare.filter((pl.col("label") != "buzz") | (pl.col("group") == first))
    notes: list[tuple[str, str, str]] = []
    assert set(enough_groups(table, 2, notes)["label"]) == {"chirp", "whistle"}
    assert notes == [("rare_labels", "warning", "labels in fewer than 2 groups are left out (examples): buzz (3)")]


def test_examples_without_a_fold_are_left_out_and_counted() -> None:
    examples, _, groups = make_examples()
    table = examples.table.with_columns(pl.Series("fold", [str(int(group[1:]) % 2) for group in groups]))
    whole = task_of(dataclasses.replace(examples, table=table), StudyConfig())
    assert len(whole.digest) == 16
    moved = table.with_columns(pl.Series("fold", ["1", *table["fold"][1:]]))
    assert task_of(dataclasses.replace(examples, table=moved), StudyConfig()).digest != whole.digest
    one = table.with_columns(pl.lit("0").alias("fold"))
    with pytest.raises(DataError, match="leaves 0 examples to train on"):
        task_of(dataclasses.replace(examples, table=one), StudyConfig())


def test_an_unknown_split_is_named(opened: Opened) -> None:
    with pytest.raises(CorpusError, match="no split 'by_moon'"):
        make_task(*opened, dataclasses.replace(CONFIG, split="by_moon"))


def test_features_of_recordings_that_changed_since_are_refused(opened: Opened) -> None:
    corpus, store = opened
    table = corpus.recordings
    moved = pl.col("recording").is_in(["s0_0.wav", "s0_1.wav", "s0_2.wav", "s3_8.wav"])
    renamed = pl.when(moved).then(pl.lit("0" * 32)).otherwise("content_hash").alias("content_hash")
    corpus._tables["recordings"] = table.with_columns(renamed)
    expected = r"4 recordings changed since they were embedded: s0_0.wav, s0_1.wav, s0_2.wav, \.\.\..*Embed again"
    with pytest.raises(StoreError, match=expected):
        make_task(corpus, store, CONFIG)
    assert len(make_task(corpus, store, dataclasses.replace(CONFIG, where="bird=right")).reference) == 36
    store.units = store.units.drop("content_hash")  # as an earlier version wrote it
    assert len(make_task(corpus, store, CONFIG).reference) == 72


def spelt(*names: str) -> Task:
    examples, _, _ = make_examples()
    table = examples.table.with_columns(pl.Series("fold", [names[row * len(names) // 60] for row in range(60)]))
    return task_of(dataclasses.replace(examples, table=table), StudyConfig())


def test_published_spellings_are_train_validation_and_test() -> None:
    for names in (("train", "val", "test"), ("Train", "dev", "Test"), ("training", "VALID", "testing")):
        task = spelt(*names)
        assert task.test_folds == ("test",)
        assert task.folds.tolist() == ["train"] * 20 + ["validation"] * 20 + ["test"] * 20
    assert spelt("dev", "A", "B").test_folds == ("A", "B", "dev")
    for names in (("train", "fold5"), ("A", "B", "Test")):
        with pytest.raises(DataError, match="which are trained on and which tested"):
            spelt(*names)


def test_units_finer_than_the_groups_are_warned_of(opened: Opened) -> None:
    task = make_task(*opened, dataclasses.replace(CONFIG, unit="recording"))
    assert [(code, severity) for code, severity, _ in task.notes] == [("narrow_intervals", "warning")]
    assert "8 of 8 groups" in task.notes[0][2]
    assert make_task(*opened, dataclasses.replace(CONFIG, unit="bird")).notes == ()


def test_units_of_no_single_column_are_called_groups() -> None:
    examples, _, groups = make_examples()
    table = examples.table.with_columns(pl.Series("fold", [str(int(group[1:]) % 2) for group in groups]))
    whole = dataclasses.replace(examples, table=table)
    assert task_of(whole, StudyConfig()).unit_name == "group"
    assert task_of(whole, StudyConfig(unit_name="colony")).unit_name == "colony"
