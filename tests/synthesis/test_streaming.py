"""Streams: in order, from any index on, the same with workers as without."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.synthesis.plans import dry_plan, short_calls

from tymbal.errors import ConfigError, DataError, TymbalError
from tymbal.synthesis import SceneGenerator, ScenePlan, fewshot_plan, stream_scenes

PLAN = ScenePlan(scenes=11, seed=4)


def test_a_stream_is_the_scenes_in_order_and_resumes_anywhere() -> None:
    generator = SceneGenerator(PLAN)
    whole = [scenes[0] for scenes in stream_scenes(PLAN, stop=6)]
    assert [scene.index for scene in whole] == list(range(6))
    assert [scene.waveform.tobytes() for scene in whole] == [generator.scene(at).waveform.tobytes() for at in range(6)]
    rest = [scenes[0] for scenes in stream_scenes(PLAN, start=4, stop=6)]
    assert [scene.waveform.tobytes() for scene in rest] == [scene.waveform.tobytes() for scene in whole[4:]]
    assert [scenes[0].index for scenes in stream_scenes(PLAN, start=9)] == [9, 10]
    assert list(stream_scenes(PLAN, start=11)) == []
    prompt, query = next(stream_scenes(fewshot_plan(prompt_s=2.0, query_s=1.0)))
    assert (prompt.part, query.part) == ("prompt", "query")


def test_workers_give_the_same_in_the_same_order() -> None:
    alone = [scenes[0].waveform.tobytes() for scenes in stream_scenes(PLAN)]
    together = [scenes[0].waveform.tobytes() for scenes in stream_scenes(PLAN, workers=2)]
    assert together == alone


def test_what_cannot_be_made_is_raised_when_its_turn_comes() -> None:
    with pytest.raises(ConfigError, match="seed"):
        next(stream_scenes(replace(PLAN, seed=-1)))
    with pytest.raises(DataError, match="overlap ratio"):
        next(stream_scenes(short_calls(dry_plan(2.0), 130, 0.0)))


def test_an_error_in_a_worker_names_its_scene() -> None:
    from tymbal.jobs import SerialExecutor

    stream = stream_scenes(short_calls(dry_plan(2.0), 130, 0.0), start=5, executor=SerialExecutor())
    with pytest.raises(TymbalError, match=r"scene 5: .*overlap ratio"):
        next(stream)
