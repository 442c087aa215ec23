"""Examples, good and bad."""

from __future__ import annotations

import polars as pl
import pytest

from tymbal.annotations import make_events
from tymbal.errors import DataError, UsageError
from tymbal.fewshot import make_prompts

LENGTHS = {"a.wav": 10.0, "b.wav": 5.0}
Row = tuple[str, float | None, float | None, str | None]


def table(rows: list[Row], **more: list[object]) -> pl.DataFrame:
    names, onsets, offsets, labels = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns = {"recording": names, "onset_s": onsets, "offset_s": offsets, "label": labels, **more}
    return make_events(pl.DataFrame({name: pl.Series(list(each)) for name, each in columns.items()}, strict=False))


def test_each_label_gets_a_prompt_with_the_others_as_counter_examples() -> None:
    rows: list[Row] = [
        ("a.wav", 3.0, 3.5, "x"),
        ("a.wav", 1.0, 1.5, "x"),
        ("b.wav", 1.0, 2.0, "y"),
        ("a.wav", 7, 8, "UNK"),
    ]
    (first, second), faults = make_prompts(table(rows), LENGTHS)
    assert (first.label, [shot.onset_s for shot in first.shots]) == ("x", [1.0, 3.0])
    assert [shot.recording for shot in first.negatives] == ["b.wav"]
    assert [shot.onset_s for shot in first.unknown] == [7.0]
    assert len(second.negatives) == 2
    assert faults == ()


def test_a_table_without_labels_is_of_one_label() -> None:
    (prompt,), _ = make_prompts(table([("a.wav", 1.0, 2.0, None)]), LENGTHS)
    assert prompt.label == "event"


def test_the_first_shots_are_used_and_later_ones_are_unknown() -> None:
    rows: list[Row] = [("a.wav", float(at), at + 0.5, "x") for at in range(6)]
    (prompt,), _ = make_prompts(table(rows), LENGTHS, shots=4)
    assert [shot.onset_s for shot in prompt.shots] == [0, 1, 2, 3]
    assert [shot.onset_s for shot in prompt.unknown] == [4, 5]
    with pytest.raises(UsageError, match="7 examples of 'x' were asked for, and there are 6"):
        make_prompts(table(rows), LENGTHS, shots=7)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("a.wav", 2.0, 2.0, "x"), "has no length"),
        (("a.wav", 3.0, 2.0, "x"), "ends before it begins"),
        (("a.wav", 10.0, 11.0, "x"), "outside the recording, which is 10.000 s long"),
        (("a.wav", -2.0, 0.0, "x"), "outside the recording"),
        (("a.wav", None, 1.0, "x"), "has no begin or no end"),
    ],
)
def test_an_example_that_cannot_be_is_left_out_and_named(row: Row, said: str) -> None:
    with pytest.raises(DataError, match=said):
        make_prompts(table([row]), LENGTHS)
    (prompt,), faults = make_prompts(table([("b.wav", 1.0, 2.0, "x"), row]), LENGTHS)
    assert len(prompt.shots) == 1
    assert said in faults[0].message


def test_an_example_over_the_edge_is_cut_there() -> None:
    (prompt,), faults = make_prompts(table([("a.wav", -0.5, 1.0, "x"), ("b.wav", 4.5, 5.5, "x")]), LENGTHS)
    assert [(shot.onset_s, shot.offset_s) for shot in prompt.shots] == [(0.0, 1.0), (4.5, 5.0)]
    assert [fault.code for fault in faults] == ["clipped", "clipped"]


def test_twins_are_one_and_overlapping_ones_are_told() -> None:
    rows: list[Row] = [("a.wav", 1.0, 2.0, "x"), ("a.wav", 1.0, 2.0, "x"), ("a.wav", 1.5, 2.5, "x")]
    (prompt,), faults = make_prompts(table(rows), LENGTHS)
    assert len(prompt.shots) == 2
    assert [fault.code for fault in faults] == ["twice", "overlapping"]


def test_no_example_unknown_label_and_only_unknown_rows_are_told() -> None:
    with pytest.raises(DataError, match="there is no example in the table"):
        make_prompts(table([]), LENGTHS)
    with pytest.raises(UsageError, match=r"no example is labelled 'z' \(allowed: x\)"):
        make_prompts(table([("a.wav", 1.0, 2.0, "x")]), LENGTHS, labels=["z"])
    with pytest.raises(DataError, match="no example of the table can be used"):
        make_prompts(table([("a.wav", 1.0, 2.0, "UNK")]), LENGTHS)
    with pytest.raises(UsageError, match="labelled 'UNK' are neither examples nor counter-examples"):
        make_prompts(table([("a.wav", 1.0, 2.0, "UNK")]), LENGTHS, labels=["UNK"])


def test_marks_add_examples_and_counter_examples() -> None:
    rows: list[Row] = [("a.wav", 1.0, 2.0, "x"), ("a.wav", 4.0, 5.0, "x")]
    found: list[Row] = [
        ("a.wav", 1.05, 2.0, "x"),
        ("a.wav", 6.0, 7.0, "x"),
        ("b.wav", 1.0, 2.0, "x"),
        ("b.wav", 3, 4, "x"),
    ]
    marked = table(found, mark=["right", "POS", "wrong", None])
    (prompt,), _ = make_prompts(table(rows), LENGTHS, marked=marked)
    (with_others, _), _ = make_prompts(table([*rows, ("a.wav", 8.0, 9.0, "y")]), LENGTHS, marked=marked)
    assert [shot.onset_s for shot in with_others.negatives] == [1.0, 8.0], "what somebody listened to comes first"
    assert (("a.wav", 6.0) in {(shot.recording, shot.onset_s) for shot in prompt.shots}) is True
    assert [(shot.recording, shot.onset_s) for shot in prompt.negatives] == [("b.wav", 1.0)]
    with pytest.raises(DataError, match="no column 'mark'"):
        make_prompts(table(rows), LENGTHS, marked=table(found))
    with pytest.raises(DataError, match="'maybe' is neither right nor wrong"):
        make_prompts(table(rows), LENGTHS, marked=table(found, mark=["maybe", None, None, None]))
    with pytest.raises(DataError, match="no row has a mark"):
        make_prompts(table(rows), LENGTHS, marked=table(found, mark=["", None, None, None]))


def test_an_example_that_is_found_again_and_marked_is_one_example() -> None:
    """Its twin would be looked for by itself: the example left out is then always found."""
    rows: list[Row] = [("a.wav", 1.0, 2.0, "x"), ("a.wav", 4.0, 5.0, "x")]
    found: list[Row] = [("a.wav", 1.05, 2.0, "x"), ("a.wav", 6.0, 7.0, "x"), ("a.wav", 6.1, 7.0, "x")]
    marked = table(found, mark=["right", "right", "right"])
    for channel in (None, 2):  # what find wrote is about the mix
        examples = table(rows, channel=[channel, channel])
        (prompt,), faults = make_prompts(examples, LENGTHS, marked=marked)
        assert [shot.onset_s for shot in prompt.shots] == [1.0, 4.0, 6.0]
        assert faults == ()
        wrong = table([("a.wav", 1.05, 2.0, "x"), ("b.wav", 1.0, 2.0, "x")], mark=["wrong", "wrong"])
        (prompt,), (fault,) = make_prompts(examples, LENGTHS, marked=wrong)
        assert (fault.code, len(prompt.shots)) == ("contradiction", 2)
        assert [shot.recording for shot in prompt.negatives] == ["b.wav"]


def test_marked_rows_that_cannot_be_used_are_told() -> None:
    rows, outside = table([("a.wav", 1.0, 2.0, "x")]), table([("a.wav", 20.0, 21.0, "x")], mark=["right"])
    with pytest.raises(DataError, match=r"no marked row can be used.*outside the recording, which is 10\.000 s"):
        make_prompts(rows, LENGTHS, marked=outside)


def test_a_label_that_is_not_looked_for_is_told() -> None:
    rows = table([("a.wav", 1.0, 2.0, "x"), ("a.wav", 4.0, 4.0, "y")])
    for labels in ((), ("y", "x")):
        prompts, faults = make_prompts(rows, LENGTHS, labels=labels)
        assert [prompt.label for prompt in prompts] == ["x"]
        assert faults[-1].message == "no example of 'y' can be used: it is not looked for"


def test_bands_that_the_recording_cannot_hold_or_that_are_next_to_none_are_told() -> None:
    rows: list[Row] = [("a.wav", 1.0, 2.0, "x"), ("a.wav", 4.0, 5.0, "x")]
    examples = table(rows, low_hz=[2.0, 2000.0], high_hz=[3.0, 20_000.0])
    (prompt,), faults = make_prompts(examples, LENGTHS, rates_hz={"a.wav": 16_000})
    assert [fault.code for fault in faults] == ["narrow_band", "band_cut"]
    assert "Were these kHz?" in faults[0].message
    assert [shot.high_hz for shot in prompt.shots] == [3.0, 8000.0]


def test_a_marked_row_without_a_label_is_of_the_one_that_is_looked_for() -> None:
    """Whoever adds a missed call to a table may leave its label empty: it is no counter-example then."""
    rows: list[Row] = [("a.wav", 1.0, 2.0, "x")]
    added: list[Row] = [("a.wav", 6.0, 7.0, None), ("b.wav", 1.0, 2.0, "UNK")]
    marked = table(added, mark=["right", "right"])
    (prompt,), _ = make_prompts(table(rows), LENGTHS, marked=marked)
    assert [shot.onset_s for shot in prompt.shots] == [1.0, 6.0]
    assert (prompt.negatives, [shot.recording for shot in prompt.unknown]) == ((), ["b.wav"])
    (first, _), faults = make_prompts(table([*rows, ("a.wav", 4.0, 5.0, "y")]), LENGTHS, marked=marked)
    assert [shot.onset_s for shot in first.negatives] == [4.0]
    assert "has a mark and no label, and several are looked for; left out" in faults[-1].message
