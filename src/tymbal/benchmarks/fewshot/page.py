"""Few-shot scores as a page to read, tables to compute with, and JSON with everything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tymbal.benchmarks.fewshot.published import published_rows
from tymbal.benchmarks.fewshot.scoring import Scored
from tymbal.benchmarks.fewshot.sets import FewshotBenchmark
from tymbal.benchmarks.verify import Departure
from tymbal.config import to_plain
from tymbal.evaluation.intervals import Estimate
from tymbal.fewshot.finder import RANKED
from tymbal.fewshot.finders.ncc import LOWEST
from tymbal.jobs import Failure, write_json, write_text, write_through

NOTES = {
    "fasd13": "Published of FASD13 are, to our knowledge, relative gains of DRASDIC alone (arXiv 2503.00296, abstract: "
    "49 % over earlier published methods in its first version, 64 % over other training-free ones in its second); its "
    "tables per set could not be reached, so no number stands beside ours.",
    "dcase5": "Evaluation sets of the challenge are not those of its validation, and systems that lead on one do not "
    "lead on the other: compare within one set only. Published systems were trained on the training sets; ours see the "
    "examples alone.",
}
HEAD = """# {name}

F1 at IoU > 0.3 by the rules of DCASE task 5: the harmonic mean over sets, the 95 % interval resampling recordings
(none below eight), and beside it the arithmetic mean. Within: the first events of the recording itself are the
examples, every number of examples is judged after the greatest of them. Across: the examples are the first events
of the next recording of the set, the whole recording is judged. A recording that failed counts as one in which nothing
was found. AP needs no threshold: average precision of everything down to a score of {least:g} (for template matching a
correlation of {lowest:g}), all recordings of a set in one ranking, the arithmetic mean over sets; what lies on an
unknown event leaves the ranking. So within a set the scores of finders fitted to different examples stand in one order.
"""


def write_page(
    out: Path,
    benchmark: FewshotBenchmark,
    scored: Sequence[Scored],
    departures: Sequence[Departure],
    failures: Sequence[Failure],
) -> None:
    """OUT/results.md, results.parquet (a row per finder, protocol, shots and recording), results.json."""
    table = recording_rows(scored)
    write_through(out / "results.parquet", lambda file: table.write_parquet(file, compression="zstd", statistics=False))
    rows = [
        {
            "finder": each.finder,
            "protocol": each.protocol,
            "shots": each.shots,
            "tasks": each.tasks,
            "failed": each.failed,
            "harmonic": {name: to_plain(getattr(each.scores, name)) for name in ("f1", "precision", "recall")},
            "ap": None if each.scores.ap is None else to_plain(each.scores.ap),
            "arithmetic": {name: _number(value) for name, value in each.scores.arithmetic.items()},
            "sets": each.scores.subsets.to_dicts(),
            "cpu_s": each.cpu_s,
            "audio_s": each.audio_s,
        }
        for each in scored
    ]
    write_json(
        out / "results.json",
        {
            "benchmark": benchmark.name,
            "scores": rows,
            "published": published_rows(benchmark.name).to_dicts(),
            "departures": [to_plain(each) for each in departures],
            "failures": [[each.item, each.message] for each in failures],
        },
    )
    write_text(out / "results.md", markdown(benchmark, scored, departures, failures))


def _number(value: float) -> float | None:
    return None if value != value else value


def recording_rows(scored: Sequence[Scored]) -> pl.DataFrame:
    """Counts of every recording under every finder, protocol and number of examples."""
    parts = [
        each.scores.recordings.select(
            pl.lit(each.finder).alias("finder"),
            pl.lit(each.protocol).alias("protocol"),
            pl.lit(each.shots).alias("shots"),
            pl.all(),
        )
        for each in scored
    ]
    return pl.concat(parts) if parts else pl.DataFrame()


def markdown(
    benchmark: FewshotBenchmark,
    scored: Sequence[Scored],
    departures: Sequence[Departure],
    failures: Sequence[Failure],
) -> str:
    """The results as a page."""
    lines = [HEAD.format(name=benchmark.name, least=RANKED, lowest=LOWEST)]
    lines += _table(
        (
            "finder",
            "protocol",
            "examples",
            "F1",
            "arithmetic",
            "AP",
            "precision",
            "recall",
            "recordings",
            "× real time",
        ),
        [
            (
                each.finder,
                each.protocol,
                each.shots,
                interval(each.scores.f1),
                _share(each.scores.arithmetic["f1"]),
                interval(each.scores.ap),
                _share(each.scores.precision.value),
                _share(each.scores.recall.value),
                f"{each.tasks}{f' ({each.failed} failed)' if each.failed else ''}",
                f"{each.audio_s / each.cpu_s:.0f}" if each.cpu_s else "-",
            )
            for each in scored
        ],
    )
    lines += ["", "Times real time per CPU second: fitting, calibration and search, candidates for AP too."]
    for protocol, shots in dict.fromkeys((each.protocol, each.shots) for each in scored):
        mine = [each for each in scored if (each.protocol, each.shots) == (protocol, shots)]
        for title, column in (("F1", "f1"), ("AP", "ap")):
            lines += ["", f"## {title} by set, {protocol}, {shots} example{'s'[: shots != 1]}", ""]
            names = mine[0].scores.subsets["subset"].to_list()
            by = [dict(each.scores.subsets.select("subset", column).rows()) for each in mine]
            counts = dict(mine[0].scores.subsets.select("subset", "recordings").rows())
            rows = [(name, counts[name], *(_share(each.get(name)) for each in by)) for name in names]
            lines += _table(("set", "recordings", *(each.finder for each in mine)), rows)
    lines += ["", "## Published", ""]
    lines += _published(benchmark)
    lines += [NOTES.get(benchmark.name, "")]
    lines += ["", "## Departures", ""]
    told = [f"- {each.severity}: {each.message}. {each.mend}" for each in departures]
    told += [f"- failed: {each.item}: {each.message}" for each in failures]
    return "\n".join([*lines, *(told or ["None."])]) + "\n"


def _published(benchmark: FewshotBenchmark) -> list[str]:
    rows = published_rows(benchmark.name).rows()
    if not rows:
        return []
    return [*_table(("set", "system", "measure", "value", "where it stands"), rows), ""]


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return lines + [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]


def _share(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.3f}"


def interval(found: Estimate | None) -> str:
    """`0.512 [0.4, 0.6]`, or that there is no interval; `-` where there is nothing."""
    if found is None:
        return "-"
    if found.low is None:
        return f"{found.value:.3f} (no interval)"
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
