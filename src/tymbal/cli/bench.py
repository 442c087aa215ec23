"""`tymbal bench`: run a public benchmark from its own download."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tymbal.cli.bench_fewshot import EVERYTHING, FEWSHOT, Searched, bench_fewshot
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
    say_table,
)
from tymbal.errors import UsageError

if TYPE_CHECKING:
    from tymbal.benchmarks import BenchConfig, BenchOutcome, BoxesConfig, Verification


@dataclass(frozen=True)
class Probed:
    """What is probed.

    Parameters
    ----------
    encoder
        A registered name, or a .safetensors file that holds an encoder.
    heads
        Names with commas between them.
    layers
        Choices with commas between them: last, all, or names of layers joined by +; by default last,all. For boxes one
        choice: finest (the default), all, last or names of layers joined by +.
    learning_rates
        Rates of trained heads with commas between them; the choice is made on validation.
    seeds
        Fits of every candidate.
    frames
        Time bins that every example is pooled to; 0 keeps every frame.
    epochs
        Most epochs of trained heads, or of detectors; by default 100 and 40.
    methods
        For boxes: ways to make them that compete on validation, with commas between them: both, forward, segments,
        gated.
    width
        For boxes: channels of the detector's network.
    slowed
        For boxes: sets that Voxaboxen slows are run on the slowed clock, for encoders that hear up to 8 kHz only.
    """

    encoder: str = "spectral"
    heads: str = "linear,attention"
    layers: str = ""
    learning_rates: str = ""
    seeds: int = 1
    frames: int = 16
    epochs: int = 0
    methods: str = "both"
    width: int = 0
    slowed: Annotated[bool, Parameter(negative="")] = False


def bench(
    benchmark: Literal["beans", "birdset", "what-matters", "boxes", "fasd13", "dcase5"],
    data: Path,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    sets: Annotated[str, Parameter(name=["--sets", "--set"])] = "",
    check: Annotated[bool, Parameter(negative="")] = False,
    probed: Annotated[Probed, Parameter(name="*")] = Probed(),
    searched: Annotated[Searched, Parameter(name="*")] = EVERYTHING,
    workers: Workers = 1,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Verify a benchmark's sets, run its protocol on those that are there, and put published numbers beside ours.

    Parameters
    ----------
    benchmark
        beans, birdset, what-matters (the 26-set suite), boxes (Voxaboxen's eight sets, for detectors), or for few-shot
        finders fasd13 (FASD13) and dcase5 (DCASE task 5).
    data
        The benchmark's folder, as its own download leaves it.
    out
        Folder for corpora, features, fits and results; run it again and it goes on where it stopped.
    sets
        Names with commas between them; by default all.
    check
        Only say what is there, what is missing and how to get it.
    """
    if benchmark in FEWSHOT:
        return bench_fewshot(benchmark, data, out, sets, searched, check=check, workers=workers, quiet=quiet, json=json)
    from tymbal.benchmarks import asked, benchmark_sets, run_benchmark, verify
    from tymbal.encoders import create_encoder, load_encoder
    from tymbal.jobs import make_progress

    names = _names(sets)
    if check:
        chosen = benchmark_sets(benchmark, names)
        return _check([verify(data, asked(each, slowed=probed.slowed)) for each in chosen], json)
    if out is None:
        raise UsageError(
            "no folder for the results", where="--out", mend="Give one with -o, or only look with --check."
        )
    named = probed.encoder
    outcome = run_benchmark(
        benchmark,
        data,
        load_encoder(Path(named)) if named.endswith(".safetensors") else create_encoder(named),
        out,
        sets=names,
        config=_boxes(probed) if benchmark == "boxes" else _config(probed),
        workers=workers,
        progress=make_progress(quiet=quiet),
    )
    save_parameters(
        out, "bench", {"benchmark": benchmark, "data": str(data), "out": str(out), "sets": sets, **asdict(probed)}
    )
    return _told(outcome, out, quiet=quiet, json=json)


def _told(outcome: BenchOutcome, out: Path, *, quiet: bool, json: bool) -> int:
    """Say what came of it; the exit code tells whether sets failed."""
    if json:
        verified = {each.described.name: _row(each) for each in outcome.verified}
        say_json({"results": outcome.results, "verified": verified, "failures": outcome.failures, "out": str(out)})
    elif not quiet:
        _tell(outcome, out)
    say_failures(outcome.failures)
    return EXIT_SOME_FAILED if outcome.failures else EXIT_OK


def _check(found: list[Verification], json: bool) -> int:
    if json:
        say_json({each.described.name: _row(each) for each in found})
    else:
        _tell_found(found)
    return EXIT_OK


def _config(probed: Probed) -> BenchConfig:
    from dataclasses import replace

    from tymbal.benchmarks import BenchConfig
    from tymbal.probes import ProbeConfig

    plain = ProbeConfig()
    try:
        rates = tuple(float(rate) for rate in _names(probed.learning_rates))
    except ValueError as error:
        raise UsageError(f"{error}", where="--learning-rates", allowed="numbers with commas between them") from error
    return BenchConfig(
        heads=_names(probed.heads),
        layers=_names(probed.layers or "last,all"),
        learning_rates=rates,
        seeds=probed.seeds,
        frames=probed.frames or None,
        probe=replace(plain, training=replace(plain.training, epochs=probed.epochs or plain.training.epochs)),
    )


def _boxes(probed: Probed) -> BoxesConfig:
    from dataclasses import replace

    from tymbal.benchmarks import BoxesConfig
    from tymbal.detection import DetectorConfig

    plain = DetectorConfig()
    layers = probed.layers or "finest"
    return BoxesConfig(
        methods=_names(probed.methods),
        slowed=probed.slowed,
        detector=replace(
            plain,
            layers=layers if layers in ("finest", "all", "last") else tuple(layers.split("+")),
            network=replace(plain.network, width=probed.width or plain.network.width),
            training=replace(plain.training, epochs=probed.epochs or plain.training.epochs),
        ),
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _row(found: Verification) -> dict[str, object]:
    departures = [asdict(each) for each in found.departures]
    return {"ready": found.ready, "official": found.official, "counts": found.counts, "departures": departures}


def _tell_found(found: list[Verification]) -> None:
    for each in found:
        state = "as published" if each.official else "there, but not as published" if each.ready else "cannot be run"
        counts = ", ".join(f"{number} {fold}" for fold, number in each.counts.items())
        say(f"{each.described.name}: {state}{f' ({counts})' if counts else ''}")
        for departure in each.departures:
            say(f"  {departure.severity}: {departure.message}. {departure.mend}")


def _tell(outcome: BenchOutcome, out: Path) -> None:
    _tell_found([each for each in outcome.verified if not each.official])
    rows = []
    for name, result in outcome.results.items():
        found = dict(result["embedding"])
        found |= result["probes"].get(result["picked"], {})
        for metric, row in ((metric, found[metric]) for metric in result["metrics"] if metric in found):
            interval = "no interval" if row["low"] is None else f"{row['low']:.3f}-{row['high']:.3f}"
            best = result.get("ceilings", {}).get(result["picked"], {}).get(metric)
            ceiling = [] if outcome.benchmark != "boxes" else ["-" if best is None else f"{best['value']:.3f}"]
            units = count(row["units"], row["unit_name"])
            rows.append([name, metric, f"{row['value']:.3f}", *ceiling, interval, units, result["picked"] or "-"])
    ceiling = ["ceiling"] if outcome.benchmark == "boxes" else []
    if rows:
        say_table(["set", "metric", "ours", *ceiling, "95 %", "units", "picked"], rows)
    say(f"published numbers beside ours: {out / 'results.md'}")
