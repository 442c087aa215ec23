"""Fine-tuning judged as probes are: on the folds of a split, with intervals, beside the head on frozen features."""

from __future__ import annotations

import copy
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import tymbal
from tymbal.config import digest
from tymbal.corpus import Corpus, audit
from tymbal.encoders.checkpoint import save_encoder
from tymbal.encoders.contract import Encoder
from tymbal.errors import DataError
from tymbal.features import FeatureStore, embed
from tymbal.jobs import Progress, SerialExecutor, Silent, only_writer, write_json, write_through
from tymbal.probes.finetuning.adapters import check_trainable, prepare
from tymbal.probes.finetuning.config import FinetuneConfig
from tymbal.probes.finetuning.model import FineTuned
from tymbal.probes.finetuning.sounds import EventSounds
from tymbal.probes.finetuning.tuning import head_config, tapped
from tymbal.probes.pooling import CachedExamples
from tymbal.probes.study.config import BASELINE, StudyConfig, with_seed
from tymbal.probes.study.fits import Fit, FitFolder, FitResult, FitWork, fit_all
from tymbal.probes.study.nesting import Choice, test_fits
from tymbal.probes.study.record import PREDICTIONS, RESULTS, Outcome, claim, log_reading, probe_files, results_of
from tymbal.probes.study.results import predictions
from tymbal.probes.study.task import Task, make_task, study_table
from tymbal.training import is_whole, read_tensors, write_tensors

FINETUNED = "finetuned"
FEATURES, FITS, TRAINING = "features", "fits", "training"
_MEND = "Delete this file and run the same command again."


@dataclass(frozen=True)
class Machine:
    """What does not change results but for rounding: worker processes that embed, torch's device, and the progress."""

    workers: int | None = 1
    device: str | None = None
    progress: Progress = field(default_factory=Silent)


def run_finetuning(
    corpus: Corpus,
    encoder: Encoder,
    study: StudyConfig,
    config: FinetuneConfig,
    out: str | Path,
    *,
    source: dict[str, Any] | None = None,
    audited: bool = True,
    machine: Machine | None = None,
) -> dict[str, Any]:
    """Fine-tune on the training folds of every test fold, test, and write the RUN directory `out`.

    For every test fold and seed a copy of `encoder` and a head are trained on the training folds and scored on the
    test fold; the baseline is the same head on the frozen features, fitted to the same examples. Where folds are
    named, the validation fold is what early stopping watches; else whole groups of the training folds.

    Running again with the same arguments goes on where the last run stopped, after the last epoch that ended.

    Parameters
    ----------
    study : label, split, metric, units, seeds and the like; its probes, heads and layers are not used.
    config : what is trained and how.
    source : what `open_encoder` opened the encoder from; written into the models.
    audited : listen to the corpus for leaks and confounds, and keep what is found.

    Returns what is in results.json, as `run_study` writes it, with the probes "finetuned" and "baseline"; beside it lie
    predictions.parquet, model_FOLD.safetensors (`FineTuned.load`) and the features of the frozen encoder.

    Raises as `run_study`, `FineTuned.fit` and `features.embed`.
    """
    config.check()
    check_trainable(encoder)
    prepare(copy.deepcopy(encoder), config, tapped(config, encoder))  # what the mode cannot is told before the work
    machine = machine or Machine()
    out = Path(out)
    probes = {FINETUNED: config, BASELINE: head_config(config)}
    study = replace(study, frames=config.frames, probe=probes[BASELINE], probes=probes, baseline_layer=None)
    study.check()
    study_table(corpus, study)  # nor is a label or a split that is not there found out after hours of embedding
    with only_writer(out):
        store = _embedded(corpus, encoder, config, out, machine)
        outcome = _fitted(corpus, store, encoder, study, out, source or {}, machine)
        about = {"label": study.label, "split": study.split}
        progress = machine.progress
        findings = audit(corpus, **about, workers=machine.workers, progress=progress) if audited else []
        results = results_of(outcome, corpus, store, findings)
        table = predictions(outcome.task, outcome.tested)
        write_through(out / PREDICTIONS, lambda file: table.write_parquet(file, compression="zstd", statistics=False))
        write_json(out / RESULTS, results)
    return results


def write_encoders(out: str | Path, encoder: Encoder) -> list[Path]:
    """Write encoder_FOLD.safetensors beside every model of a run, adapters merged; `open_encoder` opens them.

    encoder : the one that the run began with.
    """
    written = []
    for model in sorted(Path(out).glob("model_*.safetensors")):
        file = model.with_name(model.name.replace("model_", "encoder_", 1))
        save_encoder(FineTuned.load(model, encoder=encoder).encoder(), file)
        written.append(file)
    return written


def _embedded(corpus: Corpus, encoder: Encoder, config: FinetuneConfig, out: Path, machine: Machine) -> FeatureStore:
    """The tapped layers of the frozen encoder."""
    threads = torch.get_num_threads()
    try:
        return embed(
            corpus,
            encoder,
            out / FEATURES,
            workers=machine.workers,
            progress=machine.progress,
            layers=tapped(config, encoder),
            segment_s=config.segment_s,
            margin_s=config.margin_s,
            dtype="float32",
        )
    finally:
        torch.set_num_threads(threads)  # work in this process leaves one


def _fitted(
    corpus: Corpus,
    store: FeatureStore,
    encoder: Encoder,
    study: StudyConfig,
    out: Path,
    source: dict[str, Any],
    machine: Machine,
) -> Outcome:
    """All fits, those of an earlier run taken from `out`."""
    task = make_task(corpus, store, study)
    identity = digest({"config": study, "task": task.digest, "labels": task.labels})
    claim(out, study, identity, corpus, store)
    tuning = _Tuning(corpus, encoder, task, study.probes[FINETUNED], out, source, machine)  # type: ignore[arg-type]
    fits = test_fits(task, study.probes, study.seeds, keep_validation=True)
    earlier = log_reading(corpus.path, study, task, identity)
    folder = FitFolder(out / FITS, digest([task.digest, task.labels]))
    plain = [fit for fit in fits if fit.probe == BASELINE]
    work = FitWork(task.examples, task.reference, task.groups.tolist(), task.labels)
    title = "the head on frozen features"
    tested = fit_all(plain, work, folder, executor=SerialExecutor(), title=title, progress=machine.progress)
    for fit in fits:
        if fit.probe == FINETUNED:
            tested[fit] = tuning.fit(fit)
    shutil.rmtree(out / TRAINING, ignore_errors=True)  # checkpoints of runs that ended
    choices = {fold: Choice(fold, FINETUNED, {}) for fold in task.test_folds}
    return Outcome(task, study, study.probes, {}, tested, choices, earlier)


class _Tuning:
    """The fits that train the encoder, one after the other, each kept in OUT."""

    def __init__(
        self,
        corpus: Corpus,
        encoder: Encoder,
        task: Task,
        config: FinetuneConfig,
        out: Path,
        source: dict[str, Any],
        machine: Machine,
    ) -> None:
        self._encoder, self._task, self._config, self._out = encoder, task, config, out
        self._source, self._machine = source, machine
        self._cached = CachedExamples(task.examples)
        self._sounds = FineTuned(config).sounds(corpus, task.examples.table, encoder)
        _all_heard(self._sounds, task)
        self._files = {
            fold: f"model_{name.removeprefix('probe_')}" for fold, name in probe_files(task.test_folds).items()
        }

    def fit(self, fit: Fit) -> FitResult:
        """Train, or read what an earlier run trained."""
        parts = [self._encoder.checksum, self._task.digest, with_seed(fit.config, fit.seed), fit.train, fit.watch]
        key = digest([*parts, tymbal.__version__])
        scores = self._out / FITS / f"tuned-{key}.safetensors"
        model = self._out / (self._files[fit.fold] if not fit.seed else f"{FITS}/tuned-{key}.model.safetensors")
        if not (is_whole(scores) and is_whole(model)):
            self._train(fit, scores, model)
        tensors, state = read_tensors(scores, mend=_MEND)
        return FitResult(tensors["scores"].numpy(), state["notes"])

    def _train(self, fit: Fit, scores: Path, file: Path) -> None:
        task, machine = self._task, self._machine
        model = FineTuned(with_seed(fit.config, fit.seed))  # type: ignore[arg-type]
        named = f"fold {fit.fold}" + (f", seed {fit.seed}" if fit.seed else "")
        model.fit(
            self._encoder,
            self._sounds,
            task.reference,
            groups=task.groups.tolist(),
            rows=fit.train,
            watch=fit.watch or None,
            frozen=self._cached,
            source=self._source,
            device=machine.device,
            directory=self._out / TRAINING,
            progress=_Titled(machine.progress, named),
        )
        found = np.zeros((len(fit.test), len(task.labels)), dtype=np.float32)
        places = [task.labels.index(name) for name in model.labels_]
        found[:, places] = model.predict_proba(self._sounds, rows=fit.test)
        model.save(file)
        write_tensors(scores, {"scores": torch.from_numpy(found)}, {"fit": fit.name, "notes": model.notes_})


def _all_heard(sounds: EventSounds, task: Task) -> None:
    if sounds.failures.height:
        raise DataError(
            f"{sounds.failures.height} of {len(task.reference)} examples have features, but no sound; "
            f"{sounds.failures['message'][0]}",
            where="fine-tuning",
            mend="Index the corpus again.",
        )


class _Titled(Silent):
    """Progress whose titles say of which fit they are."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress, self._name = progress, name

    def start(self, title: str, total: int, *, resumed: int = 0) -> None:
        self._progress.start(f"{title}, {self._name}", total, resumed=resumed)

    def advance(self, items: int, *, audio_s: float = 0.0, failures: int = 0) -> None:
        self._progress.advance(items, audio_s=audio_s, failures=failures)

    def finish(self) -> None:
        self._progress.finish()
