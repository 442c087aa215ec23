"""An encoder as a folder that someone else can load and check: weights, settings, labels, card, hashes, outputs."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tymbal import __version__
from tymbal.config import to_plain
from tymbal.encoders.card import Card, CardFacts, stated_by, write_card
from tymbal.encoders.check import synthetic_sound
from tymbal.encoders.checkpoint import save_encoder
from tymbal.encoders.contract import Encoder
from tymbal.encoders.describe import layer_rows
from tymbal.encoders.loading.classifier import write_classifier
from tymbal.encoders.loading.load import load_checkpoint
from tymbal.encoders.loading.selftest import write_selftest
from tymbal.encoders.overview import NATIVE_RATE_HZ
from tymbal.encoders.source import Opened, bind_rate, open_encoder
from tymbal.encoders.sums import OWN_WEIGHTS, write_sums
from tymbal.errors import EncoderError, UsageError
from tymbal.jobs.atomic import TEMPORARY_SUFFIX, write_json, write_text

FORMAT = "tymbal-published-1"
CARD, SETTINGS, LABELS, RUN = "README.md", "config.json", "label_map.json", "pretraining.json"
REFERENCE_S = 0.5  # of sound whose outputs are stored: seconds of every layer would outweigh a small encoder


@dataclass(frozen=True)
class Published:
    """What was written: files and their bytes, what nobody stated, how the copy's outputs agree, notes to read."""

    path: Path
    encoder: str
    checksum: str
    files: dict[str, int]
    not_stated: tuple[str, ...]
    self_test: str
    notes: tuple[str, ...]


def publish(
    source: str | Path,
    out: str | Path,
    *,
    facts: CardFacts | None = None,
    strict: bool = False,
    sample_rate_hz: int | None = None,
) -> Published:
    """Write the encoder that `source` names into the new folder `out`.

    It holds encoder.safetensors; config.json; label_map.json and encoder.classifier.safetensors where the source has
    labels and a linear head; pretraining.json where `tymbal pretrain` made it; encoder.selftest.safetensors, a
    synthetic sound and what every layer gives for it; README.md, the card; SHA256SUMS. `load_checkpoint` of the
    folder checks all hashes and the outputs. The folder is there whole, and has been loaded once, or not at all.

    Parameters
    ----------
    source : as `open_encoder` takes it; the folder of a pre-training too.
    facts : for the card. What they leave out is listed on it as not stated.
    strict : refuse to publish where anything is not stated.
    sample_rate_hz : of the reference outputs, for encoders of any rate; 32000 by default.

    Raises
    ------
    EncoderError for what cannot be opened or is no encoder of weights; UsageError where `out` is there already, or by
    `strict`; ConfigError for facts that cannot be.
    """
    facts = facts or CardFacts()
    facts.check()
    target = Path(out)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError("this is there already", where=target, parameter="out", mend="Give a new folder.")
    opened = open_encoder(source)
    bound = bind_rate(opened.encoder, sample_rate_hz, NATIVE_RATE_HZ)
    run, notes = _run(opened)
    card = _card(opened, bound, facts, run, notes)
    missing = card.missing()
    if strict and missing:
        raise UsageError(
            f"not stated: {', '.join(missing)}",
            parameter="facts",
            mend="State them in the TOML file of facts, or publish without --strict: the card will list them.",
        )
    temporary = target.with_name(f".{target.name}{TEMPORARY_SUFFIX}")
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed
    try:
        temporary.mkdir(parents=True)
        _fill(temporary, opened, bound, card)
        told = str(load_checkpoint(temporary).metadata["self_test"])
        if target.is_dir():
            target.rmdir()
        temporary.replace(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    files = {path.name: path.stat().st_size for path in sorted(target.iterdir())}
    return Published(target, bound.name, opened.encoder.checksum, files, missing, told, card.notes)


def _card(opened: Opened, bound: Encoder, facts: CardFacts, run: dict[str, Any] | None, notes: tuple[str, ...]) -> Card:
    loaded = opened.loaded
    labels = (loaded.labels if loaded is not None else None) or tuple((run or {}).get("labels", ()))
    return Card(
        encoder=bound,
        any_rate=opened.encoder.sample_rate is None,
        checksum=opened.encoder.checksum,
        facts=stated_by(facts, licence=opened.licence, name=opened.known.name if opened.known else None),
        run=run,
        labels=labels,
        head=loaded is not None and loaded.classifier is not None,
        notes=(*opened.notes, *notes),
    )


def _run(opened: Opened) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The pretraining.json beside the encoder's file, where it is of this encoder; and what to say otherwise."""
    origin = Path(opened.origin)
    path = (origin if origin.is_dir() else origin.parent) / RUN
    if opened.loaded is None or not path.is_file():
        return None, ()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["encoder_checksum"] == opened.encoder.checksum:
            return found, ()
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise EncoderError(f"cannot be read: {error}", where=path, mend="Mend it or take it away.") from error
    return None, (f"{path.name} beside the weights is of another encoder and was left out",)


def _fill(folder: Path, opened: Opened, bound: Encoder, card: Card) -> None:
    save_encoder(opened.encoder, folder / OWN_WEIGHTS)
    write_selftest(bound, folder / OWN_WEIGHTS, reference_sound(bound))
    settings = {
        "format": FORMAT,
        "tymbal": __version__,
        "encoder": bound.name,
        "config": to_plain(opened.encoder.config),
        "checksum": card.checksum,
        "licence": card.facts.licence,
        "parameters": card.parameters,
        "sample_rate_hz": opened.encoder.sample_rate,
        "described_at_hz": bound.sample_rate,
        "layers": [to_plain(row) for row in layer_rows(bound)],
        "not_stated": list(card.missing()),
    }
    write_json(folder / SETTINGS, settings)
    if card.labels:
        write_json(folder / LABELS, list(card.labels))
    if opened.loaded is not None and opened.loaded.classifier is not None:
        write_classifier(opened.loaded.classifier, folder / OWN_WEIGHTS)
    if card.run is not None:
        write_json(folder / RUN, card.run)
    write_text(folder / CARD, write_card(card))
    write_sums(folder)


def reference_sound(encoder: Encoder) -> torch.Tensor:
    """The synthetic sound (1, samples) whose outputs are stored: half a second, as far as the encoder takes that."""
    rate = int(encoder.sample_rate or 0)
    samples = max(encoder.min_samples, round(REFERENCE_S * rate))
    samples = min(samples, encoder.max_samples or samples)
    return synthetic_sound(rate, samples / rate + 0.01)[None, :samples]
