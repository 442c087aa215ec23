"""What a file of weights looks like when no key layout fits it."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Pattern of a telling key -> what such a file is, and the encoder that takes such weights.
LOOKS = (
    (r"(.*\.)?encoder\.layers\.0\.attention\.gru_rel_pos_linear\.weight", "WavLM", "wavlm"),
    (r"(.*\.)?encoder\.pos_conv_embed\.layers\.0\.conv\.weight", "Data2Vec audio", "data2vec"),
    (r"(audio_spectrogram_transformer\.)?embeddings\.patch_embeddings\.projection\.weight", "AST", "ast"),
    (r"(.*\.)?audio_encoder\.patch_embed\.proj\.weight", "CLAP", ""),
    (r"(.*\.)?encoder\.layers\.0\.self_attn\.k_proj\.weight", "Whisper or another speech transformer", ""),
    (r"(.*\.)?pre_conv0\.weight", "a PANNs network on the waveform", ""),
    (r"(.*\.)?features\.0\.0\.weight", "a torchvision network, but no EfficientNet-B0 or B1", ""),
    (r"(.*\.)?conv_stem\.weight", "a timm network, but no EfficientNet-B0 or B1", ""),
    (r"(.*\.)?layer1\.0\.conv1\.weight", "a ResNet", ""),
    (r"(.*\.)?stages\.0\..*", "a ConvNeXt or Swin network", ""),
)


def looks_like(keys: Iterable[str]) -> tuple[str, str]:
    """What keys belong to and the encoder for it, as far as the names tell; the first few keys otherwise."""
    keys = list(keys)
    for pattern, what, encoder in LOOKS:
        if any(re.fullmatch(pattern, key) for key in keys):
            return what, encoder
    return f"weights under names not known here ({', '.join(keys[:4])}, …)", ""
