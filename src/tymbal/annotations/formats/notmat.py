"""evsonganaly .not.mat files: onsets and offsets in milliseconds, one character of label per syllable.

Read with SciPy's reader of MATLAB 5 files, which executes nothing. The recording is the file name without
".not.mat"; other fields of the file do not ride along.
"""

from __future__ import annotations

import io
import zlib

import numpy as np
import polars as pl

from tymbal.annotations.formats.base import Format
from tymbal.annotations.source import Reading, Source


def sniff(source: Source) -> float:
    """1 for a MATLAB file whose name says .not.mat, 0.3 for any other."""
    if not source.data.startswith(b"MATLAB"):
        return 0.0
    return 1.0 if source.name.lower().endswith(".not.mat") else 0.3


def read(source: Source) -> Reading:
    """Read the syllables; AnnotationError where the file is damaged or has no onsets, offsets and labels."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    mend = "Check that this is a .not.mat file of evsonganaly, saved as MATLAB 5 (-v7)."
    try:
        fields = loadmat(io.BytesIO(source.data), variable_names=["onsets", "offsets", "labels"])
    except (
        *(MatReadError, zlib.error, ValueError, TypeError, OSError, NotImplementedError, EOFError, KeyError),
        *(IndexError, MemoryError),  # a damaged size asks for more memory than there is
    ) as error:
        raise source.error(f"a damaged or unknown MATLAB file ({type(error).__name__})", mend=mend) from error
    missing = [name for name in ("onsets", "offsets", "labels") if name not in fields]
    if missing:
        raise source.error(f"no field {missing[0]!r}", allowed="onsets, offsets, labels", mend=mend)
    try:
        onsets, offsets = (np.asarray(fields[name], dtype=np.float64).ravel() / 1000 for name in ("onsets", "offsets"))
    except (TypeError, ValueError) as error:
        raise source.error("onsets or offsets are no numbers", mend=mend) from error
    labels = list("".join(str(part) for part in np.asarray(fields["labels"]).ravel()))
    if len(onsets) != len(offsets) or len(onsets) != len(labels):
        raise source.error(
            f"{len(onsets)} onsets, {len(offsets)} offsets and {len(labels)} labels", mend="Label the file again."
        )
    columns = {
        "onset_s": pl.Series(onsets),
        "offset_s": pl.Series(offsets),
        "label": pl.Series(labels, dtype=pl.String),
    }
    return Reading(columns)


FORMAT = Format("notmat", (".not.mat",), sniff, read, "evsonganaly .not.mat (birdsong syllables)")
