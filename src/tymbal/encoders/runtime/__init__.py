"""Encoders that run in fewer bits: `with_runtime(encoder, Runtime("int8"))`."""

from tymbal.encoders.runtime.options import Precision, Runtime, has_fast_bfloat16, with_runtime

__all__ = ["Precision", "Runtime", "has_fast_bfloat16", "with_runtime"]
