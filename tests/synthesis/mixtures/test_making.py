from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
from tests.synthesis.mixtures.conftest import HZ, RATE

from tymbal.corpus import Corpus
from tymbal.corpus.packing import Terms, read_packed
from tymbal.errors import DataError, UsageError
from tymbal.synthesis.mixtures import MixturePlan, make_mixtures
from tymbal.synthesis.mixtures.mixing import Mix

PLAN = MixturePlan(overlap=(0.0, 0.5), snr_db=(0.0,), split="parts", per_level=2)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_truth_is_where_the_sound_is(birds: Corpus, out: Path) -> None:
    made = make_mixtures(birds, out, PLAN)
    assert made.failures == ()
    assert made.left_out == 1
    assert made.levels["overlap_asked"].to_list() == [0.0, 0.5]
    np.testing.assert_allclose(made.levels["overlap_reached"], [0.0, 0.5], atol=0.03)
    corpus = read_packed(out)
    assert corpus.recordings.height == 8
    for (name, bird), rows in corpus.events.group_by("recording", "individual"):
        sound, _ = soundfile.read(corpus.file(str(name)))
        tone = np.exp(2j * np.pi * HZ[str(bird)] * np.arange(len(sound)) / RATE)
        envelope = np.abs(np.convolve(sound * tone, np.ones(64) / 64, "same"))  # of this bird's tone alone
        active = envelope > 0.5 * np.percentile(envelope, 90)
        truth = np.zeros(len(sound), bool)
        for onset, offset in rows.select("onset_s", "offset_s").iter_rows():
            truth[round(onset * RATE) : round(offset * RATE)] = True
        assert np.mean(active == truth) > 0.95
    origin = dict(birds.events.select("event_id", pl.col("offset_s") - pl.col("onset_s")).iter_rows())
    for source, length in corpus.events.select("source_event", pl.col("offset_s") - pl.col("onset_s")).iter_rows():
        assert length == pytest.approx(origin[source])


def test_splits_coverage_and_licences_are_carried(birds: Corpus, out: Path) -> None:
    corpus = make_mixtures(birds, out, PLAN).corpus
    folds = corpus.folds("parts").join(corpus.recordings.select("recording", "individuals"), on="recording")
    found = set(folds.select("individuals", "group", "fold").iter_rows())
    assert found == {("a+b", "a+b", "one"), ("c+d", "c+d", "two")}
    for name, duration_s in corpus.recordings.select("recording", "duration_s").iter_rows():
        assert corpus.covered(name, 0.0, duration_s)
    assert set(corpus.recordings["licence"]) == {"CC-BY-4.0 AND CC0"}
    page = (out / "DATASHEET.md").read_text("utf-8")
    assert "mixtures of whole recordings of two individuals" in page
    assert "| 0.5 | 0.500 | 0 | 4 | 48 |" in page
    assert "`parts`: grouped by " in page
    assert (out / "mixtures.toml").is_file()


def test_the_same_again_killed_or_not(birds: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_mixtures(birds, tmp_path / "whole", PLAN, title="t")
    real = Mix.__call__

    def killed(self: Mix, draw: Any) -> Any:
        if draw.index == 2:
            raise KeyboardInterrupt
        return real(self, draw)

    with monkeypatch.context() as patch:
        patch.setattr(Mix, "__call__", killed)
        with pytest.raises(KeyboardInterrupt):
            make_mixtures(birds, tmp_path / "ds", PLAN, title="t")
    assert not (tmp_path / "ds").exists()
    make_mixtures(birds, tmp_path / "ds", PLAN, title="t")
    assert files(tmp_path / "ds") == files(tmp_path / "whole")
    assert not (tmp_path / "ds.parts").exists()
    make_mixtures(birds, tmp_path / "ds", PLAN, title="t")  # whole already
    with pytest.raises(UsageError, match="this folder holds other things"):
        make_mixtures(birds, tmp_path / "ds", MixturePlan(overlap=(0.2,), split="parts", per_level=1))


def test_one_bad_recording_is_listed_and_the_rest_is_mixed(
    birds: Corpus, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Mix.__call__

    def one_fails(self: Mix, draw: Any) -> Any:
        if draw.index == 1:
            raise DataError("broken")
        return real(self, draw)

    monkeypatch.setattr(Mix, "__call__", one_fails)
    made = make_mixtures(birds, out, PLAN, terms=Terms("CC0"))
    assert len(made.failures) == 1
    assert made.failures[0].message == "broken"
    assert made.corpus.recordings.height == 6
