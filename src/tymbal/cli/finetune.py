"""`tymbal finetune`: train an encoder and a head together on labelled events, and test them as probes are tested."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from tymbal.cli.common import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    USUAL_TASK,
    Json,
    Quiet,
    Task,
    Workers,
    count,
    save_parameters,
    say,
    say_failures,
    say_json,
    say_table,
)
from tymbal.cli.probe import interval, seed_range, tell_units

if TYPE_CHECKING:
    from tymbal.corpus import Corpus
    from tymbal.encoders import Encoder
    from tymbal.probes.finetuning import FinetuneConfig


@dataclass(frozen=True)
class Tuning:
    """What is trained, and how.

    Parameters
    ----------
    mode
        Which weights of the encoder: full, all that the tapped layers depend on; layernorm, the affine parameters of
        its norms; lora, low-rank adapters on its linear maps.
    head
        A head that is trained: linear, attention, self_attention, mlp and others.
    layers
        What the head taps: last, all, or names of layers joined by +.
    seeds
        How often each fold is trained.
    head_first
        Train the head alone on frozen features first, then both.
    encoder_learning_rate
        Of the encoder; by default 1e-5 for full, 5e-4 for layernorm and lora.
    learning_rate
        Of the head.
    layer_decay
        The encoder's rate is multiplied by it for every layer further down.
    epochs
        Most epochs of head and encoder together; they stop earlier where validation stops improving.
    patience
        Stop after so many epochs without a better validation.
    batch_size
        Events in a batch.
    rank
        Of the adapters.
    alpha
        Of the adapters: their change is scaled by alpha / rank.
    targets
        Which linear maps get adapters: names or their last parts with commas between them, wildcards allowed.
    segment
        Seconds of the fixed segments that recordings are cut into, as for tymbal embed.
    margin
        Seconds of context on both sides of a segment; by default what the local layers need.
    sample_rate
        For an encoder of any rate; by default that of most recordings.
    frames
        Time bins that every example is pooled to; 0 keeps every frame.
    class_weight
        `balanced` weighs every class alike, however rare.
    width
        Width that layers are projected to before they are fused.
    calibrated
        Make scores honest by one temperature, fitted on what was held out of training.
    """

    mode: Literal["full", "layernorm", "lora"] = "full"
    head: str = "linear"
    layers: str = "last"
    seeds: int = 1
    head_first: bool = True
    encoder_learning_rate: float | None = None
    learning_rate: float = 1e-3
    layer_decay: float = 1.0
    epochs: int = 30
    patience: int = 5
    batch_size: int = 16
    rank: int = 8
    alpha: float = 16.0
    targets: str = ""
    segment: float = 10.0
    margin: float | None = None
    sample_rate: int | None = None
    frames: int = 32
    class_weight: Literal["none", "balanced"] = "none"
    width: int = 128
    calibrated: Annotated[bool, Parameter(negative="")] = False


def finetune(
    corpus: Path,
    *,
    encoder: str,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    random_weights: Annotated[bool, Parameter(negative="")] = False,
    task: Annotated[Task, Parameter(name="*")] = USUAL_TASK,
    tuning: Annotated[Tuning, Parameter(name="*")] = Tuning(),
    keep_encoder: Annotated[bool, Parameter(negative="")] = False,
    device: str | None = None,
    audit: bool = True,
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Train an encoder with a head on every training fold and test it, beside the head alone; run again to go on.

    Parameters
    ----------
    corpus
        A corpus made by `tymbal index`, with labels and a split.
    encoder
        A file of weights, a known checkpoint, or hf:owner/name[@revision][/file]. See: tymbal encoders list.
    out
        Folder of the run: results.json, predictions.parquet, model_FOLD.safetensors; `tymbal report` draws it.
    random_weights
        Take a registered encoder with random weights: training from nothing.
    keep_encoder
        Write encoder_FOLD.safetensors as well, adapters merged: for tymbal embed --encoder.
    device
        Where torch trains: cpu, cuda; by default cuda where there is one.
    audit
        Listen to the corpus for leaks and confounds of this label and split, and keep what is found.
    """
    from tymbal.corpus import Corpus
    from tymbal.jobs import make_progress
    from tymbal.probes import StudyConfig
    from tymbal.probes.finetuning import Machine, run_finetuning, write_encoders

    opened = Corpus.open(corpus)
    task = task.of(opened.default_label)
    source = str(Path(encoder).resolve()) if Path(encoder).exists() else encoder
    bound = _opened(encoder, random_weights, tuning.sample_rate, opened, quiet)
    results = run_finetuning(
        opened,
        bound,
        StudyConfig(**vars(task), seeds=tuning.seeds),
        _config(tuning),
        out,
        source={"source": source, "random_weights": random_weights},
        audited=audit,
        machine=Machine(workers, device, make_progress(quiet=quiet)),
    )
    kept = write_encoders(out, bound) if keep_encoder else []
    about = {"corpus": str(corpus), "encoder": encoder, "out": str(out), "random_weights": random_weights}
    rest = {"keep_encoder": keep_encoder, "device": device, "audit": audit}
    save_parameters(out, "finetune", {**about, **asdict(task), **asdict(tuning), **rest})
    return _told(results, out, kept, quiet=quiet, json=json)


def _opened(encoder: str, random_weights: bool, rate_hz: int | None, corpus: Corpus, quiet: bool) -> Encoder:
    """The encoder; one that takes any rate is bound to the rate asked for, else to that of most recordings."""
    from tymbal.encoders.source import bind_rate, open_encoder

    found = open_encoder(encoder, random_weights=random_weights)
    for note in found.notes if not quiet else ():
        say(f"note: {encoder}: {note}")
    rates = corpus.recordings["sample_rate_hz"]
    return bind_rate(found.encoder, rate_hz, int(rates.mode().max()) if rates.len() else 1)  # type: ignore[arg-type]


def _told(results: dict[str, Any], out: Path, kept: list[Path], *, quiet: bool, json: bool) -> int:
    """Say what came of it; the exit code tells whether recordings failed."""
    from tymbal.features import FeatureStore
    from tymbal.probes.finetuning import FEATURES

    if json:
        say_json({"run": str(out), "encoders": [str(path) for path in kept], **results})
    elif not quiet:
        _tell(results, out)
        for path in kept:
            say(f"encoder: {path}")
    failed = FeatureStore.open(out / FEATURES).failures
    if not quiet:
        say_failures([(row[0], row[1]) for row in failed.select("recording", "message").iter_rows()])
    return EXIT_SOME_FAILED if failed.height else EXIT_OK


def _config(tuning: Tuning) -> FinetuneConfig:
    from tymbal.probes.finetuning import FinetuneConfig

    plain = FinetuneConfig()
    training = replace(
        plain.training,
        learning_rate=tuning.learning_rate,
        epochs=tuning.epochs,
        patience=tuning.patience,
        batch_size=tuning.batch_size,
    )
    return replace(
        plain,
        mode=tuning.mode,
        head=tuning.head,
        layers=tuning.layers,
        head_first=tuning.head_first,
        encoder_learning_rate=tuning.encoder_learning_rate,
        layer_decay=tuning.layer_decay,
        rank=tuning.rank,
        alpha=tuning.alpha,
        targets=tuple(part.strip() for part in tuning.targets.split(",") if part.strip()),
        segment_s=tuning.segment,
        margin_s=tuning.margin,
        frames=tuning.frames or None,
        class_weight=tuning.class_weight,
        dim=tuning.width,
        calibrated=tuning.calibrated,
        training=training,
    )


def _tell(results: dict[str, Any], out: Path) -> None:
    task = results["task"]
    sizes = ("example", task["examples"]), ("label", len(task["labels"])), ("group", task["groups"])
    say(", ".join([*(count(number, noun) for noun, number in sizes), f"split {task['scheme']}"]))
    shown = list(dict.fromkeys((task["primary"], "accuracy", "balanced_accuracy")))
    named = {"finetuned": "fine-tuned", "baseline": "the head on frozen features"}
    rows = [
        [
            named[name],
            *(interval(row["metrics"][metric]) for metric in shown),
            seed_range(row["seeds"][task["primary"]]),
        ]
        for name, row in results["probes"].items()
    ]
    say_table(["", *shown, f"seeds ({task['primary']})"], rows)
    for fold, notes in results["probes"]["finetuned"]["notes"].items():
        what = f"fold {fold}: {notes['encoder_parameters']:,} weights of the encoder trained"
        say(f"{what}, {count(notes['epochs'], 'epoch')}, {_kept(notes)}")
    tell_units(results["probes"]["finetuned"]["metrics"][task["primary"]])
    for row in results["differences"]:
        if row["a"] == "finetuned" and row["b"] == "baseline":
            say(f"fine-tuned - frozen, {row['metric']}: {interval(row, sign='+')}")
    for finding in results["audit"]:
        if finding["severity"] != "note":
            say(f"{finding['severity'].upper()}: {finding['message']}")
    say(f"run: {out}")


def _kept(notes: dict[str, Any]) -> str:
    """Which of the epochs of a fold was kept, and why."""
    if notes.get("kept") == "the start":
        return "nothing was better than the head alone: kept that"
    if notes["stopped_by"] == "all epochs":
        return "kept the last: too few groups to hold any back and watch them"
    return f"the best was epoch {notes['best_epoch']}"
