"""Make tests/golden/hubert_{group,layer}.safetensors with transformers' HubertModel.

    python -m venv /tmp/oracle
    /tmp/oracle/bin/pip install torch==2.13.0 transformers==5.23.0 numpy safetensors
    /tmp/oracle/bin/python tests/golden/make_hubert.py

Each file holds a small model with random weights under transformers' names (`weights.…`), two waveforms, its projected
features and every block's output (hidden states), and in the metadata the configuration. Numbers only.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import HubertConfig, HubertModel

SIZES = {
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "conv_dim": [24] * 7,
    "num_conv_pos_embeddings": 32,
    "num_conv_pos_embedding_groups": 4,
}
VARIANTS = {
    "group": {"feat_extract_norm": "group", "conv_bias": False, "do_stable_layer_norm": False},
    "layer": {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True},
}


def main() -> None:
    here = Path(__file__).parent
    for name, variant in VARIANTS.items():
        torch.manual_seed(1)
        config = HubertConfig(**SIZES, **variant)
        model = HubertModel(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():  # no parameter at a neutral value: each must be in its place
                parameter.add_(0.05 * torch.randn_like(parameter))
        waveform = 0.3 * torch.randn(2, 7777)
        with torch.no_grad():
            features = model.feature_extractor(waveform).transpose(1, 2)
            projected = model.feature_projection(features)
            blocks: list[torch.Tensor] = []
            for layer in model.encoder.layers:
                layer.register_forward_hook(
                    lambda module, args, out, blocks=blocks: blocks.append(out[0] if isinstance(out, tuple) else out)
                )
            final = model(waveform).last_hidden_state
        tensors = {f"weights.{key}": value for key, value in model.state_dict().items()}
        tensors |= {"waveform": waveform, "projected": projected, "final": final}
        tensors |= {f"block{i}": block for i, block in enumerate(blocks)}
        facts = {
            key: value for key, value in config.to_dict().items() if isinstance(value, bool | int | float | str | list)
        }
        tensors = {key: value.detach().contiguous().clone() for key, value in tensors.items()}
        save_file(tensors, here / f"hubert_{name}.safetensors", metadata={"config": json.dumps(facts)})


if __name__ == "__main__":
    main()
