"""Five examples, find the rest: training-free finders, chosen and calibrated on the examples themselves."""

from tymbal.fewshot.finder import DEFAULT, Finder
from tymbal.fewshot.finders import KINDS
from tymbal.fewshot.prompt import Prompt, Shot, make_prompts
from tymbal.fewshot.scale import Scale, choose_scale
from tymbal.fewshot.template import TemplateMatching

__all__ = ["DEFAULT", "KINDS", "Finder", "Prompt", "Scale", "Shot", "TemplateMatching", "choose_scale", "make_prompts"]
