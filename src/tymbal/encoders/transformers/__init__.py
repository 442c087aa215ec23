"""Encoders made of the transformers library's blocks: AST, wav2vec 2.0, WavLM, Data2Vec (the `transformers` extra).

Front ends, masks, layers and time grids are ours; of the library only modules and its reader of weights are used, from
a local folder, never code that came with the weights.
"""

from tymbal.encoders.transformers.folder import load_folder, wrapper_for

__all__ = ["load_folder", "wrapper_for"]
