"""Crops of pre-training, what is hidden of them, and views of them: python views.py OUT.png (beside the stores)"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from tymbal.encoders.pictures import PictureConfig
from tymbal.pretraining import Crops, SourceConfig, open_source
from tymbal.pretraining.masking import hidden_spans, stretch
from tymbal.pretraining.views import ViewsConfig, view
from tymbal.report.pictures import draw_pictures

CROPS, FRAMES, STRIDE, BRIGHT = 6, 200, 4, 2.0

if __name__ == "__main__":
    torch.manual_seed(4)
    sources = [open_source(SourceConfig(store), Path()) for store in ("wild.pictures", "esc.pictures")]
    crops = Crops(sources, frames=FRAMES, examples=CROPS)
    pictures, real, _ = crops.batch(torch.arange(CROPS))
    hidden = stretch(hidden_spans(real[:, ::STRIDE], share=0.5, span=5), STRIDE, FRAMES)
    columns = {
        "the crop": pictures,
        "half hidden (bright)": torch.where(hidden.unsqueeze(-1), BRIGHT, pictures),
        "a view": view(pictures, ViewsConfig(), real),
        "another": view(pictures, ViewsConfig(), real),
        "nothing mixed in": view(pictures, ViewsConfig(mixed=0.0), real),
    }
    panels = {f"{name}, {row}": each[row] for row in range(CROPS) for name, each in columns.items()}
    Path(sys.argv[1]).write_bytes(draw_pictures(panels, PictureConfig(), across=len(columns), dpi=50))
