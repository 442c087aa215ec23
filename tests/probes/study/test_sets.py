"""Studies of several labels per example: sets, empty ones among them, from windows, spans and a protocol's table."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from sklearn.metrics import average_precision_score, roc_auc_score

from tymbal.corpus import Corpus, index, make_split
from tymbal.encoders.spectral import SpectralEncoder
from tymbal.errors import DataError, UsageError
from tymbal.features import FeatureStore, embed
from tymbal.probes import Probe, ProbeConfig, StudyConfig, run_study
from tymbal.probes.study import ExampleTable, make_task
from tymbal.probes.study.task import enough_groups
from tymbal.training import TrainingConfig

RATE_HZ = 4000
PROBE = ProbeConfig(dim=8, multilabel=True, training=TrainingConfig(epochs=6, batch_size=16, learning_rate=5e-3))
CONFIG = StudyConfig(
    heads=("linear", "ridge"),
    layers=("last",),
    seeds=2,
    metric="cmap",
    inner_folds=2,
    frames=4,
    window_s=0.5,
    baseline_layer=None,
    probe=PROBE,
)
Opened = tuple[Corpus, FeatureStore]


@pytest.fixture(scope="module")
def soundscapes(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Ten recordings of 3 s, six stretches of 0.5 s each: hum, buzz, both at once, or neither."""
    folder = tmp_path_factory.mktemp("soundscapes")
    rng = np.random.default_rng(0)
    time_s = np.arange(int(0.5 * RATE_HZ)) / RATE_HZ
    rows = ["recording,onset_s,offset_s,label"]
    folds = ["recording,published"]
    for number in range(10):
        parts = []
        for stretch in range(6):
            names = [[], ["hum"], ["buzz"], ["hum", "buzz"]][rng.integers(4)]
            wave = 0.1 * rng.normal(size=len(time_s))
            for name in names:
                wave += 0.03 * np.sin(2 * np.pi * {"hum": 300, "buzz": 1100}[name] * time_s)
                rows.append(f"r{number}.wav,{0.5 * stretch},{0.5 * stretch + 0.5},{name}")
            parts.append(wave)
        soundfile.write(folder / f"r{number}.wav", np.concatenate(parts), RATE_HZ)
        folds.append(f"r{number}.wav,{'train' if number < 4 else 'valid' if number < 6 else 'test'}")
    (folder / "events.csv").write_text("\n".join(rows) + "\n")
    (folder / "folds.csv").write_text("\n".join(folds) + "\n")
    corpus = index(
        folder,
        out=folder / "corpus",
        annotations=[folder / "events.csv"],
        metadata=[folder / "folds.csv"],
        coverage="complete",
        workers=1,
    )
    make_split(corpus, "folds", by="recording", folds=5)
    make_split(corpus, "named", by="recording", folds="published")
    store = embed(corpus, SpectralEncoder.tiny(), folder / "store", workers=1, segment_s=0.5)
    return corpus, store


def test_windows_with_no_label_are_examples(soundscapes: Opened) -> None:
    task = make_task(*soundscapes, CONFIG)
    assert task.multilabel
    assert task.labels == ("buzz", "hum")
    assert len(task.reference) == 60
    assert set(task.reference) == {(), ("hum",), ("buzz",), ("buzz", "hum")}
    assert [{task.labels[i] for i in np.flatnonzero(row)} for row in task.targets] == [set(n) for n in task.reference]
    assert (task.unit_name, len(set(task.units))) == ("recording", 10)


def test_rare_labels_leave_their_windows_behind(soundscapes: Opened) -> None:
    table = make_task(*soundscapes, CONFIG).examples.table
    first = pl.col("recording") == "r0.wav"
    thinned = table.with_columns(pl.when(first).then("labels").otherwise(pl.col("labels").list.set_difference(["hum"])))
    notes: list[tuple[str, str, str]] = []
    found = enough_groups(thinned, 2, notes)
    assert found.height == table.height
    assert {name for names in found["labels"] for name in names} == {"buzz"}
    assert notes[0][2].startswith("labels in fewer than 2 groups are left out (examples): hum (")


def test_a_study_of_label_sets_needs_no_threshold(soundscapes: Opened, tmp_path: Path) -> None:
    results = run_study(*soundscapes, CONFIG, tmp_path, audited=False)
    assert results["task"]["multilabel"] is True
    assert results["task"]["metrics"] == ["cmap", "map", "auroc", "top1"]
    table = pl.read_parquet(tmp_path / "predictions.parquet")
    assert table.schema["reference"] == table.schema["predicted"] == pl.List(pl.String)
    assert table.filter(pl.col("probe") == "ridge-last").height == 60
    own = table.filter(pl.col("probe") == "ridge-last")
    truth = np.array([[name in names for name in ("buzz", "hum")] for names in own["reference"].to_list()])
    scores = np.array(own["scores"].to_list())
    row = results["probes"]["ridge-last"]["metrics"]
    ap = [average_precision_score(truth[:, c], scores[:, c]) for c in range(2)]
    assert row["cmap"]["value"] == pytest.approx(np.mean(ap))
    assert row["auroc"]["value"] == pytest.approx(np.mean([roc_auc_score(truth[:, c], scores[:, c]) for c in range(2)]))
    assert (row["cmap"]["units"], row["cmap"]["unit_name"]) == (10, "recording")
    assert row["cmap"]["low"] < row["cmap"]["value"] < row["cmap"]["high"]
    assert 0.6 < row["cmap"]["value"] < 1
    assert len(results["probes"]["linear-last"]["seeds"]["cmap"]) == 2
    again = run_study(*soundscapes, CONFIG, tmp_path, audited=False)
    assert json.dumps(again, sort_keys=True) == json.dumps(results, sort_keys=True)


def given(corpus: Corpus) -> ExampleTable:
    """The windows as a protocol would fix them: folds by name, and a label that nothing carries."""
    rows = []
    for number in range(10):
        fold = "train" if number < 4 else "validation" if number < 6 else "test"
        for window in range(6):
            span = 0.5 * window, 0.5 * window + 0.5
            events = corpus.events.filter((pl.col("recording") == f"r{number}.wav") & (pl.col("onset_s") == span[0]))
            labels = sorted(events["label"].to_list())
            rows.append([f"{number}.{window}", f"r{number}.wav", *span, labels, fold, f"r{number}.wav"])
    schema = ["event_id", "recording", "onset_s", "offset_s", "labels", "fold", "unit"]
    return ExampleTable(pl.DataFrame(rows, schema=schema, orient="row"), ("hum", "buzz", "never"), "site")


def test_a_protocols_table_keeps_its_labels_and_its_validation_fold(soundscapes: Opened, tmp_path: Path) -> None:
    corpus, store = soundscapes
    config = dataclasses.replace(CONFIG, window_s=None, metric="map", split="official", keep_validation=True)
    results = run_study(corpus, store, config, tmp_path, given=given(corpus), audited=False)
    assert results["task"]["labels"] == ["hum", "buzz", "never"]
    row = results["probes"]["ridge-last"]["metrics"]
    assert row["map"]["value"] == pytest.approx(row["cmap"]["value"] * 2 / 3)  # the absent label counts 0 in mAP
    assert (row["map"]["units"], row["map"]["unit_name"], row["map"]["low"]) == (4, "site", None)
    assert results["selected"]["inner_scores"]["test"].keys() == {"linear-last", "ridge-last"}
    # Fitted to the 24 training windows alone, once for the choice and the test together.
    kept = sorted((tmp_path / "fits").glob("trained-*.probe.safetensors"))
    assert len(kept) == 1 + 2
    joined = dataclasses.replace(config, keep_validation=False)
    other = run_study(corpus, store, joined, tmp_path / "joined", given=given(corpus), audited=False)
    assert other["probes"]["ridge-last"]["metrics"]["auroc"] != row["auroc"]
    task = make_task(corpus, store, config, given(corpus))
    rows = np.flatnonzero(task.folds == "train")
    probe = Probe(dataclasses.replace(PROBE, head="ridge", layers="last"))
    probe.fit(task.examples, task.reference, groups=task.groups.tolist(), rows=rows)
    table = pl.read_parquet(tmp_path / "predictions.parquet").filter(pl.col("probe") == "ridge-last")
    place = [probe.labels_.index(name) for name in ("hum", "buzz")]
    wanted = probe.predict_proba(task.examples, rows=task.folds == "test")[:, place]
    np.testing.assert_allclose(np.array(table["scores"].to_list())[:, :2], wanted)
    assert (np.array(table["scores"].to_list())[:, 2] == 0).all()


def test_validation_is_watched_and_never_trained_on(soundscapes: Opened) -> None:
    corpus, store = soundscapes
    config = dataclasses.replace(CONFIG, window_s=None, metric="map", split="official", keep_validation=True)
    task = make_task(corpus, store, config, given(corpus))
    rows = [np.flatnonzero(task.folds == name) for name in ("train", "validation")]
    head = dataclasses.replace(PROBE, head="linear", layers="last")
    one, two = (Probe(head).fit(task.examples, task.reference, rows=rows[0], watch=watch) for watch in rows[::-1])
    assert one.notes_["validation"] != two.notes_["validation"]
    assert one.notes_["stopped_by"] == "validation"


def test_spans_of_several_events_become_sets(soundscapes: Opened) -> None:
    corpus, store = soundscapes
    task = make_task(corpus, store, dataclasses.replace(CONFIG, window_s=None))
    assert set(task.reference) == {("hum",), ("buzz",), ("buzz", "hum")}
    assert len(task.reference) < corpus.events.height


def test_what_does_not_go_together_is_named(soundscapes: Opened) -> None:
    corpus, store = soundscapes
    with pytest.raises(UsageError, match=r"metric is 'accuracy'.*map, cmap, auroc, top1"):
        dataclasses.replace(CONFIG, metric="accuracy").check()
    with pytest.raises(UsageError, match=r"window_s is 0.5.*multilabel probe"):
        StudyConfig(window_s=0.5).check()
    plain = StudyConfig(split="official")
    with pytest.raises(DataError, match=r"example '\d\.\d' has \d labels.*one for each"):
        make_task(corpus, store, plain, given(corpus))
    bare = ExampleTable(given(corpus).table.drop("fold"))
    with pytest.raises(DataError, match="no column 'fold'"):
        make_task(corpus, store, plain, bare)
    few = dataclasses.replace(given(corpus), labels=("hum",))
    with pytest.raises(DataError, match="label 'buzz' is none of the 1"):
        make_task(corpus, store, dataclasses.replace(CONFIG, window_s=None), few)
