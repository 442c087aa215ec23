"""The baseline: what it finds and what it does not mend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.fewshot.conftest import ONSETS, RATE, make_sound, prompt_of

from tymbal.errors import DataError
from tymbal.fewshot import Prompt, TemplateMatching


def test_template_matching_finds_what_is_the_same_again(chirps: Path, tmp_path: Path) -> None:
    model = TemplateMatching.fit(prompt_of(chirps))
    assert 0 < model.threshold <= 1
    soundfile.write(tmp_path / "same.wav", make_sound(ONSETS, 20.0), RATE, subtype="FLOAT")
    events = model.predict(tmp_path / "same.wav")
    near = [min(abs(row - onset) for onset in ONSETS) < 0.1 for row in events["onset_s"].to_list()]
    assert sum(near) >= 3
    assert np.all(events["score"].to_numpy() >= model.threshold - 1e-6)
    soundfile.write(tmp_path / "none.wav", np.zeros(RATE), RATE)
    assert model.predict(tmp_path / "none.wav").height == 0


def test_one_example_has_the_fixed_threshold_and_none_is_refused(chirps: Path) -> None:
    assert TemplateMatching.fit(prompt_of(chirps, ONSETS[:1])).threshold == 0.5
    with pytest.raises(DataError, match="no example of 'x'"):
        TemplateMatching.fit(Prompt("x", ()))
