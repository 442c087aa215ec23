from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.probes.study.test_nesting import PROBES, make_task

from tymbal.errors import DataError
from tymbal.jobs import SerialExecutor, Silent
from tymbal.probes.study.fits import Fit, FitFolder, FitWork, SharedExamples, fit_all, map_examples
from tymbal.probes.study.task import Task


def work_of(task: Task) -> FitWork:
    return FitWork(task.examples, task.reference, task.groups.tolist(), task.labels)


def fit_of(train: range, test: range, part: str = "test") -> Fit:
    return Fit("0", part, "one", 0, PROBES["one"], tuple(train), tuple(test))


def run(task: Task, fits: list[Fit], folder: FitFolder) -> dict[Fit, object]:
    return fit_all(fits, work_of(task), folder, executor=SerialExecutor(), title="x", progress=None)  # type: ignore[return-value]


def test_a_fit_is_kept_with_its_probe_and_read_again(tmp_path: Path) -> None:
    task, folder = make_task(), FitFolder(tmp_path, "t")
    inner, outer = fit_of(range(30), range(30, 60), "inner 0"), fit_of(range(40), range(40, 60))
    first = run(task, [inner, outer], folder)
    names = sorted(path.name.count(".") for path in tmp_path.iterdir())
    assert names == [1, 1, 2, 2, 2]  # scores and cost of both, one probe: inner fits keep none
    assert all(0 < fitted.cpu_s < 30 for fitted in first.values())
    again = run(task, [fit_of(range(30), range(30, 60), "inner 0")], folder)
    assert np.array_equal(next(iter(again.values())).scores, first[inner].scores)
    assert again[next(iter(again))].cpu_s == pytest.approx(first[inner].cpu_s)
    assert len(list(tmp_path.iterdir())) == 5
    run(task, [inner], FitFolder(tmp_path, "another task"))
    assert len(list(tmp_path.iterdir())) == 7


def test_a_label_that_training_lacks_scores_zero(tmp_path: Path) -> None:
    task = make_task()
    rows = [row for row in range(60) if task.reference[row] != "kind1"]
    fit = Fit("0", "test", "one", 0, PROBES["one"], tuple(rows), tuple(range(60)))
    (found,) = run(task, [fit], FitFolder(tmp_path, "t")).values()
    assert found.scores.shape == (60, 3)
    assert (found.scores[:, task.labels.index("kind1")] == 0).all()
    np.testing.assert_allclose(found.scores.sum(axis=1), 1, rtol=1e-5)


def test_a_fit_that_fails_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    task = make_task()
    alone = tuple(row for row in range(60) if task.reference[row] == "kind1")
    bad = Fit("7", "test", "one", 0, PROBES["one"], alone, (0, 1))
    good = fit_of(range(40), range(40, 60))
    with pytest.raises(
        DataError, match=r"1 of 2 fits failed; the first: one, fold 7, test, seed 0: .*all .* examples are"
    ):
        run(task, [bad, good], FitFolder(tmp_path, "t"))
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


@pytest.mark.parametrize("which", ["scores_file", "probe_file"])
def test_a_damaged_fit_is_fitted_again_and_said(tmp_path: Path, which: str) -> None:
    task, folder = make_task(), FitFolder(tmp_path, "t")
    fits = [fit_of(range(40), range(40, 60)), fit_of(range(30), range(30, 60))]
    run(task, fits, folder)
    file = getattr(folder, which)(folder.plan("x", fits).shards[0])
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    told: list[tuple[str, int, int]] = []

    class Log(Silent):
        def start(self, title: str, total: int, *, resumed: int = 0) -> None:
            told.append((title, total, resumed))

    fit_all(fits, work_of(task), folder, executor=SerialExecutor(), title="testing", progress=Log())
    assert told == [("testing (1 fits of an earlier run are damaged: fitted again)", 2, 1)]
    assert file.read_bytes() == whole


def test_shared_examples_are_mapped_and_swept_up(tmp_path: Path) -> None:
    examples = make_task().examples
    (tmp_path / ".shared-left").mkdir()
    with SharedExamples(examples, 2, tmp_path) as path:
        assert isinstance(path, Path)
        assert not (tmp_path / ".shared-left").exists()
        found = map_examples(path)
        for layer in examples.layers:
            assert isinstance(found.features[layer], np.memmap)
            assert np.array_equal(found.features[layer], examples.features[layer])
            assert np.array_equal(found.masks[layer], examples.masks[layer])
        assert (found.encoder_checksum, found.layers) == ("c0ffee", ("a", "b"))
        assert found.provenance == examples.provenance
        del found
    assert list(tmp_path.iterdir()) == []
    with SharedExamples(examples, 1, tmp_path) as same:
        assert same is examples
