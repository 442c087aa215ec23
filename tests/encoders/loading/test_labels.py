from __future__ import annotations

import pytest

from tymbal.encoders.loading import read_labels
from tymbal.errors import EncoderError


@pytest.mark.parametrize(
    "data",
    [
        ["owl", "wren"],
        {"owl": 0, "wren": 1},
        {"wren": 1, "owl": 0},
        {"0": "owl", "1": "wren"},
        {1: "wren", 0: "owl"},
        {"label_to_index": {"owl": 0, "wren": 1}, "version": "2"},
        {"id2label": {"1": "wren", "0": "owl"}},
        {"labels": ["owl", "wren"]},
    ],
)
def test_label_files_of_every_shape(data: object) -> None:
    assert read_labels(data, where="x") == ("owl", "wren")


def test_ten_and_more_are_in_order_of_number() -> None:
    assert read_labels({str(i): f"l{i}" for i in reversed(range(12))}, where="x")[10] == "l10"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"owl": 0, "wren": 2}, "do not run from 0 to 1"),
        ({"owl": 0, "wren": 0}, "do not run"),
        ({"owl": "bird"}, "neither by number"),
        (3, "labels in a int"),
        ([1, 2], "labels in a list"),
    ],
)
def test_others_are_refused(data: object, message: str) -> None:
    with pytest.raises(EncoderError, match=message):
        read_labels(data, where="x")
