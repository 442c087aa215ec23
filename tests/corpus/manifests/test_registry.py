"""Which archive a manifest is of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tymbal.corpus.manifests.registry import READERS, find_reader
from tymbal.errors import AnnotationError


def test_a_table_of_nobody_is_refused_with_what_each_reader_looks_for(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("recording,site\na.wav,here\n")
    with pytest.raises(AnnotationError, match="its columns: recording, site") as error:
        find_reader(tmp_path / "x.csv")
    assert all(reader.name in str(error.value) for reader in READERS)
    with pytest.raises(AnnotationError, match="no such manifest"):
        find_reader(tmp_path / "y.csv")
