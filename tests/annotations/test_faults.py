from __future__ import annotations

from tymbal.annotations.faults import row_fault, rows_text, unique
from tymbal.errors import Fault


def test_rows_are_named_and_the_rest_counted() -> None:
    assert rows_text([2]) == "row 2"
    assert rows_text([2, 3]) == "rows 2 and 3"
    assert rows_text([2, 3, 4, 5, 6]) == "rows 2, 3, 4, 5 and 6"
    assert rows_text(list(range(2, 1009))) == "rows 2, 3, 4, 5, 6 and 1,002 more"


def test_a_row_fault_names_file_and_rows() -> None:
    assert row_fault("x", "t.txt", [4], "is odd") == Fault("x", "t.txt, row 4: is odd")


def test_unique_keeps_the_first_of_each() -> None:
    a, b = Fault("a", "1"), Fault("b", "2")
    assert unique([a, b, a]) == (a, b)
