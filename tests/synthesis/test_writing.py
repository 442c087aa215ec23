"""Scenes as a corpus: exact, resumed, grown, refused where they would mix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.synthesis.plans import dry_plan, short_calls

from tymbal.audio import read
from tymbal.corpus import Corpus
from tymbal.errors import NothingDoneError, UsageError
from tymbal.synthesis import SceneGenerator, ScenePlan, fewshot_plan, write_scenes
from tymbal.synthesis.distributions import constant, uniform

PLAN = ScenePlan(scenes=20, seed=3, parts=(replace(ScenePlan().parts[0], duration_s=2.0),))


def files(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if "lock" not in name and "probed" not in name}


def steady(folder: Path) -> dict[str, bytes]:
    """What does not hold the time at which recordings were written."""
    return {name: content for name, content in files(folder).items() if name.split("/")[0] in ("audio", "truth")}


def test_a_corpus_holds_the_scenes_and_their_exact_truth(tmp_path: Path) -> None:
    corpus, failures = write_scenes(PLAN, tmp_path / "corpus")
    assert failures == ()
    assert corpus.failures.is_empty()
    again = Corpus.open(tmp_path / "corpus")
    assert again.recordings["recording"].to_list() == [f"scene-{index:06d}.flac" for index in range(20)]
    generator = SceneGenerator(PLAN)
    for index in (0, 7, 19):
        scene = generator.scene(index)
        name = f"{scene.name}.flac"
        np.testing.assert_array_equal(read(again.file(name)).samples, scene.waveform)
        events = again.events.filter(recording=name).sort("onset_s", "offset_s", "label")
        for field in ("onset_s", "offset_s", "low_hz", "high_hz", "label", "certainty", "truth", "family"):
            assert events[field].to_list() == scene.events[field].to_list()
        assert [float(value) for value in events["snr_db"]] == scene.events["snr_db"].to_list()
    assert again.coverage["recording"].n_unique() == 20
    assert again.recordings["scene"].cast(int).to_list() == list(range(20))
    assert again.faults.is_empty()


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tymbal.synthesis import writing

    whole, _ = write_scenes(PLAN, tmp_path / "whole")
    kept = writing.write_bytes
    written = []

    def _dies(path: Path, data: bytes) -> None:
        if len(written) == 18:
            raise KeyboardInterrupt
        written.append(path)
        kept(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "write_bytes", _dies)
        with pytest.raises(KeyboardInterrupt):
            write_scenes(PLAN, tmp_path / "killed")
    made: list[int] = []
    work = writing.WriteWork.__call__

    def _counted(self: object, index: int) -> object:
        made.append(index)
        return work(self, index)  # type: ignore[arg-type]

    monkeypatch.setattr(writing.WriteWork, "__call__", _counted)
    resumed, _ = write_scenes(PLAN, tmp_path / "killed")
    assert made == [16, 17, 18, 19]
    assert steady(tmp_path / "killed") == steady(tmp_path / "whole")
    assert resumed.digest == whole.digest
    assert write_scenes(PLAN, tmp_path / "killed")[0].digest == whole.digest
    assert made == [16, 17, 18, 19]


def test_a_corpus_grows_and_other_plans_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    write_scenes(replace(PLAN, scenes=5), out)
    grown, _ = write_scenes(replace(PLAN, scenes=9), out)
    assert grown.recordings.height == 9
    whole, _ = write_scenes(replace(PLAN, scenes=9), tmp_path / "whole")
    assert steady(out) == steady(tmp_path / "whole")
    assert grown.digest == whole.digest
    with pytest.raises(UsageError, match="it has seed = 3, this plan seed = 4"):
        write_scenes(replace(PLAN, seed=4), out)
    (out / "made.json").write_text("sede = 1")
    with pytest.raises(UsageError, match="damaged"):
        write_scenes(PLAN, out)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("x")
    with pytest.raises(UsageError, match="other things"):
        write_scenes(PLAN, mine)


def test_prompts_and_queries_are_recordings_of_one_scene(tmp_path: Path) -> None:
    plan = replace(fewshot_plan(prompt_s=2.0, query_s=1.0), scenes=3)
    corpus, _ = write_scenes(plan, tmp_path / "corpus")
    assert corpus.recordings["recording"].to_list()[:2] == ["scene-000000-prompt.flac", "scene-000000-query.flac"]
    assert corpus.recordings["part"].to_list() == ["prompt", "query"] * 3
    assert corpus.recordings["scene"].n_unique() == 3


@pytest.mark.parametrize(("rate_hz", "kind"), [(500_000, "flac"), (700_000, "wav")])
def test_any_rate_and_depth_is_written_exactly(rate_hz: int, kind: str, tmp_path: Path) -> None:
    deep = replace(PLAN, scenes=1, sample_rate_hz=rate_hz, recorder=replace(PLAN.recorder, bits=constant(24)))
    corpus, _ = write_scenes(deep, tmp_path / "corpus")
    name = f"scene-000000.{kind}"
    assert corpus.recordings["sample_rate_hz"].to_list() == [rate_hz]
    found, made = read(corpus.file(name)).samples, SceneGenerator(deep).scene(0).waveform
    assert np.abs(found - made).max() <= 2.0**-24


def test_scenes_that_cannot_be_are_listed_and_the_rest_is_there(tmp_path: Path) -> None:
    plan = replace(short_calls(dry_plan(4.0), 20, 0.0), scenes=6)
    plan = replace(plan, calls=replace(plan.calls, overlap_ratio=None, events=None))
    some = short_calls(plan, 24, 0.0)
    some = replace(some, calls=replace(some.calls, overlap_ratio=uniform(0.0, 18.0)))
    corpus, failures = write_scenes(some, tmp_path / "some")
    assert 0 < len(failures) < 6
    assert corpus.recordings.height == 6 - len(failures)
    assert all(failure.item.startswith("scene ") for failure in failures)
    again, same = write_scenes(some, tmp_path / "some")
    assert [failure.item for failure in same] == [failure.item for failure in failures]
    assert again.digest == corpus.digest
    with pytest.raises(NothingDoneError, match="none of 6 scenes"):
        write_scenes(short_calls(plan, 80, 0.0), tmp_path / "none")
