"""A plan is one TOML file: it comes back equal, and what is wrong in it is told by file and field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tymbal.errors import ConfigError, MissingExtraError
from tymbal.synthesis import Part, ScenePlan, boxes_plan, fewshot_plan, load_plan, plan_text
from tymbal.synthesis.distributions import constant, uniform


@pytest.mark.parametrize("plan", [ScenePlan(), fewshot_plan(), boxes_plan(5)], ids=["scenes", "fewshot", "boxes"])
def test_plans_come_back_from_their_file(plan: ScenePlan, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(plan_text(plan), encoding="utf-8")
    assert load_plan(path) == plan


def test_the_bank_is_looked_for_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('bank = "cuts of \\"mine\\""\n', encoding="utf-8")
    plan = load_plan(path)
    assert plan.bank == tmp_path / 'cuts of "mine"'
    assert 'bank = "' in plan_text(plan)


def test_the_identity_is_that_of_the_sound() -> None:
    plan = ScenePlan()
    assert replace(plan, scenes=5).identity == plan.identity
    assert replace(plan, seed=1).identity != plan.identity
    assert plan.speed == 1
    assert replace(plan, sample_rate_hz=256_000).speed == 16


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sede = 1", "unknown field 'sede'"),
        ("[levels]\nsnr = 1", "unknown field 'snr' for Levels"),
        ("[levels]\nsnr_db = { unifrom = [1, 2] }", "unknown field 'unifrom' for Distribution"),
        ("[levels]\nsnr_db = 5", r"levels\.snr_db"),
        ("[levels]\nsnr_db = { uniform = [1] }", r"levels\.snr_db\.uniform"),
        ("[levels]\nsnr_db = { uniform = [0, 99] }", r"levels\.snr_db: draws from 0 to 99 \(allowed: -60 to 80\)"),
        ("[voices]\nf0_hz = { uniform = [100, 9000] }", r"voices\.f0_hz"),
        ("[voices]\nfamilies = { tine = 1 }", "unknown 'tine' .*tone"),
        ("[calls]\ntimings = { never = 1 }", r"calls\.timings: unknown 'never'"),
        ("[calls]\nedge = 2", r"calls\.edge: 2"),
        ("[calls]\nevents = { constant = -1 }", r"calls\.events"),
        ("[calls]\noverlap_ratio = { constant = -1 }", r"calls\.overlap_ratio"),
        ("[rooms]\nkinds = { cave = 1 }", "unknown 'cave'"),
        ("[recorder]\nclipped = -0.1", r"recorder\.clipped"),
        ("[annotator]\nmissed = 1", r"annotator\.missed"),
        ("[backgrounds]\nrain_db = { constant = 99 }", r"backgrounds\.rain_db"),
        ("[backgrounds]\nhum = 3", r"backgrounds\.hum: 3"),
        ("[backgrounds]\nrecorded = 0.5", "no bank"),
        ("[classes]\npool = -1", r"classes\.pool"),
        ("[classes]\npool = 3", r"classes\.distractors"),
        ("[classes]\npool = 5", r"up to 6 classes .*allowed: 5 with classes\.pool = 5"),
        ("[classes]\ntargets = { constant = 65 }", r"classes\.targets"),
        ("parts = []", "1 to 16 parts"),
        ("[[parts]]\nname = 'a b'", r"parts\.name: 'a b'"),
        ("[[parts]]\nname = 'a'\n[[parts]]\nname = 'a'", "different names"),
        ("[[parts]]\nduration_s = 0.01", r"parts\.duration_s"),
        ("[[parts]]\nempty = 1.5", "empty 1.5"),
        ("scenes = 0", "scenes is 0"),
        ("sample_rate_hz = 12", "sample_rate_hz is 12"),
        ("seed = -4", "seed is -4"),
    ],
)
def test_what_is_wrong_is_told_by_file_and_field(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=told) as caught:
        load_plan(path)
    assert "odd.toml" in str(caught.value)


def test_simulated_rooms_need_their_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import importlib

    def _absent(name: str) -> object:
        raise ImportError(name)

    path = tmp_path / "plan.toml"
    path.write_text("[rooms]\nkinds = { shoebox = 1 }")
    monkeypatch.setattr(importlib, "import_module", _absent)
    with pytest.raises(MissingExtraError, match=r"tymbal\[rooms\]"):
        load_plan(path)


def test_a_plan_in_python_is_checked_alike() -> None:
    with pytest.raises(ConfigError, match=r"ScenePlan: levels\.spread_db"):
        replace(ScenePlan(), levels=replace(ScenePlan().levels, spread_db=uniform(-1, 1))).check()
    ScenePlan(parts=(Part("a"), Part("b", 3.0))).check()
    replace(ScenePlan(), levels=replace(ScenePlan().levels, snr_db=constant(3))).check()
