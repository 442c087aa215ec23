from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.annotations.formats.helpers import put

from tymbal.annotations import read_events, within_coverage
from tymbal.errors import AnnotationError


def test_the_real_file_against_its_curated_copy(data: Callable[[str], Path]) -> None:
    folder = data("bengalese_finch_song")
    path = folder / "annotations/Bird0_Annotation.xml"
    read = read_events(path)
    assert read.format == "birdsong-xml"
    assert read.events.height == path.read_text(encoding="utf-8").count("<Note>")
    assert within_coverage(read.events, read.coverage).height == read.events.height
    curated = read_events(folder / "annotations.csv").events
    curated = curated.filter(curated["recording"] == "audio/Bird0_0.flac")
    mine = read.events.filter(read.events["recording"] == "0.wav")
    assert mine["label"].to_list() == curated["label"].to_list()
    np.testing.assert_allclose(mine["onset_s"], curated["onset_s"], atol=6e-4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<Sequences><Sequence><WaveFileName>0.wav</WaveFileName>", "damaged XML"),
        ("<Sequences><Sequence><Position>x</Position></Sequence></Sequences>", "damaged XML"),
        ("<Sequences><Sequence></Sequence></Sequences>", "Position or Length is missing"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><Sequences></Sequences>', "document type is refused"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(AnnotationError, match=said):
        read_events(put(tmp_path, text, "x.xml"))
