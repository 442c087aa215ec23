"""Every known key layout. A new one is a table in its encoder's file and a name here."""

from __future__ import annotations

from tymbal.encoders.loading.layout import Layout
from tymbal.encoders.loading.layouts.beats import BEATS
from tymbal.encoders.loading.layouts.cnn14 import CNN14
from tymbal.encoders.loading.layouts.efficientnet import TIMM, TORCHVISION
from tymbal.encoders.loading.layouts.hubert import FAIRSEQ, TORCHAUDIO, TRANSFORMERS
from tymbal.encoders.loading.layouts.vit import BIRDMAE, EAT, EAT_FAIRSEQ

LAYOUTS: tuple[Layout, ...] = (
    BEATS,
    FAIRSEQ,
    TORCHAUDIO,
    TRANSFORMERS,
    EAT,
    EAT_FAIRSEQ,
    BIRDMAE,
    TORCHVISION,
    TIMM,
    CNN14,
)

__all__ = ["LAYOUTS"]
