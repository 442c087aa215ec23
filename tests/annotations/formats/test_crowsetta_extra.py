from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.annotations.formats.helpers import put

from tymbal.annotations import read_events
from tymbal.errors import AnnotationError, MissingExtraError

HERE = importlib.util.find_spec("crowsetta") is not None


@pytest.mark.skipif(HERE, reason="crowsetta is installed here")
def test_without_the_package_the_pip_line_is_given(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'tymbal\[crowsetta\]'"):
        read_events(put(tmp_path, "onset_s,offset_s,label\n1,2,x\n"), format="crowsetta:simple-seq")


@pytest.mark.skipif(not HERE, reason="needs the optional package crowsetta")
@pytest.mark.filterwarnings("ignore")
def test_with_the_package_both_readers_agree(data: Callable[[str], Path]) -> None:
    path = data("annotation_formats") / "files/notmat/gy6or6_baseline_230312_0808.138.cbin.not.mat"
    ours, theirs = read_events(path).events, read_events(path, format="crowsetta:notmat").events
    assert theirs["label"].to_list() == ours["label"].to_list()
    with pytest.raises(AnnotationError, match="crowsetta knows no format 'x'"):
        read_events(path, format="crowsetta:x")
