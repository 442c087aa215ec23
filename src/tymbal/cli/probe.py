"""`tymbal probe`: fit and compare probes on a feature store."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from tymbal.cli.common import (
    EXIT_OK,
    USUAL_TASK,
    Json,
    Quiet,
    Task,
    Workers,
    count,
    save_parameters,
    say,
    say_json,
    say_table,
)

if TYPE_CHECKING:
    from tymbal.probes import StudyConfig


@dataclass(frozen=True)
class Study:
    """What is compared.

    Parameters
    ----------
    heads
        Names with commas between them: linear, attention, self_attention, ridge, logistic, nearest_mean, knn, k_sparse.
    layers
        Choices with commas between them: last, all, or names of layers joined by +.
    seeds
        How often each trained head is fitted for the table.
    window
        Seconds of windows over what the corpus covers, each with the labels of the events in it, several or none;
        0: an example is an event, or a recording, with its one label.
    hop
        Seconds from one window to the next; 0: one window after the other.
    fusion
        How heads that take several layers fuse them: weighted_sum, concatenation, normed_sum, surface, tokens,
        layer_router, hierarchical_convolution. Which to choose: docs/how-to/probes.md.
    inner_folds
        Grouped folds inside the training folds that candidates are compared on.
    frames
        Time bins that every example is pooled to; 0 keeps every frame.
    baseline
        Layer of the baseline, logistic regression on its mean and standard deviation; "" for none.
    class_weight
        `balanced` weighs every class alike, however rare.
    statistics
        What heads that take no frames see of a layer over time: mean, std, max.
    norm
        `layer` normalises every frame over its values first.
    width
        Width that layers are projected to before they are fused (linear, attention, self_attention).
    epochs
        Most epochs of trained heads; they stop earlier where validation stops improving.
    learning_rate
        Of trained heads.
    calibrated
        Make scores honest by one temperature, fitted on what was held out of training.
    """

    heads: str = "linear,attention,ridge,logistic"
    layers: str = "last,all"
    seeds: int = 3
    window: float = 0.0
    hop: float = 0.0
    fusion: str = "weighted_sum"
    inner_folds: int = 5
    frames: int = 32
    baseline: str = "mfcc"
    class_weight: Literal["none", "balanced"] = "none"
    statistics: str = "mean,std,max"
    norm: Literal["standard", "layer"] = "standard"
    width: int = 128
    epochs: int = 100
    learning_rate: float = 1e-3
    calibrated: Annotated[bool, Parameter(negative="")] = False


def probe(
    store: Path,
    *,
    corpus: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    task: Annotated[Task, Parameter(name="*")] = USUAL_TASK,
    study: Annotated[Study, Parameter(name="*")] = Study(),
    audit: bool = True,
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Fit probes to stored features, pick among them inside the training folds, test them; run again to go on.

    Parameters
    ----------
    store
        A feature store made by `tymbal embed`.
    corpus
        The corpus that it was made from.
    out
        Folder of the run: results.json, predictions.parquet, the picked probes; `tymbal report` draws it.
    audit
        Listen to the corpus for leaks and confounds of this label and split, and keep what is found.
    """
    from tymbal.corpus import Corpus
    from tymbal.features import FeatureStore
    from tymbal.jobs import make_progress
    from tymbal.probes import run_study

    opened = Corpus.open(corpus)
    judged = task.of(opened.default_label, windows=study.window != 0)
    results = run_study(
        opened,
        FeatureStore.open(store),
        _config(judged, study),
        out,
        audited=audit,
        workers=workers,
        progress=make_progress(quiet=quiet),
    )
    given = {"store": str(store), "corpus": str(corpus), "out": str(out)}
    kept = replace(task, label=judged.label)
    save_parameters(out, "probe", {**given, **asdict(kept), **asdict(study), "audit": audit})
    if json:
        say_json({"run": str(out), **results})
    elif not quiet:
        _tell(results, out)
    return EXIT_OK


def _config(task: Task, study: Study) -> StudyConfig:
    from tymbal.probes import ProbeConfig, StudyConfig

    plain = ProbeConfig()
    base = replace(
        plain,
        multilabel=study.window != 0,
        class_weight=study.class_weight,
        statistics=_names(study.statistics),
        norm=study.norm,
        fusion=study.fusion,
        dim=study.width,
        training=replace(plain.training, epochs=study.epochs, learning_rate=study.learning_rate),
        calibrated=study.calibrated,
    )
    return StudyConfig(
        **vars(task),
        heads=_names(study.heads),
        layers=_names(study.layers),
        seeds=study.seeds,
        window_s=study.window or None,
        hop_s=study.hop or None,
        inner_folds=study.inner_folds,
        frames=study.frames or None,
        baseline_layer=study.baseline or None,
        probe=base,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _tell(results: dict[str, Any], out: Path) -> None:
    task = results["task"]
    sizes = ("example", task["examples"]), ("label", len(task["labels"])), ("group", task["groups"])
    say(", ".join([*(count(number, noun) for noun, number in sizes), f"split {task['scheme']}"]))
    primary = task["primary"]
    wanted = ("cmap", "auroc") if task["multilabel"] else ("accuracy", "balanced_accuracy")
    shown = list(dict.fromkeys((primary, *(name for name in task["metrics"] if name in wanted))))
    rows = [
        [name, *(interval(row["metrics"][metric]) for metric in shown), seed_range(row["seeds"][primary]), _folds(row)]
        for name, row in results["probes"].items()
    ]
    picked = results["selected"]["metrics"]
    rows.append(["picked inside the training folds", *(interval(picked[metric]) for metric in shown), "", ""])
    say_table(["probe", *shown, f"seeds ({primary})", "picked in"], rows)
    tell_units(picked[primary])
    for row in results["differences"]:
        if row["b"] == results["baseline"] and row["a"] == "selected":
            say(f"picked - baseline, {row['metric']}: {interval(row, sign='+')}")
    for finding in results["audit"]:
        if finding["severity"] != "note":
            say(f"{finding['severity'].upper()}: {finding['message']}")
    say(f"run: {out}")


def tell_units(found: dict[str, Any]) -> None:
    """What an estimate's interval resamples; where there are too few units for one, each unit's own value."""
    if found["low"] is None:
        say(f"no intervals: {found['units']} independent units ({found['unit_name']}), 8 are needed")
        for name, value in found["per_unit"].items():
            say(f"  {name}: {'-' if value is None else format(value, '.3f')}")
    else:
        say(f"95 % intervals over {found['units']} independent units ({found['unit_name']})")


def interval(row: dict[str, Any], sign: str = "") -> str:
    """An estimate with its interval, where it has one."""
    value = format(row["value"], f"{sign}.3f")
    return value if row["low"] is None else f"{value} [{row['low']:{sign}.3f}, {row['high']:{sign}.3f}]"


def seed_range(values: list[float]) -> str:
    """The least and largest value among seeds."""
    return f"{min(values):.3f}-{max(values):.3f}" if len(values) > 1 else "one"


def _folds(row: dict[str, Any]) -> str:
    folds = row["chosen_folds"]
    return ", ".join(folds) if len(", ".join(folds)) <= 24 else f"{len(folds)} folds"
