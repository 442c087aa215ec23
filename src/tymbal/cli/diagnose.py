"""`tymbal diagnose`: why a probe does as well, or as badly, as it does."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tymbal.cli.common import EXIT_OK, Json, Quiet, Workers, count, save_parameters, say, say_json, say_table
from tymbal.errors import UsageError

if TYPE_CHECKING:
    from tymbal.probes import DiagnoseConfig


@dataclass(frozen=True)
class Diagnosis:
    """What is diagnosed, and how.

    Parameters
    ----------
    diagnostics
        Names with commas between them: risk, leakage, selectivity, code_length, calibration; by default all.
    heads
        Heads with commas between them, as for probe; by default ridge.
    layers
        Choices with commas between them: each (every stored layer by itself), all, last, or names joined by +.
    label
        The column that holds the label; by default that of the run, or the one named when indexing.
    split
        The name of a split of the corpus.
    metric
        What errors and scores are measured by: accuracy, balanced_accuracy, auroc, ...
    unit
        Column of the highest independent unit, which intervals resample; by default the groups of the split.
    unit_name
        What such a unit is called.
    where
        COLUMN=VALUE, examples to keep.
    columns
        Columns that may leak, with commas between them (session, site; several as one by +); by default those that
        the metadata suggest.
    within
        Column inside whose values labels are shuffled as well; by default the first of the leaky ones.
    shuffles
        How often labels are shuffled.
    permutations
        Of the leakage audit.
    neighbours
        Nearest neighbours that the leakage audit counts.
    orders
        Random orders that the code length is averaged over.
    inner_folds
        Grouped folds inside the training folds, for the probe gap.
    frames
        Time bins that every example is pooled to; 0 keeps every frame.
    seed
        Of everything random.
    """

    diagnostics: str | None = None
    heads: str | None = None
    layers: str | None = None
    label: str | None = None
    split: str | None = None
    metric: str | None = None
    unit: str | None = None
    unit_name: str | None = None
    where: str | None = None
    columns: str | None = None
    within: str | None = None
    shuffles: int | None = None
    permutations: int | None = None
    neighbours: int | None = None
    orders: int | None = None
    inner_folds: int | None = None
    frames: int | None = None
    seed: int | None = None


def diagnose(
    store_or_run: Path,
    *,
    corpus: Path | None = None,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    diagnosis: Annotated[Diagnosis, Parameter(name="*")] = Diagnosis(),
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Say where a probe's errors come from, what leaks, and what it would do on shuffled labels; run again to go on.

    Writes OUT/diagnostics.json; `tymbal report OUT` draws it. Nothing here picks a probe: test examples are read.

    Parameters
    ----------
    store_or_run
        The directory of a `tymbal probe`, whose task and settings are taken, or a feature store.
    corpus
        The corpus that a store was made from, or where the run's corpus lies now.
    out
        Folder to write to; by default the run itself.
    """
    from tymbal.corpus import Corpus
    from tymbal.features import FeatureStore
    from tymbal.jobs import make_progress
    from tymbal.probes.diagnostics import DiagnoseConfig, diagnose, is_run, read_run

    config, store, into = DiagnoseConfig(), store_or_run, out
    if is_run(store_or_run):
        source = read_run(store_or_run)
        config, store, corpus, into = source.config, source.store, corpus or source.corpus, out or store_or_run
    if corpus is None or into is None:
        missing = "--corpus" if corpus is None else "--out"
        raise UsageError(
            f"a feature store needs {missing}", where=store_or_run, mend="Or give the directory of a tymbal probe."
        )
    opened = Corpus.open(corpus)
    if not is_run(store_or_run):
        config = replace(config, label=opened.default_label or "label")
    results = diagnose(
        opened,
        FeatureStore.open(store),
        _merged(config, diagnosis),
        into,
        workers=workers,
        progress=make_progress(quiet=quiet),
    )
    given = {"store-or-run": store_or_run, "corpus": corpus, "out": into, **asdict(diagnosis)}
    save_parameters(into, "diagnose", given)
    if json:
        say_json({"out": str(into), **results})
    elif not quiet:
        _tell(results, into)
    return EXIT_OK


def _merged(config: DiagnoseConfig, diagnosis: Diagnosis) -> DiagnoseConfig:
    """The settings of the run, or the defaults, with what the command line says in their place."""
    given: dict[str, Any] = {name: value for name, value in asdict(diagnosis).items() if value is not None}
    for name in ("diagnostics", "heads", "layers", "columns"):
        if name in given:
            given[name] = tuple(part.strip() for part in given[name].split(",") if part.strip())
    if "frames" in given:
        given["frames"] = given["frames"] or None
    return replace(config, **given)


def _tell(results: dict[str, Any], out: Path) -> None:
    task = results["task"]
    say(
        f"{count(task['examples'], 'example')}, {count(len(task['labels']), 'label')}, split {task['scheme']}, "
        f"{count(task['units'], 'independent unit')} ({task['unit_name']})"
    )
    for note in task["notes"]:
        say(f"WARNING: {note}")
    for name in results["config"]["diagnostics"]:
        found = results["diagnostics"][name]
        say()
        say(f"{found['title']} ({name})")
        header, rows = TABLES[name](found)
        say_table(header, rows, limit=30)
        for line in found["reading"].split("\n"):
            say(line)
    say()
    say(f"{out / 'diagnostics.json'} also says how each was made; tymbal report {out} draws it")


def _risk(found: dict[str, Any]) -> tuple[list[str], list[list[object]]]:
    terms = ("test_error", "underfit", "probe_gap", "encoder_gap")
    rows = [[row["probe"], *(_interval(row[name]) for name in terms)] for row in found["rows"]]
    return ["probe", *(name.replace("_", " ") for name in terms)], rows


def _leakage(found: dict[str, Any]) -> tuple[list[str], list[list[object]]]:
    rows = [
        [
            row["column"],
            row["layer"],
            row["verdict"],
            "-" if row["ratio"] is None else _interval(row["ratio"], 2),
            *(_number(row[name]) for name in ("nearest_right", "other_right", "expected_right", "leak_p_holm")),
        ]
        for row in sorted(found["rows"], key=lambda row: str(row["column"]))
    ]
    header = ["column", "layer", "verdict", "leak ratio", "nearest right", "of another", "expected", "p (Holm)"]
    return header, rows


def _selectivity(found: dict[str, Any]) -> tuple[list[str], list[list[object]]]:
    rows = [
        [
            row["probe"],
            row["control"],
            _interval(row["score"]),
            f"{row['shuffled']['value']:.3f}",
            _interval(row["selectivity"], sign="+"),
        ]
        for row in found["rows"]
    ]
    return ["probe", "shuffled", found["metric"], "on shuffled labels", "selectivity"], rows


def _code_length(found: dict[str, Any]) -> tuple[list[str], list[list[object]]]:
    rows = [
        [
            row["probe"],
            f"{row['bits']:.0f}",
            _interval(row["bits_per_example"], 2),
            _interval(row["saved_per_example"], 2, sign="+"),
            f"{row['compression']:.2f}",
        ]
        for row in found["rows"]
    ]
    return ["probe", "bits", "bits per example", "saved against frequencies", "compression"], rows


def _calibration(found: dict[str, Any]) -> tuple[list[str], list[list[object]]]:
    rows = [
        [
            row["probe"],
            *(_interval(row["before"][name]) for name in ("ece", "brier", "nll")),
            _interval(row["after"]["nll"]),
        ]
        for row in found["rows"]
    ]
    return ["probe", "ECE", "Brier", "log loss", "log loss, one temperature"], rows


TABLES = {
    "risk": _risk,
    "leakage": _leakage,
    "selectivity": _selectivity,
    "code_length": _code_length,
    "calibration": _calibration,
}


def _interval(row: dict[str, Any], decimals: int = 3, *, sign: str = "") -> str:
    form = f"{sign}.{decimals}f"
    value = format(row["value"], form)
    return value if row["low"] is None else f"{value} [{row['low']:{form}}, {row['high']:{form}}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
