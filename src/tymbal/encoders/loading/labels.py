"""Labels of a published classifier head, from the shapes in which label files come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tymbal.errors import EncoderError

_INNER = ("label_to_index", "label2id", "label_map", "class_to_idx", "index_to_label", "id2label", "labels")


def read_labels(data: Any, *, where: object) -> tuple[str, ...]:
    """Labels in class order.

    Takes a list; label -> number; number -> label; or one of these under a usual name. Numbers must run from 0
    without gaps. Raises EncoderError otherwise.
    """
    if isinstance(data, Mapping):
        for name in _INNER:
            if isinstance(data.get(name), Mapping | list | tuple):
                return read_labels(data[name], where=where)
        if all(_is_number(value) for value in data.values()):
            pairs = [(int(value), str(key)) for key, value in data.items()]
        elif all(_is_number(key) for key in data):
            pairs = [(int(key), str(value)) for key, value in data.items()]
        else:
            raise EncoderError("labels are neither by number nor numbers by label", where=where)
        if sorted(number for number, _ in pairs) != list(range(len(pairs))):
            raise EncoderError(
                f"the numbers of {len(pairs)} labels do not run from 0 to {len(pairs) - 1}",
                where=where,
                mend="Check the label file.",
            )
        return tuple(label for _, label in sorted(pairs))
    if isinstance(data, list | tuple) and all(isinstance(label, str) for label in data):
        return tuple(data)
    raise EncoderError(
        f"labels in a {type(data).__name__}", where=where, allowed="a list, label -> number, or number -> label"
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit()
    return isinstance(value, int) and not isinstance(value, bool)
