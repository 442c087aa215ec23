"""Encoders that run in fewer bits: `with_runtime(encoder, Runtime("int8"))`."""

from tymbal.encoders.runtime.options import Precision, Runtime, with_runtime

__all__ = ["Precision", "Runtime", "with_runtime"]
