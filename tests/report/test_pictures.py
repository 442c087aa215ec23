"""Mel pictures drawn."""

from __future__ import annotations

import io

import numpy as np
import torch
from matplotlib import colormaps
from PIL import Image

from tymbal.encoders.pictures import PictureConfig
from tymbal.report.pictures import draw_pictures


def test_pictures_are_drawn_on_one_scale_and_repeat() -> None:
    config = PictureConfig(bands=16, high_hz=4000.0)
    shown = {"silence": torch.full((60, 16), -2.0), "loud": torch.full((60, 16), 2.0), "half": torch.zeros(60, 16)}
    drawn = draw_pictures(shown, config)
    assert drawn == draw_pictures(shown, config)
    pixels = np.asarray(Image.open(io.BytesIO(drawn)).convert("RGB")).astype(int)
    for wanted in colormaps["magma"]([0.0, 0.5, 1.0], bytes=True)[:, :3].astype(int):
        assert (np.abs(pixels - wanted).sum(2) <= 24).sum() > 10_000  # a panel of each
    assert len(draw_pictures({"one": shown["half"]}, config, across=1)) < len(drawn)
