from __future__ import annotations

import pytest
from pydantic import ValidationError

from tymbal.annotations.formats.aoef_models import ClipAnnotation, Data, File, Tag


def test_fields_we_do_not_use_are_ignored_and_missing_lists_are_empty() -> None:
    file = File.model_validate({"version": "9", "data": {"collection_type": "dataset", "new_field": 1}})
    assert isinstance(file.data, Data)
    assert file.data.recordings == []
    assert file.data.tasks is None


def test_a_tag_needs_its_number() -> None:
    with pytest.raises(ValidationError, match="id"):
        Tag.model_validate({"key": "a", "value": "b"})


def test_null_is_as_good_as_missing() -> None:
    data = Data.model_validate({"collection_type": "annotation_project", "clip_annotations": None, "tasks": None})
    assert data.clip_annotations == []
    annotation = {"uuid": "u", "clip": "c", "tags": None}  # as whombat writes it, see bats_neotropical
    assert ClipAnnotation.model_validate(annotation).tags == []
