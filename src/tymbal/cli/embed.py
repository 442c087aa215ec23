"""`tymbal embed`: run an encoder over a corpus into a feature store."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
    save_parameters,
    say,
    say_failures,
    say_json,
)

if TYPE_CHECKING:
    from tymbal.features import FeatureStore


@dataclass(frozen=True)
class Rows:
    """What decides the rows of the store.

    Parameters
    ----------
    encoder
        A file of weights, a known checkpoint, hf:owner/name[@revision][/file], onnx:FILE, or the registered name of
        an encoder without weights. See: tymbal encoders list.
    precision
        In which numbers the encoder computes: float32, bfloat16, int8, or int8-bfloat16. What each gains and loses on
        this machine: tymbal encoders check.
    random_weights
        Take a registered encoder with random weights: the baseline that trained ones must beat.
    layers
        All, last, or names with commas between them.
    frames
        Keep the means of so many equal time bins per segment instead of every frame.
    segment
        Seconds of the fixed segments that recordings are cut into.
    margin
        Seconds of context on both sides of a segment; by default what the local layers need.
    dtype
        How rows are stored: float16 or float32.
    sample_rate
        Deliver every recording at this rate in Hz; by default the encoder's, or each recording's own.
    channels
        The mix, each channel by itself, or auto: the channels that events name, else the mix.
    """

    encoder: str = "spectral"
    precision: Literal["float32", "bfloat16", "int8", "int8-bfloat16"] = "float32"
    random_weights: Annotated[bool, Parameter(negative="")] = False
    layers: str = "all"
    frames: int | None = None
    segment: float = 10.0
    margin: float | None = None
    dtype: Literal["float16", "float32"] = "float16"
    sample_rate: int | None = None
    channels: Literal["auto", "mix", "each"] = "auto"


def embed(
    corpus: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    rows: Annotated[Rows, Parameter(name="*")] = Rows(),
    device: str = "cpu",
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Run an encoder over a corpus into a feature store; run it again to go on after a stop.

    Parameters
    ----------
    corpus
        A corpus made by `tymbal index`.
    out
        Folder of the feature store.
    device
        Where the encoder runs: cpu, cuda, cuda:1. A GPU rounds otherwise: its rows go into a store of their own.
    """
    from tymbal.corpus import Corpus
    from tymbal.encoders.source import open_encoder
    from tymbal.features import embed as run
    from tymbal.jobs import make_progress

    found = Corpus.open(corpus)
    opened = open_encoder(rows.encoder, precision=rows.precision, random_weights=rows.random_weights)
    for note in opened.notes if not quiet else ():
        say(f"note: {rows.encoder}: {note}")
    store = run(
        found,
        opened.encoder,
        out,
        workers=workers,
        device=device,
        progress=make_progress(quiet=quiet),
        layers=rows.layers,
        frames=rows.frames,
        segment_s=rows.segment,
        margin_s=rows.margin,
        dtype=rows.dtype,
        sample_rate_hz=rows.sample_rate,
        channels=rows.channels,
    )
    saved = save_parameters(out, "embed", {"corpus": str(corpus), "out": str(out), **asdict(rows), "device": device})
    if json:
        _tell_machines(store)
    elif not quiet:
        _tell(store, saved)
    failures = store.failures
    if not json:
        say_failures(failures.select("recording", "message").rows(), kept_in=out / "failures.csv")
    return EXIT_SOME_FAILED if failures.height else EXIT_OK


def _tell(store: FeatureStore, saved: Path) -> None:
    counts = store.manifest.counts
    whole, units = count(counts["recordings"], "recording"), count(counts["units"], "segment")
    say(f"{counts['embedded']} of {whole}, {units}, in {store.path}")
    for layer in store.layers:
        say(f"  {layer}: {store.rows(layer)} rows of {store.layer(layer).width}")
    say(f"parameters in {saved}")
    for fault in store.manifest.faults:
        say(f"note: {fault['message']}")


def _tell_machines(store: FeatureStore) -> None:
    manifest = store.manifest
    found = {"store": str(store.path), "counts": manifest.counts, "layers": list(store.layers), "digest": store.digest}
    say_json({**found, "failures": store.failures.drop("trace").to_dicts(), "faults": list(manifest.faults)})
