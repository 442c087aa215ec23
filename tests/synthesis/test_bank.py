"""Banks: made, resumed, read; scenes of recorded calls over recorded backgrounds."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.synthesis.plans import dry_plan

from tymbal.errors import CorpusError, DataError, NothingDoneError, UsageError
from tymbal.synthesis import Bank, Cutting, SceneGenerator, make_bank
from tymbal.synthesis.clusters import SIZES, cluster, fingerprint


def files(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if not name.endswith("lock")}


def test_a_bank_holds_calls_backgrounds_and_clusters(bank: Bank, recordings: tuple[Path, pl.DataFrame]) -> None:
    truth = recordings[1]
    assert bank.calls.height == pytest.approx(truth.height, rel=0.25)
    assert bank.granularities == ("cluster_4", "cluster_8", "cluster_16", "cluster_32")
    assert (bank.calls.height // bank.calls["cluster_16"].n_unique()) in range(12, 25)
    call = bank.call(0)
    assert np.mean(call.samples**2) == pytest.approx(1, rel=1e-3)
    assert call.origin.startswith("scene-000000.wav@")
    assert pl.read_parquet(bank.path / "recordings.parquet")["content_hash"].str.len_chars().unique().to_list() == [32]


def test_a_killed_job_ends_with_the_same_bytes(
    bank: Bank, recordings: tuple[Path, pl.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tymbal.synthesis import banking

    def _killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(banking, "_finish", _killed)
        with pytest.raises(KeyboardInterrupt):
            make_bank(recordings[0], tmp_path / "bank")
    first = sorted((tmp_path / "bank" / "shards").glob("*.json"))[0]
    first.unlink()
    make_bank(recordings[0], tmp_path / "bank")
    assert files(tmp_path / "bank") == files(bank.path)
    assert Bank.open(tmp_path / "bank").digest == bank.digest


def test_clusters_put_calls_of_one_class_together(bank: Bank, recordings: tuple[Path, pl.DataFrame]) -> None:
    from sklearn.metrics import normalized_mutual_info_score

    truth = recordings[1]
    labels, found = [], []
    for row in bank.calls.iter_rows(named=True):
        same = truth.filter(recording=Path(row["recording"]).stem)
        near = same.with_columns((pl.col("onset_s") - row["onset_s"]).abs().alias("off")).sort("off").row(0, named=True)
        labels.append(near["label"])
        found.append(row["cluster_16"])
    assert normalized_mutual_info_score(labels, found) > 0.5


def test_fingerprints_are_blind_to_loudness_and_know_duration() -> None:
    tone = np.sin(np.arange(4000) * 0.3).astype(np.float32)
    one, two = fingerprint(tone), fingerprint(0.01 * tone)
    np.testing.assert_allclose(one, two, atol=0.05)
    assert fingerprint(np.tile(tone, 2))[-1] == one[-1] + 1
    assert cluster(np.zeros((5, 385), dtype=np.float32)) == {}
    many = cluster(np.random.default_rng(0).standard_normal((40, 385)).astype(np.float32))
    assert list(many) == [size for size in SIZES if size <= 20]


def test_classes_come_from_one_cluster_at_one_factor(bank: Bank) -> None:
    for seed in range(12):
        source = bank.source(np.random.default_rng(seed))
        assert len(source.rows) >= 2
        clusters = [bank.calls[name].to_numpy()[source.rows] for name in bank.granularities]
        assert any(len(set(each.tolist())) == 1 for each in clusters)
        found = [source.exemplar(np.random.default_rng(n)) for n in range(4)]
        assert all(each.high_hz <= 0.46 * bank.reference_rate_hz for each in found)
        originals = {bank.call(int(row)).origin for row in source.rows}
        assert {each.origin for each in found} <= originals
        again = source.exemplar(np.random.default_rng(0))
        assert again.samples.tobytes() == found[0].samples.tobytes()


def test_backgrounds_are_as_long_as_asked_and_carry_no_call(bank: Bank) -> None:
    for samples in (1000, 40_000, 700_000):
        noise = bank.noise(samples, np.random.default_rng(3))
        assert noise.shape == (samples,)
        assert np.mean(noise.astype(np.float64) ** 2) == pytest.approx(1, rel=1e-3)
        level = np.sqrt(np.mean(noise[: samples // 100 * 100].reshape(-1, 100) ** 2, axis=1))
        assert level.max() < 4 * np.median(level)  # a call at 25 dB would be eighteen times as loud


def test_scenes_of_a_bank_know_where_their_calls_come_from(bank: Bank) -> None:
    plan = dry_plan(6.0)
    plan = replace(plan, bank=bank.path, classes=replace(plan.classes, recorded=1.0))
    plan = replace(plan, backgrounds=replace(plan.backgrounds, recorded=1.0))
    first, again = SceneGenerator(plan), SceneGenerator(plan)
    calls = 0
    for index in range(6):
        scene = first.scene(index)
        calls += len(scene.calls)
        assert all(call.family == "recorded" and ".wav@" in call.origin for call in scene.calls)
        assert all(0 <= call.low_hz < call.high_hz <= 8000 for call in scene.calls)
        assert scene.waveform.tobytes() == again.scene(index).waveform.tobytes()
    assert calls > 5


def test_bad_banks_and_folders_are_told(bank: Bank, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="not a bank"):
        Bank.open(tmp_path)
    with pytest.raises(CorpusError, match="--rate 48000"):
        Bank.open(bank.path, sample_rate_hz=48_000)
    broken = tmp_path / "broken"
    shutil.copytree(bank.path, broken)
    (broken / "bank.toml").write_text("format = ")
    with pytest.raises(CorpusError, match="damaged"):
        Bank.open(broken)
    shutil.copy(bank.path / "bank.toml", broken / "bank.toml")
    shutil.rmtree(broken / "shards")
    with pytest.raises(CorpusError, match="Run tymbal synth cuts again"):
        Bank.open(broken).call(0)
    empty = replace(
        Bank.open(bank.path), calls=bank.calls.drop(bank.granularities), backgrounds=bank.backgrounds.clear()
    )
    with pytest.raises(DataError, match="too few"):
        empty.source(np.random.default_rng(0))
    with pytest.raises(DataError, match="no background"):
        empty.noise(10, np.random.default_rng(0))
    (tmp_path / "none").mkdir()
    with pytest.raises(NothingDoneError, match="no recording"):
        make_bank(tmp_path / "none", tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.doc").write_text("x")
    with pytest.raises(UsageError, match="other things"):
        make_bank(_one_recording(tmp_path), tmp_path / "mine", Cutting())


def _one_recording(folder: Path) -> Path:
    import soundfile

    (folder / "one").mkdir()
    soundfile.write(folder / "one" / "a.wav", np.zeros(16_000), 16_000)
    return folder / "one"


def test_silence_makes_no_bank(tmp_path: Path) -> None:
    with pytest.raises(NothingDoneError, match="neither a call nor a quiet stretch"):
        make_bank(_one_recording(tmp_path), tmp_path / "out")
