"""The baseline: what it finds and what it does not mend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from tests.fewshot.conftest import CHIRP_S, ONSETS, RATE, make_sound, prompt_of

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


def test_lower_peaks_join_in_and_the_events_stay_the_same(chirps: Path) -> None:
    model = TemplateMatching.fit(prompt_of(chirps))
    found, more = model.predict(chirps), model.predict(chirps, least=0.15)
    columns = ["onset_s", "offset_s", "score"]
    above = more.filter(pl.col("score") >= model.threshold).select(columns)
    assert above.rows() == found.select(columns).rows()
    lower = more.filter(pl.col("score") < model.threshold)
    assert lower.height > 0
    assert lower["score"].min() >= 0.15
    assert more["onset_s"].is_sorted()
    for onset, offset in lower.select("onset_s", "offset_s").iter_rows():
        shared = (found["offset_s"].clip(upper_bound=offset) - found["onset_s"].clip(lower_bound=onset)).max()
        assert shared < 0.5 * CHIRP_S, "what lies on an event is no candidate of its own"


def test_one_example_has_the_fixed_threshold_and_none_is_refused(chirps: Path) -> None:
    assert TemplateMatching.fit(prompt_of(chirps, ONSETS[:1])).threshold == 0.5
    with pytest.raises(DataError, match="no example of 'x'"):
        TemplateMatching.fit(Prompt("x", ()))
