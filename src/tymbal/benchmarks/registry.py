"""The sets of every benchmark, by name. A new set is its description and one line here."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

from tymbal.benchmarks import beans, birdset, boxes, whatmatters
from tymbal.benchmarks.dataset import BenchmarkSet
from tymbal.errors import UsageError

_BIRDSET_TESTS = (
    birdset.PER,
    birdset.NES,
    birdset.UHH,
    birdset.HSN,
    birdset.NBP,
    birdset.SSW,
    birdset.SNE,
)


def _pooled(described: BenchmarkSet, pool: BenchmarkSet, protocol: str) -> BenchmarkSet:
    """A test set of BirdSet with the training of another protocol."""
    name = f"{described.name}-{protocol}"
    remark = f"{protocol}: trained on {pool.name}, picked on POW, answers cut down to the species of {described.name}"
    return replace(described, name=name, published=described.name, train_on=pool, pick_on=birdset.POW, remark=remark)


BENCHMARKS: dict[str, tuple[BenchmarkSet, ...]] = {
    "beans": (
        beans.WATKINS,
        beans.BATS,
        beans.CBI,
        beans.HUMBUGDB,
        beans.DOGS,
        beans.ESC50,
        beans.SPEECH_COMMANDS,
        beans.DCASE,
        beans.ENABIRDS,
        beans.HICEAS,
        beans.RFCX,
        beans.GIBBONS,
    ),
    "birdset": (
        birdset.POW,
        *_BIRDSET_TESTS,
        *(_pooled(described, birdset.XCM, "MT") for described in _BIRDSET_TESTS),
        *(_pooled(described, birdset.XCL, "LT") for described in _BIRDSET_TESTS),
    ),
    "what-matters": whatmatters.SETS,
    "boxes": boxes.SETS,
}


def benchmark_sets(benchmark: str, names: Sequence[str] = ()) -> tuple[BenchmarkSet, ...]:
    """The sets of a benchmark, or those named, in the benchmark's order. Raises UsageError for unknown names."""
    if benchmark not in BENCHMARKS:
        raise UsageError(f"no benchmark {benchmark!r}", allowed=", ".join(BENCHMARKS))
    sets = {described.name: described for described in BENCHMARKS[benchmark]}
    unknown = [name for name in names if name not in sets]
    if unknown:
        near = difflib.get_close_matches(unknown[0], sets, n=1)
        raise UsageError(
            f"{benchmark} has no set {unknown[0]!r}",
            parameter="sets",
            allowed=", ".join(sets),
            mend=f"Did you mean {near[0]!r}?" if near else None,
        )
    return tuple(described for name, described in sets.items() if not names or name in names)
