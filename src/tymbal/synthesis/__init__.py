"""Scenes with known truth: calls, backgrounds, rooms and recorders drawn from distributions named in one file."""

from tymbal.synthesis.bank import Bank
from tymbal.synthesis.banking import make_bank
from tymbal.synthesis.cutting import Cutting
from tymbal.synthesis.distributions import Distribution
from tymbal.synthesis.plan import Part, ScenePlan, boxes_plan, fewshot_plan, load_plan, plan_text
from tymbal.synthesis.scenes import Scene, SceneGenerator, Stem
from tymbal.synthesis.streaming import stream_scenes
from tymbal.synthesis.truth import Call
from tymbal.synthesis.writing import write_scenes

__all__ = [
    "Bank",
    "Call",
    "Cutting",
    "Distribution",
    "Part",
    "Scene",
    "SceneGenerator",
    "ScenePlan",
    "Stem",
    "boxes_plan",
    "fewshot_plan",
    "load_plan",
    "make_bank",
    "plan_text",
    "stream_scenes",
    "write_scenes",
]
