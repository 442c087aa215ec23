"""`tymbal detect`: train a detector of boxes, run it over recordings, say how good it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tymbal.cli.common import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    Json,
    Quiet,
    Workers,
    count,
    say,
    say_failures,
    say_json,
    say_table,
)
from tymbal.cli.probe import interval, tell_units
from tymbal.errors import DataError, UsageError

if TYPE_CHECKING:
    from tymbal.corpus import Corpus
    from tymbal.detection import Detector, DetectorConfig
    from tymbal.encoders.contract import Encoder
    from tymbal.evaluation.detection import DetectionScores


@dataclass(frozen=True)
class Training:
    """What a detector is and learns from; label, split, test and unit also say what eval is about.

    Parameters
    ----------
    encoder
        A file of weights, a known checkpoint, hf:owner/name, onnx:FILE, or a registered name. See: tymbal encoders
        list. For run and eval it stands in the detector's file.
    method
        Both (onsets and offsets, joined), forward (onsets with durations), or the baselines segments, sebb and
        gated.
    layers
        Finest (all near the shortest hop), all, last, or names with commas between them.
    label
        The event column that holds the class; by default the one named when indexing.
    one_class
        Do not tell labels apart.
    bounds
        Boxes get a low and a high frequency; the events must have them.
    stereo
        A microphone per animal: every channel is judged with all others beside it, so that a voice is told at its own
        microphone and not where it leaks to. The events must say their channel.
    split
        The name of a split of the corpus; its groups are held out whole for stopping and thresholds.
    test
        The fold of the split that train leaves out, or that eval is about.
    unit
        For eval: the column of the recordings that intervals resample (individual, site).
    epochs
        Most passes over the training windows; training stops earlier where validation stops improving.
    mixup
        Share of training windows that another window is added to.
    gain
        Training windows are made louder or softer by up to so many decibels.
    members
        So many networks as one detector, each trained for all epochs with another part of the groups held out. 1: one
        network, stopped early.
    pauses
        Detections are set against runs of sound between pauses: a run in which the network finds several pieces of one
        kind is one event, a run that it finds nothing in is none. For calls that seldom overlap. Needs log_mel.
    seed
        Of weights, order and what is held out.
    store
        Where the encoder's frames are kept; by default beside the detector.
    """

    encoder: str = "spectral"
    method: Literal["both", "forward", "segments", "sebb", "gated"] = "both"
    layers: str = "finest"
    label: str | None = None
    one_class: Annotated[bool, Parameter(negative="")] = False
    bounds: Annotated[bool, Parameter(negative="")] = False
    stereo: Annotated[bool, Parameter(negative="")] = False
    split: str | None = None
    test: str | None = None
    unit: str = "recording"
    epochs: int = 40
    mixup: float = 0.0
    gain: float = 0.0
    members: int = 1
    pauses: Annotated[bool, Parameter(negative="")] = False
    seed: int = 0
    store: Path | None = None


def detect(
    action: Literal["train", "run", "eval"],
    source: Path,
    recordings: Path | None = None,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    training: Annotated[Training, Parameter(name="*")] = Training(),
    threshold: float | None = None,
    channels: Literal["mix", "each"] = "mix",
    report: bool = True,
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Train a detector of boxes, run it over recordings, or measure it on a corpus.

    tymbal detect train CORPUS -o DETECTOR; tymbal detect run DETECTOR RECORDINGS -o FOLDER;
    tymbal detect eval DETECTOR CORPUS.

    Parameters
    ----------
    action
        Train, run or eval.
    source
        A corpus for train, a detector's file for run and eval.
    recordings
        For run a folder of recordings or one file, for eval a corpus.
    out
        The detector's file that train writes; the folder that run writes its tables to, and eval all its scores.
    threshold
        Least score of a detection, other than the one fitted on validation.
    channels
        Run detects, and eval judges, in the mix of all channels, or in each by itself; a detector trained in stereo
        hears all at once, and says of every event whose channel it is.
    report
        With -o, eval also draws report.html there: misses and false alarms first (needs matplotlib).
    """
    if action == "train":
        return _train(source, _place(out, "train", "DETECTOR"), training, workers, quiet, json)
    if recordings is None:
        what = "the recordings" if action == "run" else "a corpus"
        raise UsageError(f"detect {action} needs {what}", mend=f"Write: tymbal detect {action} DETECTOR PATH.")
    if action == "run":
        folder = _place(out, "run", "FOLDER")
        return _run(source, recordings, folder, threshold, channels, workers, quiet, json)
    scores, page = _eval(source, recordings, training, threshold, channels), None
    if out is not None:
        scores.save(out)
        page = _draw(out, quiet) if report else None
    if json:
        _tell_machines(source, scores)
    elif not quiet:
        _tell_scores(scores)
        if out is not None:
            say(f"all of it: {out}" + (f"; report: {page}" if page is not None else ""))
    return EXIT_OK


def _place(out: Path | None, action: str, what: str) -> Path:
    """Where the results go. Raises UsageError where nobody said."""
    if out is None:
        raise UsageError(f"detect {action} needs -o {what}")
    return out


def _config(training: Training) -> DetectorConfig:
    from tymbal.detection import DetectorConfig

    default = DetectorConfig()
    layers: str | tuple[str, ...] = training.layers
    if "," in training.layers:
        layers = tuple(part.strip() for part in training.layers.split(","))
    elif training.layers not in ("finest", "all", "last"):
        layers = (training.layers,)
    return replace(
        default,
        method=training.method,
        layers=layers,
        classes=not training.one_class,
        bounds=training.bounds,
        stereo=training.stereo,
        pauses=training.pauses,
        mixup=training.mixup,
        gain_db=training.gain,
        members=training.members,
        training=replace(default.training, epochs=training.epochs, seed=training.seed),
    )


def _train(source: Path, out: Path, training: Training, workers: int | None, quiet: bool, json: bool) -> int:
    from tymbal.corpus import Corpus
    from tymbal.detection import Detector
    from tymbal.encoders.source import open_encoder
    from tymbal.features import embed
    from tymbal.jobs import make_progress

    corpus, config = Corpus.open(source), _config(training)
    config.check()
    chosen, groups = _folds(corpus, training, tested=False)
    opened = open_encoder(training.encoder)
    for note in opened.notes if not quiet else ():
        say(f"note: {training.encoder}: {note}")
    where = training.store or out.with_name(f"{out.name}.store")
    layers = "all" if config.layers == "finest" else config.layers  # which are the finest is known per rate only
    store = embed(
        corpus,
        opened.encoder,
        where,
        workers=workers,
        progress=make_progress(quiet=quiet),
        layers=layers,
        channels="each" if training.stereo else "auto",
    )
    detector = Detector(config).fit(
        store,
        corpus,
        label=training.label,
        recordings=chosen,
        groups=groups,
        progress=make_progress(quiet=quiet),
    )
    detector.provenance_ |= {"encoder_source": training.encoder}
    detector.save(out)
    notes, calibration = detector.notes_, detector.calibration_
    if json:
        found = {"labels": list(detector.labels_), "threshold": calibration.threshold, "notes": notes}
        say_json({"detector": str(out), **found})
    elif not quiet:
        several = "members" in notes
        held = f"{notes['held_events']:,} held out to stop and to choose by"
        if several:
            held = "each held out once to calibrate and to choose by"
        say(f"trained on {count(notes['events'], 'event')}, {held}")
        say(f"classes: {', '.join(detector.labels_)}")
        best = f"best epoch {notes['best_epoch']} of {notes['epochs']}"
        if several:
            best = f"{notes['members']} networks of {notes['epochs']} epochs"
        say(f"{best}; threshold {calibration.threshold:g}")
        say(f"F1 on what was held out {notes['validation_f1']:.3f} (mean of IoU 0.5 and 0.8; chosen by it: too high)")
        if not notes["validation_f1"]:
            say("warning: it found nothing there. Train longer, or on more recordings like those it will run on.")
        say(f"detector: {out}")
    return EXIT_OK


def _folds(corpus: Corpus, training: Training, *, tested: bool) -> tuple[list[str] | None, dict[str, str]]:
    """The recordings of the folds that are wanted (None: all), and the group of each recording."""
    if training.split is None:
        if training.test is not None:
            raise UsageError("a fold without a split", parameter="test", mend="Name the split too: --split NAME.")
        return None, {}
    folds = corpus.folds(training.split).unique(["recording", "fold"])
    groups = dict(folds.select("recording", "group").rows())
    if training.test is None:
        return None, groups
    names = sorted(folds["fold"].drop_nulls().unique().to_list())
    if training.test not in names:
        raise DataError(f"no fold {training.test!r}", parameter="test", where=corpus.path, allowed=", ".join(names))
    own = folds["fold"] == training.test
    chosen = folds.filter(own if tested else ~own)["recording"].unique().sort().to_list()
    return chosen, groups


def _encoder(detector: Detector) -> Encoder:
    """The encoder that a detector was fitted to, opened from where it came."""
    from tymbal.encoders.source import open_encoder

    return open_encoder(detector.provenance_.get("encoder_source") or detector.provenance_["encoder"]).encoder


def _run(
    source: Path,
    recordings: Path,
    out: Path,
    threshold: float | None,
    channels: Literal["mix", "each"],
    workers: int | None,
    quiet: bool,
    json: bool,
) -> int:
    from tymbal.detection import Detector, run_detector
    from tymbal.jobs import make_progress

    detector = Detector.load(source)
    found = run_detector(
        detector,
        _encoder(detector),
        recordings,
        out,
        channels=channels,
        threshold=threshold,
        workers=workers,
        progress=make_progress(quiet=quiet),
    )
    failures = found.failures.select("item", "message").rows()
    if json:
        counts = {"recordings": found.recordings, "resumed": found.resumed, "events": found.events.height}
        say_json({"out": str(out), **counts, "failures": found.failures.to_dicts(), "faults": found.faults.to_dicts()})
    else:
        if not quiet:
            say(f"{count(found.events.height, 'event')} in {count(found.recordings, 'recording')}, in {out}")
            rows = found.events.group_by("label").len().sort("label").rows()
            say_table(["label", "events"], rows)
            odd = found.faults["item"].n_unique()
            if odd:
                say(f"note: {count(odd, 'recording')} read with something odd about them: {out / 'faults.csv'}")
        say_failures(failures, kept_in=out / "failures.csv")
    return EXIT_SOME_FAILED if failures else EXIT_OK


def _eval(
    source: Path, recordings: Path, training: Training, threshold: float | None, channels: Literal["mix", "each"]
) -> DetectionScores:
    from tymbal.corpus import Corpus
    from tymbal.detection import Detector, evaluate

    detector, corpus = Detector.load(source), Corpus.open(recordings)
    chosen, _ = _folds(corpus, training, tested=True)
    return evaluate(
        detector,
        _encoder(detector),
        corpus,
        label=training.label,
        recordings=chosen,
        by=training.unit,
        threshold=threshold,
        channels=channels,
        provenance={"detector": source.name},
    )


def _draw(out: Path, quiet: bool) -> Path | None:
    """The page of the scores in a folder; without matplotlib the tables are all the same."""
    from tymbal.errors import MissingExtraError
    from tymbal.report import write_report

    try:
        return write_report(out, out / "report.html").path
    except MissingExtraError as error:
        if not quiet:
            say(f"note: no report.html: {error}")
        return None


def _tell_machines(source: Path, scores: DetectionScores) -> None:
    sides = {"estimates": scores.estimates, "oracle": scores.oracle}
    told = {
        side: {name: None if each is None else asdict(each) for name, each in found.items()}
        for side, found in sides.items()
    }
    say_json({"detector": str(source), "threshold": scores.settings.threshold, **told, "notes": list(scores.notes)})


def _tell_scores(scores: DetectionScores) -> None:
    rows = []
    for name, found in scores.estimates.items():
        if found is not None:
            best = scores.oracle.get(name)
            rows.append([name, interval(asdict(found)), "" if best is None else f"{best.value:.3f}"])
    say_table(["metric", "value", "ceiling of targets and decoder"], rows, result=True)
    first = next((found for found in scores.estimates.values() if found is not None), None)
    if first is not None:
        tell_units(asdict(first))
    if scores.settings.frequency:
        say("boxes were judged as areas of time and frequency")
    for note in scores.notes:
        say(f"note: {note}")
