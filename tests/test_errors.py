"""Every error says what, where, allowed and mend, and survives the way between processes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from tymbal import errors
from tymbal.errors import Fault, MissingExtraError, TymbalError, UsageError, require

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TymbalError)]


def test_the_message_has_every_part_in_one_line() -> None:
    error = UsageError("hop is 0", where="FrameGrid", allowed="1 or more", mend="Give another hop.")
    assert str(error) == "FrameGrid: hop is 0 (allowed: 1 or more). Give another hop."
    assert str(UsageError("hop is 0")) == "hop is 0"
    assert str(UsageError("hop is 0", where=0)) == "0: hop is 0"
    assert error.args == (str(error),)


def test_a_parameter_is_told_by_the_name_its_reader_knows() -> None:
    error = UsageError("segment_s is -1", where="embed", allowed="above 0", parameter="segment_s")
    assert str(error) == "embed: segment_s is -1 (allowed: above 0)"
    assert error.told("--segment") == "--segment is -1 (allowed: above 0)"
    error = UsageError("no layer 'x'", parameter="layers", mend="Ask for another.")
    assert str(error) == "layers: no layer 'x'. Ask for another."
    assert error.told("--layers") == "--layers: no layer 'x'. Ask for another."
    assert UsageError("no", where=Path("a.csv"), parameter="label").told("--label") == "a.csv: --label: no"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_errors_cross_processes_whole(kind: type[TymbalError]) -> None:
    error = kind("what", where="file.wav", allowed=("a", "b"), mend="Mend it.", parameter="x")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (again.what, again.where, again.allowed, again.mend) == ("what", "file.wav", ("a", "b"), "Mend it.")
    assert again.parameter == "x"
    assert str(again) == str(error)


def test_exit_codes_tell_kinds_apart() -> None:
    codes = {kind.__name__: kind.exit_code for kind in KINDS}
    assert codes["UsageError"] == codes["ConfigError"] == codes["MissingExtraError"] == 2
    assert codes["AudioError"] == codes["StoreError"] == codes["RecordingChangedError"] == 3
    assert (codes["NothingDoneError"], codes["DiskFullError"]) == (5, 6)
    assert all(0 < code < 128 and code != 4 for code in codes.values())  # 4: done, but some files failed


def test_usage_errors_are_value_errors_too() -> None:
    with pytest.raises(ValueError, match="no"):
        raise UsageError("no")


def test_require_imports_or_names_the_pip_line() -> None:
    import json

    assert require("json", "report") is json
    with pytest.raises(MissingExtraError, match=r"pip install 'tymbal\[report\]'") as caught:
        require("no_such_module_anywhere", "report")
    assert isinstance(caught.value, ImportError)


def test_faults_are_values() -> None:
    assert Fault("truncated", "ends early") == Fault("truncated", "ends early")
    assert len({Fault("a", "b"), Fault("a", "b"), Fault("a", "c")}) == 2
