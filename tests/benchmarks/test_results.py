"""The results table: ours and published, marked where the set is not what was published."""

from __future__ import annotations

from pathlib import Path

from tymbal.benchmarks import benchmark_sets, published
from tymbal.benchmarks.results import markdown, result_rows
from tymbal.benchmarks.verify import Verification

FOUND = {"value": 0.5, "low": 0.4, "high": 0.6, "units": 20, "unit_name": "recording", "examples": 99, "note": ""}


def test_a_set_as_published_has_no_star() -> None:
    (watkins,) = benchmark_sets("beans", ["watkins"])
    result = {
        "probes": {"linear-last": {"accuracy": FOUND}, "linear-all": {"accuracy": {**FOUND, "value": 0.7}}},
        "picked": "linear-all",
        "official": True,
    }
    rows = result_rows("beans", watkins, result)
    assert rows["whose"].value_counts(sort=True).rows() == [("published", 26), ("ours", 2)]
    found = Verification(watkins, Path("watkins"), (), {})
    page = markdown("beans", rows, [found], {"watkins": result}, [("dogs", "no sound")])
    model, _, value = published("beans", "watkins", "accuracy").row(0)[:3]
    ours = "| watkins | accuracy | 0.700 [0.400, 0.600] | 20 recordings | linear-all |"
    assert f"{ours} {value:.3f} ({model}) |" in page
    assert "| watkins | accuracy | linear-last | 0.500 [0.400, 0.600] |" in page
    assert "- failed: dogs: no sound" in page
