"""Pictures of scenes: one panel each, boxes in the colour of their truth."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from tymbal.report.scenes import COLOURS, draw_scenes
from tymbal.synthesis import Part, SceneGenerator, ScenePlan


def test_scenes_are_drawn_with_their_boxes_the_same_each_time() -> None:
    plan = ScenePlan(seed=1, parts=(Part(duration_s=4.0),))
    plan = replace(plan, calls=replace(plan.calls, events=replace(plan.levels.snr_db, uniform=None, constant=9.0)))
    generator = SceneGenerator(plan)
    scenes = [generator.scene(index) for index in range(3)]
    kinds = {call.truth for scene in scenes for call in scene.calls}
    assert {"POS", "NEG"} <= kinds
    found = draw_scenes(scenes)
    assert found == draw_scenes(scenes)
    pixels = np.asarray(Image.open(io.BytesIO(found)).convert("RGB")).astype(int)
    assert pixels.shape[1] == 1200
    for kind in kinds:
        near = np.abs(pixels - np.round(255 * np.array(to_rgb(COLOURS[kind])))).sum(axis=2) < 60
        assert near.sum() > 100
    assert len(draw_scenes(scenes[:1], across=1)) < len(found)
