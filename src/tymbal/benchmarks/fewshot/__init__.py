"""Few-shot benchmarks: FASD13 and DCASE task 5 from their own downloads, finders side by side."""

from tymbal.benchmarks.fewshot.finding import FINDERS
from tymbal.benchmarks.fewshot.run import FewshotConfig, FewshotOutcome, look, run_fewshot
from tymbal.benchmarks.fewshot.sets import BENCHMARKS, find_fewshot
from tymbal.benchmarks.fewshot.tasks import PROTOCOLS

__all__ = [
    "BENCHMARKS",
    "FINDERS",
    "PROTOCOLS",
    "FewshotConfig",
    "FewshotOutcome",
    "find_fewshot",
    "look",
    "run_fewshot",
]
