"""`tymbal encoders`: what there is, what one gives, whether it is sound here, export to ONNX, publishing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tymbal.cli.common import EXIT_OK, Json, Quiet, say, say_json, say_table
from tymbal.errors import EncoderError, UsageError

if TYPE_CHECKING:
    from tymbal.encoders.check import Checked, Streaming
    from tymbal.encoders.contract import Encoder


def encoders(
    action: Literal["list", "describe", "check", "export", "publish"],
    name: str | None = None,
    *,
    onnx: Path | None = None,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    facts: Path | None = None,
    strict: Annotated[bool, Parameter(negative="")] = False,
    rate: int | None = None,
    window: float = 10.0,
    segments: Annotated[int, Parameter(show=False)] = 3,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """List encoders, describe one, check that it is sound on this machine, export it to ONNX, or publish it.

    Parameters
    ----------
    action
        List, describe, check, export or publish.
    name
        A registered name, a known checkpoint, a file of weights or its folder, hf:owner/name, or onnx:FILE.
    onnx
        The file that export writes; front end included, every layer an output.
    out
        The new folder that publish writes: weights, settings, labels, card, hashes, reference outputs.
    facts
        A TOML file with what only you know, for the card: about, licence, authors, [[data]], training, cost,
        [[scores]], limits. What it leaves out stands on the card as not stated.
    strict
        Do not publish where anything is not stated.
    rate
        Sample rate in Hz for encoders that take any; 32000 if left out.
    window
        Seconds of a window: of the exported graph, or of the windows that check compares with one long pass.
    """
    if action == "list":
        return _list(json)
    if name is None:
        raise UsageError(f"encoders {action} needs the name of an encoder", mend="See: tymbal encoders list")
    if action == "describe":
        return _describe(name, rate, json)
    if action == "export" and onnx is None:
        raise UsageError("encoders export needs --onnx FILE", mend=f"Say: tymbal encoders export {name} --onnx FILE")
    if action == "publish":
        return _publish(name, out, facts, strict, rate, json)
    encoder, notes, verified = _opened(name, rate)
    if onnx is None or action == "check":
        return _check(encoder, notes, verified, window, segments, quiet, json)
    return _export(encoder, notes, onnx, window, json)


def _opened(name: str, rate: int | None) -> tuple[Encoder, tuple[str, ...], str]:
    """The encoder, notes on it, and what was checked while it was loaded, if anything."""
    from tymbal.encoders.overview import NATIVE_RATE_HZ
    from tymbal.encoders.source import bind_rate, open_encoder

    opened = open_encoder(name, random_weights=None)
    return bind_rate(opened.encoder, rate, NATIVE_RATE_HZ), opened.notes, opened.verified


def _list(json: bool) -> int:
    from tymbal.encoders.describe import list_described
    from tymbal.encoders.known import KNOWN

    found = list_described()
    if json:
        say_json({"encoders": found, "checkpoints": KNOWN})
        return EXIT_OK
    rows = []
    for each in found:
        rate = "any" if each.sample_rate_hz is None else f"{each.sample_rate_hz / 1000:g} kHz"
        size = f"{each.parameters / 1e6:.1f} M" if each.parameters else "-"
        spans = (_span(each.dims), _span(each.frames_per_s), _span(each.receptive_ms))
        rows.append((each.name, rate, size, each.layers or "-", *spans, each.missing or each.about))
    header = ("encoder", "rate", "weights", "layers", "values", "frames/s", "sees ms", "what it is")
    say_table(header, rows, result=True)
    say("values: in a frame of a band; sees: how much sound a frame depends on, window: all that it is given")
    say(result=True)
    checkpoints = [(each.name, each.encoder, f"{each.size_mb} MB", each.licence, each.where) for each in KNOWN]
    say_table(("known checkpoint", "encoder", "size", "licence", "where"), checkpoints, result=True)
    say("every layer, and the speed here: tymbal encoders describe NAME; features of them: tymbal embed --encoder NAME")
    return EXIT_OK


def _span(bounds: tuple[float | None, float | None] | None) -> str:
    """From least to most, once where they are the same; a receptive field of None is the window."""
    if bounds is None:
        return "-"
    low, high = ("window" if each is None else _number(each) for each in bounds)
    return low if low == high else f"{low}–{high}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _describe(name: str, rate: int | None, json: bool) -> int:
    from tymbal.encoders.describe import describe

    found = describe(name, sample_rate_hz=rate)
    if json:
        say_json(found)
        return EXIT_OK
    hz = f"{found.sample_rate_hz} Hz" if found.sample_rate_hz else f"any rate, here {found.described_at_hz} Hz"
    told = [found.origin, hz, *([f"{found.parameters / 1e6:.2f} M parameters"] if found.parameters else [])]
    told.append(f"batches: sounds of {'any' if found.batching == 'masked' else 'one'} length")
    say(f"{found.name}: {'; '.join(told)}", result=True)
    say(f"licence: {found.licence}", result=True)
    say(f"speed: {found.real_time:.0f} × real time here, float32, all layers, {_threads(found.threads)}", result=True)
    for note in found.notes:
        say(f"note: {note}")
    say(result=True)
    rows = [
        (
            layer.name,
            layer.dim,
            layer.bands,
            f"{layer.hop_ms:.4g}",
            f"{layer.frames_per_s:.4g}",
            "whole window" if layer.receptive_ms is None else _number(layer.receptive_ms),
            "exactly" if layer.local else "in windows",
        )
        for layer in found.layers
    ]
    say_table(("layer", "values", "bands", "hop ms", "frames/s", "sees ms", "streams"), rows, limit=200, result=True)
    if found.checkpoints:
        say(result=True)
        checkpoints = [(each.name, f"{each.size_mb} MB", each.licence, each.where) for each in found.checkpoints]
        say_table(("published weights", "size", "licence", "where"), checkpoints, result=True)
    return EXIT_OK


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _check(
    encoder: Encoder, notes: tuple[str, ...], verified: str, window: float, segments: int, quiet: bool, json: bool
) -> int:
    from tymbal.encoders.check import check_encoder

    tell = (lambda step: None) if quiet or json else (lambda step: say(f"checking {encoder.name}: {step}"))
    found = check_encoder(encoder, segment_s=window, segments=segments, told=tell)
    if json:
        say_json({"found": found, "notes": notes, "verified": verified or None, "sound": found.sound})
    elif not quiet:
        if verified:
            say(f"kept    published: {verified}", result=True)
        _tell(found, notes)
    if not found.sound:
        raise EncoderError(
            "it does not keep what every encoder promises", where=encoder.name, mend="See the lines above."
        )
    return EXIT_OK


def _tell(found: Checked, notes: tuple[str, ...]) -> None:
    for note in notes:
        say(f"note: {note}")
    for promise in found.promises:
        say(f"{'kept  ' if promise.kept else 'BROKEN'}  {promise.name}: {promise.told}", result=True)
    base = found.real_time.get("float32")
    rows = [(name, f"{speed:.0f}", f"{speed / base:.2f}" if base else "-") for name, speed in found.real_time.items()]
    say(result=True)
    say_table(("precision", f"× real time, {_threads(found.threads)}", "× float32"), rows, result=True)
    for name, why in found.refused.items():
        say(f"no {name}: {why}", result=True)
    _tell_layers(found)


def _tell_layers(found: Checked) -> None:
    """Layer by layer: what lower precision loses, and what fixed windows change."""
    layers = list(next(iter(found.precision.values()), found.streaming))
    rows = []
    for layer in layers:
        row = [layer]
        for lost in found.precision.values():
            row.append(f"{lost[layer].mean:.6f} ({lost[layer].worst:.6f})")
        if layer in found.streaming:
            row.append(_windows(found.streaming[layer]))
        rows.append(row)
    if not rows or len(rows[0]) == 1:
        return
    told = [
        *(["of each precision to float32"] if found.precision else []),
        *(["of fixed windows to one long pass"] if found.streaming else []),
    ]
    say(result=True)
    say(f"cosine of the frames {', and '.join(told)}: mean (worst)", result=True)
    header = ["layer", *found.precision, *(["windows"] if found.streaming else [])]
    say_table(header, rows, limit=200, result=True)


def _windows(each: Streaming) -> str:
    apart = each.agreement
    if not each.exact:
        return f"{apart.mean:.6f} ({apart.worst:.6f})"
    return f"exact to {apart.difference:.0e}" if apart.difference else "exact"


def _export(encoder: Encoder, notes: tuple[str, ...], onnx: Path, window: float, json: bool) -> int:
    from tymbal.encoders.export import export_onnx

    found = export_onnx(encoder, onnx, window_s=window)
    if json:
        say_json({"exported": found, "notes": notes})
        return EXIT_OK
    for note in notes:
        say(f"note: {note}")
    worst = max(found.differences.values())
    say(
        f"{encoder.name} in {found.path}: {len(found.differences)} layers for windows of {found.window_samples} "
        f"samples at {found.sample_rate_hz} Hz, {found.size_bytes / 1e6:.1f} MB",
        result=True,
    )
    say(
        f"onnxruntime differs by at most {worst:.1e} of a layer's largest value; use it as onnx:{found.path}",
        result=True,
    )
    return EXIT_OK


def _publish(name: str, out: Path | None, facts: Path | None, strict: bool, rate: int | None, json: bool) -> int:
    from tymbal.config import load, settings_of
    from tymbal.encoders.card import CardFacts
    from tymbal.encoders.publishing import publish

    if out is None:
        raise UsageError("encoders publish needs -o FOLDER", mend=f"Say: tymbal encoders publish {name} -o FOLDER")
    stated = load(CardFacts, facts) if facts is not None else None
    if stated is not None and facts is not None:
        with settings_of(facts):
            stated.check()
    found = publish(name, out, facts=stated, strict=strict, sample_rate_hz=rate)
    if json:
        say_json(found)
        return EXIT_OK
    for note in found.notes:
        say(f"note: {note}")
    size = sum(found.files.values()) / 1e6
    say(
        f"{found.encoder} in {found.path}: {len(found.files)} files, {size:.1f} MB: {', '.join(found.files)}",
        result=True,
    )
    say(f"loaded again: {found.self_test}", result=True)
    if found.not_stated:
        say(f"not stated, and the card says so: {', '.join(found.not_stated)}; state them: --facts FACTS.toml")
    say(f"whoever gets it checks it so: tymbal encoders check {found.path}")
    return EXIT_OK
