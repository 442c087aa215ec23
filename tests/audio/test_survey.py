"""Many files at once: order kept, the bad one a row, the same answer from one process and from two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tymbal.audio import survey
from tymbal.jobs import PlainLines


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    made = []
    for number in range(5):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, np.full(800, 0.1 * number), 8000)
        made.append(path)
    made[2].write_bytes(b"")
    return made


@pytest.mark.parametrize("deep", [False, True])
def test_order_is_kept_and_a_bad_file_is_a_row(files: list[Path], deep: bool) -> None:
    found, failed = survey(files, deep=deep, workers=1)
    assert [Path(info.path).name for info in found] == ["0.wav", "1.wav", "3.wav", "4.wav"]
    assert [(row.item, row.error) for row in failed] == [(str(files[2]), "AudioError")]
    assert any(fault.code == "all_zeros" for fault in found[0].faults) == deep


def test_two_processes_say_the_same(files: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert survey(files, deep=True, workers=2, progress=PlainLines()) == survey(files, deep=True, workers=1)
    assert "5/5" in capsys.readouterr().err
