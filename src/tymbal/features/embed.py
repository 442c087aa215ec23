"""`embed`: run an encoder over a corpus into a feature store that survives kills, broken files and full disks."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import torch

from tymbal.config import digest, to_plain, with_fields
from tymbal.encoders.contract import Encoder
from tymbal.encoders.source import open_encoder
from tymbal.errors import NothingDoneError, StoreError, UsageError
from tymbal.features import manifest as names
from tymbal.features.manifest import Manifest, StoredLayer, check_same, read_manifest
from tymbal.features.plan import EmbedPlan, HasRecordings, make_embed_plan
from tymbal.features.pooling import pooled_grid
from tymbal.features.settings import EmbedConfig, EmbedOptions
from tymbal.features.store import FeatureStore
from tymbal.features.work import EmbedWork
from tymbal.features.write import ShardWriter, failure_table, fault_table, shard_table, unit_table, write_table
from tymbal.jobs import Executor, Progress, make_executor, only_writer, remove_temporaries, run_job, write_json
from tymbal.training.device import usable_device
from tymbal.units import FrameGrid


def embed(
    corpus: HasRecordings,
    encoder: Encoder | str | Path,
    out: str | Path,
    *,
    workers: int | None = 1,
    device: str = "cpu",
    progress: Progress | None = None,
    executor: Executor | None = None,
    **options: Unpack[EmbedOptions],
) -> FeatureStore:
    """Encode every recording of `corpus` into the feature store `out`, and open it.

    A recording is cut into fixed segments (units); each is encoded alone, so that its rows depend on the options and
    the sound, not on `workers`, order or interruptions. Run it again after a kill or a full disk: what is there is
    not decoded again, and the store ends with the same bytes. After recordings were added to the corpus, the same
    call embeds the new ones.

    Parameters
    ----------
    corpus : an opened Corpus.
    encoder : any encoder; used in evaluation mode, without gradients, and left as it is. A text or path is opened as
        `encoders.source.open_encoder` does: a registered name without weights, a file of weights, a known checkpoint.
    out : folder of the store; made where it is missing.
    workers : processes (1: in this process; None: one per core, for which a script needs its `__main__` guard).
    device : where the encoder runs, "cpu", "cuda" or "cuda:1". Another kind than the CPU rounds otherwise, so its rows
        go into a store of their own; there one process works unless `workers` says otherwise.
    progress : where to tell how far it is; None: silent.
    executor : another room's executor instead of local processes.
    options : the fields of EmbedConfig: layers, frames, segment_s, margin_s, dtype, sample_rate_hz, channels.

    Returns
    -------
    The FeatureStore; `.failures` lists what could not be embedded and why, `.faults` what was odd.

    Raises
    ------
    SettingsError where `out` holds a store made with other settings; NothingDoneError where nothing could be embedded;
    UsageError where another process writes the store, and with EncoderError for options that do not fit;
    DiskFullError where the disk has no room.
    """
    config = with_fields(EmbedConfig(), options)  # refused before a folder is made
    if isinstance(encoder, str | Path):
        encoder = open_encoder(encoder).encoder
    place = usable_device(device)
    if place.type != "cpu" and "int8" in encoder.numerics:
        raise UsageError("int8 runs on the CPU alone", parameter="device", allowed="cpu, or another precision")
    executor = executor or make_executor(1 if workers is None and place.type != "cpu" else workers)
    with only_writer(Path(out)):
        return _embed(corpus, encoder, Path(out), config, executor, progress, str(place))


def _embed(
    corpus: HasRecordings,
    encoder: Encoder,
    store: Path,
    config: EmbedConfig,
    executor: Executor,
    progress: Progress | None,
    device: str,
) -> FeatureStore:
    frozen = copy.deepcopy(encoder).eval() if encoder.training else encoder
    planned = make_embed_plan(corpus, frozen, config, torch.device(device).type)
    begun = _manifest(planned, frozen, config)
    old = read_manifest(store)
    if old is not None:
        check_same(store, old, begun)
    remove_temporaries(store)
    writer = _writer(store, begun)
    done = {shard.key for shard in planned.plan.shards if writer.is_done(shard)}
    if old is None or old.plan_digest != begun.plan_digest or len(done) < len(planned.plan.shards):
        write_json(store / names.MANIFEST, begun.to_dict())  # not complete: nobody opens it by mistake
    work = EmbedWork(frozen, config, planned.layouts, device)
    threads = torch.get_num_threads()
    try:
        run_job(planned.plan, work, writer.save, is_done=lambda s: s.key in done, executor=executor, progress=progress)
    finally:
        torch.set_num_threads(threads)
    _finish(store, planned, begun, writer)
    return FeatureStore.open(store)


def _writer(store: Path, manifest: Manifest) -> ShardWriter:
    return ShardWriter(
        store,
        [each.name for each in manifest.layers],
        [each.width for each in manifest.layers],
        "<f2" if manifest.dtype == "float16" else "<f4",
        manifest.segment_samples,
    )


def _manifest(planned: EmbedPlan, encoder: Encoder, config: EmbedConfig) -> Manifest:
    import numpy

    first = next(iter(planned.layouts.values()))
    layers = []
    for position, spec in enumerate(first.layers):
        grids = {
            rate: _stored_grid(each.layers[position].grid, each.segment_samples / rate, config.frames)
            for rate, each in planned.layouts.items()
        }
        streams = config.frames is None and all(
            each.streams(each.layers[position]) for each in planned.layouts.values()
        )
        layers.append(StoredLayer(spec.name, spec.dim, spec.bands, spec.local, streams, grids))
    return Manifest(
        parameters=planned.parameters,
        encoder_config=to_plain(encoder.config),
        layers=tuple(layers),
        segment_samples={rate: each.segment_samples for rate, each in planned.layouts.items()},
        margin_samples={rate: each.margin_samples for rate, each in planned.layouts.items()},
        corpus_digest=planned.corpus_digest,
        plan_digest=planned.plan.digest,
        faults=tuple({"code": fault.code, "message": fault.message} for fault in planned.faults),
        versions={"torch": torch.__version__, "numpy": numpy.__version__},
    )


def _stored_grid(grid: FrameGrid, segment_s: float, frames: int | None) -> FrameGrid:
    return grid if frames is None else pooled_grid(grid, 0.0, segment_s / frames)


def _finish(store: Path, planned: EmbedPlan, begun: Manifest, writer: ShardWriter) -> None:
    records = _Records(store, planned, writer)
    writer.clear_others({shard.key for shard in planned.plan.shards})
    failures = failure_table(planned.failures, records)
    digests = {
        f"{names.FAILURES}.parquet": write_table(store / f"{names.FAILURES}.parquet", failures),
        f"{names.FAULTS}.parquet": write_table(store / f"{names.FAULTS}.parquet", fault_table(records)),
    }
    # A shard's key is made of these hashes, so its rows are of exactly these bytes.
    hashes = {stretch.recording: stretch.content_hash for shard in planned.plan.shards for stretch in shard.items}
    units = unit_table(writer.layers, records, hashes)
    if not units.height:
        first = failures["message"][0] if failures.height else "no reason is known"
        raise NothingDoneError(
            f"nothing could be embedded: all {planned.recordings} recordings failed, the first so: {first}",
            where=store,
            mend=f"All reasons are in {store / names.FAILURES}.csv.",
        )
    digests[names.UNITS] = write_table(store / names.UNITS, units)
    digests[names.SHARDS] = write_table(store / names.SHARDS, shard_table(writer.layers, records))
    counts = {
        "recordings": planned.recordings,
        "embedded": units["recording"].n_unique(),
        "units": units.height,
        "rows": int(sum(units[f"{name}.rows"].sum() for name in writer.layers)),
        "failures": failures.height,
    }
    whole = replace(begun, complete=True, counts=counts, tables=digests)
    rows = {"parameters": whole.parameters, "units": digests[names.UNITS], "shards": digests[names.SHARDS]}
    whole = replace(whole, store_digest=digest(rows, length=32))
    write_json(store / names.MANIFEST, whole.to_dict())


class _Records:
    """The records of all shards in plan order, read anew in every pass: a large store has too many to hold."""

    def __init__(self, store: Path, planned: EmbedPlan, writer: ShardWriter) -> None:
        self._store, self._planned, self._writer = store, planned, writer

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for shard in self._planned.plan.shards:
            record = self._writer.record(shard.key)
            if record is None:
                raise StoreError(
                    f"shard {shard.key} vanished while the job ran",
                    where=self._store,
                    mend="Let one job at a time write a store, and run the same command again.",
                )
            yield record
