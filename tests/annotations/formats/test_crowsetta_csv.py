from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tymbal.annotations import read_events
from tymbal.errors import AnnotationError


@pytest.mark.parametrize("name", ["example_custom_format", "notmat_gy6or6_032312", "invalid_fields_in_header"])
def test_real_files(data: Callable[[str], Path], name: str) -> None:
    path = data("annotation_formats") / f"files/crowsetta_csv/{name}.csv"
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    read = read_events(path)
    assert read.format == "crowsetta-csv"
    assert read.events["label"].to_list() == [line.split(",")[0] for line in lines]
    assert read.events["recording"].to_list() == [line.split(",")[3] for line in lines]
    codes = [fault.code for fault in read.faults if fault.code != "duplicate"]
    assert codes == (["unknown_column"] if name.startswith("invalid") else [])


@pytest.mark.parametrize(
    ("name", "column"), [("missing_fields_in_header", "label"), ("no_onset_or_offset_column", "onset_s")]
)
def test_files_made_wrong_on_purpose(data: Callable[[str], Path], name: str, column: str) -> None:
    path = data("annotation_formats") / f"files/crowsetta_csv/{name}.csv"
    with pytest.raises(AnnotationError, match=f"needs the column '{column}'") as caught:
        read_events(path)
    assert path.name in str(caught.value)


def test_another_label_column_can_stand_in(data: Callable[[str], Path]) -> None:
    path = data("annotation_formats") / "files/crowsetta_csv/missing_fields_in_header.csv"
    read = read_events(path, label_column="annotation")
    assert read.events.height == len(path.read_text(encoding="utf-8").splitlines()) - 1
    assert set(read.events["label"]) == {str(number) for number in range(10)}
