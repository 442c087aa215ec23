"""Public benchmarks: layouts, exact protocols, published numbers; what lies on disk is verified before it is run."""

from tymbal.benchmarks.bench import BenchOutcome, asked, run_benchmark
from tymbal.benchmarks.boxes import BoxesConfig
from tymbal.benchmarks.corpora import Prepared, to_corpus
from tymbal.benchmarks.dataset import BenchmarkSet, Contents, Origin
from tymbal.benchmarks.published import published
from tymbal.benchmarks.registry import BENCHMARKS, benchmark_sets
from tymbal.benchmarks.runner import BenchConfig
from tymbal.benchmarks.verify import Departure, Verification, verify
from tymbal.benchmarks.windows import window_count

__all__ = [
    "BENCHMARKS",
    "BenchConfig",
    "BenchOutcome",
    "BenchmarkSet",
    "BoxesConfig",
    "Contents",
    "Departure",
    "Origin",
    "Prepared",
    "Verification",
    "asked",
    "benchmark_sets",
    "published",
    "run_benchmark",
    "to_corpus",
    "verify",
    "window_count",
]
