from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tymbal.annotations import read_events
from tymbal.errors import AnnotationError


def test_real_files_against_the_csv_of_another_program(data: Callable[[str], Path]) -> None:
    """crowsetta's CSV holds the same syllables, times rounded to a millisecond."""
    folder = data("annotation_formats") / "files"
    other = read_events(folder / "crowsetta_csv/notmat_gy6or6_032312.csv").events
    paths = sorted((folder / "notmat").iterdir())
    assert len(paths) == 3
    for path in paths:
        read = read_events(path)
        recording = path.name.removesuffix(".not.mat")
        same = other.filter(other["recording"] == recording)
        assert read.format == "notmat"
        assert read.form is None
        assert set(read.events["recording"]) == {recording}
        assert read.events["label"].to_list() == same["label"].to_list()
        np.testing.assert_allclose(read.events["onset_s"], same["onset_s"], atol=6e-4)
        np.testing.assert_allclose(read.events["offset_s"], same["offset_s"], atol=6e-4)


def test_damaged_files_are_refused(data: Callable[[str], Path], tmp_path: Path) -> None:
    whole = (data("annotation_formats") / "files/notmat/gy6or6_baseline_230312_0808.138.cbin.not.mat").read_bytes()
    path = tmp_path / "x.not.mat"
    for damaged in (whole[:200], whole[: len(whole) // 2], whole[:128], whole[:130] + b"\xff" * 400):
        path.write_bytes(damaged)
        with pytest.raises(AnnotationError, match=r"not\.mat"):
            read_events(path)


def test_files_without_the_fields_are_refused(tmp_path: Path) -> None:
    from scipy.io import savemat

    savemat(tmp_path / "x.not.mat", {"onsets": [1.0], "labels": "a"})
    with pytest.raises(AnnotationError, match="no field 'offsets'"):
        read_events(tmp_path / "x.not.mat")
    savemat(tmp_path / "x.not.mat", {"onsets": [1.0], "offsets": [2.0], "labels": "ab"})
    with pytest.raises(AnnotationError, match="1 onsets, 1 offsets and 2 labels"):
        read_events(tmp_path / "x.not.mat")


def test_one_syllable_and_a_blank_label(tmp_path: Path) -> None:
    from scipy.io import savemat

    savemat(tmp_path / "x.not.mat", {"onsets": 1000.0, "offsets": 1500.0, "labels": " "})
    read = read_events(tmp_path / "x.not.mat")
    assert read.events.select("onset_s", "offset_s", "label").row(0) == (1.0, 1.5, " ")
