"""The fits of a study: one item each, worked anywhere, kept in one file each, never fitted twice."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

import tymbal
from tymbal.config import digest, to_plain
from tymbal.errors import DataError
from tymbal.features import Examples
from tymbal.jobs import Executor, Plan, Progress, Shard, ShardOutcomes, Worked, make_plan, run_job, write_json
from tymbal.probes.config import ProbeConfig
from tymbal.probes.labels import Labels
from tymbal.probes.pooling import CachedExamples
from tymbal.probes.probe import Probe
from tymbal.probes.study.config import with_seed
from tymbal.training import is_whole, read_tensors, write_tensors

_SHARED = ".shared-"
_MEND = "Delete this file and run the same command again."


@dataclass(frozen=True, eq=False)
class Fit:
    """Fit `config` with `seed` to the examples `train`, score the examples `test`. `part` is "inner 0" … or "test".

    Early stopping watches the examples `watch`, or where there are none some of `train` held out for it. Compared by
    identity: a study never holds the same fit twice.
    """

    fold: str
    part: str
    probe: str
    seed: int
    config: ProbeConfig
    train: tuple[int, ...]
    test: tuple[int, ...]
    watch: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """How the fit is called in progress and failures."""
        return f"{self.probe}, fold {self.fold}, {self.part}, seed {self.seed}"


@dataclass(frozen=True)
class FitResult:
    """Scores (tests, labels of the study) float32 of one fit, notes, and the probe itself for fits of part "test".

    `cpu_s` : CPU seconds of fitting and scoring; the one thing here that differs from run to run.
    """

    scores: NDArray[np.float32]
    notes: dict[str, Any]
    probe: Probe | None = None
    cpu_s: float = 0.0


class FitWork:
    """Works fits on examples in memory, or mapped from files where worker processes share them.

    Fits that watch given examples are the same for the choice and for the test: `trained` (a folder and the digest of
    the task) keeps them, so that none is trained twice.
    """

    def __init__(
        self,
        examples: Examples | Path,
        reference: Labels,
        groups: list[str],
        labels: tuple[str, ...],
        trained: FitFolder | None = None,
    ) -> None:
        self._source, self._reference, self._groups, self._labels = examples, reference, groups, labels
        self._trained = trained
        self._cached: CachedExamples | None = None

    def prepare(self) -> None:
        """Open the examples once per worker."""
        source = map_examples(self._source) if isinstance(self._source, Path) else self._source
        self._cached = CachedExamples(source)

    def __call__(self, item: Fit) -> Worked[FitResult]:
        """Fit, score, and put the scores into the study's order of labels; a label never trained on scores 0."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        if self._cached is None:
            raise RuntimeError("called before prepare()")
        began_s = time.process_time()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # these problems are small; and one thread sums in one order everywhere
        try:
            with threadpool_limits(1):
                probe = self._fitted(item)
                found = probe.predict_proba(self._cached, rows=item.test)
        finally:
            torch.set_num_threads(threads)
        scores = np.zeros((len(item.test), len(self._labels)), dtype=np.float32)
        scores[:, [self._labels.index(name) for name in probe.labels_]] = found
        cpu_s = time.process_time() - began_s
        return Worked(FitResult(scores, probe.notes_, probe if item.part == "test" else None, cpu_s))

    def _fitted(self, item: Fit) -> Probe:
        file = self._trained.trained_file(item) if self._trained is not None and item.watch else None
        if file is not None and is_whole(file):
            return Probe.load(file)
        probe = Probe(with_seed(item.config, item.seed))
        watch = item.watch or None
        probe.fit(self._cached, self._reference, groups=self._groups, rows=item.train, watch=watch)  # type: ignore[arg-type]
        if file is not None:
            probe.save(file)
        return probe


@dataclass(frozen=True)
class FitFolder:
    """Where fits are kept, and the digest of what they are fitted to: with the fit itself the name of its file."""

    path: Path
    task: str

    def plan(self, title: str, fits: list[Fit]) -> Plan[Fit]:
        """One shard per fit."""
        # Another version may fit otherwise: its fits are not taken over.
        parameters = {"task": self.task, "tymbal": tymbal.__version__}
        return replace(make_plan("fit", fits, parameters, per_shard=1), name=title)

    def scores_file(self, shard: Shard[Fit]) -> Path:
        """The file whose presence says that a fit is finished."""
        return self.path / f"{shard.key}.safetensors"

    def probe_file(self, shard: Shard[Fit]) -> Path:
        """The fitted probe, kept for fits of part "test"; written before the scores."""
        return self.path / f"{shard.key}.probe.safetensors"

    def is_done(self, shard: Shard[Fit]) -> bool:
        """Whether every file of a fit is there, and whole: copies that broke off, and full disks, leave parts."""
        tested = shard.items[0].part == "test"
        return is_whole(self.scores_file(shard)) and (not tested or is_whole(self.probe_file(shard)))

    def trained_file(self, fit: Fit) -> Path:
        """A probe that watched given examples, by what it was fitted to, whatever it is then asked to score."""
        parts = [self.task, to_plain(with_seed(fit.config, fit.seed)), list(fit.train), list(fit.watch)]
        return self.path / f"trained-{digest([*parts, tymbal.__version__])}.probe.safetensors"

    def cost_file(self, shard: Shard[Fit]) -> Path:
        """What the fit cost: apart from the scores, whose bytes hold no clock."""
        return self.path / f"{shard.key}.cost.json"

    def cost_s(self, shard: Shard[Fit]) -> float:
        """CPU seconds of a finished fit; 0 where they were not kept."""
        try:
            return float(json.loads(self.cost_file(shard).read_text(encoding="utf-8"))["cpu_s"])
        except (OSError, ValueError, KeyError):
            return 0.0


def fit_all(
    fits: list[Fit], work: FitWork, folder: FitFolder, *, executor: Executor, title: str, progress: Progress | None
) -> dict[Fit, FitResult]:
    """Every fit's scores and notes, fitted now or in an earlier run that kept them in `folder`.

    A fit is known by its content (configuration, rows, seed, task), so a changed one is fitted anew, as is one whose
    files are damaged. Raises DataError with the first reason where fits failed; those that did not are kept.
    """
    plan = folder.plan(title, fits)
    failures: list[str] = []
    damaged = sum(folder.scores_file(shard).exists() and not folder.is_done(shard) for shard in plan.shards)
    if damaged:
        plan = replace(plan, name=f"{title} ({damaged} fits of an earlier run are damaged: fitted again)")

    def save(shard: Shard[Fit], outcomes: ShardOutcomes[FitResult]) -> None:
        """The scores last: their file says that the fit is finished."""
        failures.extend(f"{failure.item}: {failure.message}" for failure in outcomes.failures)
        for outcome in outcomes.outcomes:
            if outcome.worked is not None:
                fitted = outcome.worked.value
                if fitted.probe is not None:
                    fitted.probe.save(folder.probe_file(shard))
                write_json(folder.cost_file(shard), {"cpu_s": round(fitted.cpu_s, 4)})
                state = {"fit": shard.items[0].name, "notes": fitted.notes}
                write_tensors(folder.scores_file(shard), {"scores": torch.from_numpy(fitted.scores)}, state)

    run_job(
        plan,
        work,
        save,
        is_done=folder.is_done,
        executor=executor,
        progress=progress,
    )
    if failures:
        raise DataError(
            f"{len(failures)} of {len(fits)} fits failed; the first: {failures[0]}",
            where=title,
            mend="Finished fits are kept; mend this and run the same command again.",
        )
    found = {}
    for shard in plan.shards:
        tensors, state = read_tensors(folder.scores_file(shard), mend=_MEND)
        found[shard.items[0]] = FitResult(tensors["scores"].numpy(), state["notes"], cpu_s=folder.cost_s(shard))
    return found


class SharedExamples:
    """Examples for workers: as they are for one process, in files that several map into memory."""

    def __init__(self, examples: Examples, workers: int, folder: Path) -> None:
        self._examples, self._workers, self._folder = examples, workers, folder
        self._files: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Examples | Path:
        if self._workers <= 1:
            return self._examples
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob(f"{_SHARED}*"):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        self._files = tempfile.TemporaryDirectory(dir=self._folder, prefix=_SHARED)
        path = Path(self._files.name)
        for index, (name, values) in enumerate(self._examples.features.items()):
            np.save(path / f"{index}.values.npy", values)
            np.save(path / f"{index}.mask.npy", self._examples.masks[name])
        self._examples.table.select("event_id").write_parquet(path / "table.parquet")
        origin = {
            "layers": list(self._examples.features),
            "encoder_checksum": self._examples.encoder_checksum,
            "provenance": to_plain(self._examples.provenance),
        }
        (path / "origin.json").write_text(json.dumps(origin), encoding="utf-8")
        return path

    def __exit__(self, *_: object) -> None:
        if self._files is not None:
            self._files.cleanup()


def map_examples(path: Path) -> Examples:
    """Examples that `SharedExamples` laid down, mapped rather than read: workers share the memory."""
    origin = json.loads((path / "origin.json").read_text(encoding="utf-8"))
    features, masks = {}, {}
    for index, name in enumerate(origin["layers"]):
        features[name] = np.load(path / f"{index}.values.npy", mmap_mode="r", allow_pickle=False)
        masks[name] = np.load(path / f"{index}.mask.npy", mmap_mode="r", allow_pickle=False)
    table = pl.read_parquet(path / "table.parquet", glob=False)
    return Examples(
        features, masks, table, encoder_checksum=origin["encoder_checksum"], provenance=origin["provenance"]
    )
