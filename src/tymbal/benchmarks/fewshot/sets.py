"""The sets of FASD13 and of DCASE task 5: what their pages say of them, as data."""

from __future__ import annotations

from dataclasses import dataclass

from tymbal.benchmarks.dataset import Origin
from tymbal.errors import UsageError

FASD13_PAGE = "https://zenodo.org/records/15843741"
DCASE_PAGE = "https://zenodo.org/records/10829604"


@dataclass(frozen=True)
class FewshotSet:
    """One set: its folder's name, its files, hours and events of the target as published (None: not known to us)."""

    name: str
    about: str
    files: int | None
    hours: float | None
    events: int | None
    rates_hz: tuple[int, ...] = ()
    licence: str = "see its page"


FASD13 = (
    FewshotSet("AS", "AnuraSet, frogs", 12, 0.20, 162, (22_050,), "CC-BY"),
    FewshotSet("CC", "carrion crow, recorders on the bird", 10, 10, 2200, (46_875, 187_500), "CC-BY-SA"),
    FewshotSet("GS", "gunshots", 7, 38.3, 85, (8000,), "CC-BY-NC"),
    FewshotSet("HA", "Hawaiian birds", 12, 1.1, 628, (32_000,), "CC-BY"),
    FewshotSet("HG", "Hainan gibbon", 9, 72, 483, (9600,), "CC-BY-NC-SA"),
    FewshotSet("HW", "humpback whale", 10, 2.8, 1565, (10_000,), "public domain"),
    FewshotSet("JS", "jumping spider", 4, 0.23, 924, (), "CC-BY-SA"),
    FewshotSet("KD", "katydid", 12, 2, 883, (96_000,), "public domain"),
    FewshotSet("MS", "marmoset, one type of call", 10, 1.7, 1369, (44_100,)),
    FewshotSet("PM", "Powdermill, birds", 4, 6.4, 2032, (32_000,), "public domain"),
    FewshotSet("RG", "ruffed grouse", 2, 1.5, 34, (32_000,), "public domain"),
    FewshotSet("RS", "Rana sierrae", 7, 1.9, 552, (32_000,), "public domain"),
    FewshotSet("RW", "right whale", 10, 5, 398, (), "CC-BY"),
)
DCASE_VALIDATION = (
    FewshotSet("HB", "mosquitoes", 10, None, 607),
    FewshotSet("PB", "birds in flight by night", 6, None, 292),
    FewshotSet("ME", "meerkats", 2, None, 73),
    FewshotSet("PB24", "added in 2024", None, None, None),
    FewshotSet("PW", "added in 2024", None, None, None),
    FewshotSet("RD", "added in 2024", None, None, None),
)
DCASE_TRAINING = tuple(
    FewshotSet(name, "training, one column per class", None, None, None)
    for name in (
        "BV",
        "HT",
        "JD",
        "MT",
        "WMW",
    )
)


@dataclass(frozen=True)
class FewshotBenchmark:
    """Sets and where they come from.

    required : sets without which the run is not the benchmark; the others are taken where they are there.
    """

    name: str
    sets: tuple[FewshotSet, ...]
    required: tuple[str, ...]
    origin: Origin


BENCHMARKS = {
    "fasd13": FewshotBenchmark(
        "fasd13",
        FASD13,
        tuple(each.name for each in FASD13),
        Origin(FASD13_PAGE, "one folder per set, each recording with a CSV of its name beside it", "by set"),
    ),
    "dcase5": FewshotBenchmark(
        "dcase5",
        (*DCASE_VALIDATION, *DCASE_TRAINING),
        ("HB", "PB", "ME"),
        Origin(DCASE_PAGE, "Development_Set with Training_Set and Validation_Set unpacked in it", "CC-BY", 23.0),
    ),
}


def find_fewshot(name: str) -> FewshotBenchmark:
    """The benchmark called `name`. Raises UsageError for any other."""
    if name not in BENCHMARKS:
        raise UsageError(f"no few-shot benchmark {name!r}", parameter="benchmark", allowed=", ".join(BENCHMARKS))
    return BENCHMARKS[name]
