"""The model card of a published encoder: what is stated about it, and by name what is not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tymbal.encoders.contract import Encoder
from tymbal.encoders.describe import layer_rows
from tymbal.errors import ConfigError

NOT_STATED = "not stated"


@dataclass(frozen=True)
class DataFacts:
    """One set of recordings it was trained on; `hours` of sound, `where` it is found."""

    name: str
    licence: str | None = None
    hours: float | None = None
    where: str | None = None
    about: str | None = None


@dataclass(frozen=True)
class ScoreFacts:
    """One measured score with its interval low … high, over `units` independent ones ("8 birds"), and the command
    that gave it."""

    task: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    units: str | None = None
    command: str | None = None


@dataclass(frozen=True)
class CardFacts:
    """What only its makers know of an encoder; a field left out is listed on the card as not stated.

    Parameters
    ----------
    name : what it is called; by default its architecture.
    about : what it is for, a sentence or two.
    licence : of the weights.
    authors, contact, citation : who made it.
    data : every set of recordings that training read, with or without labels.
    training : how it was trained. Of a run of `tymbal pretrain` the card states the recipe by itself.
    cost : of the training: hardware, hours, energy.
    scores : as measured, each with its interval or its number of units.
    limits : where it fails, what it was not tried on.
    """

    name: str | None = None
    about: str | None = None
    licence: str | None = None
    authors: str | None = None
    contact: str | None = None
    citation: str | None = None
    data: tuple[DataFacts, ...] = ()
    training: str | None = None
    cost: str | None = None
    scores: tuple[ScoreFacts, ...] = ()
    limits: str | None = None

    def check(self) -> None:
        """Raise ConfigError for numbers that cannot be: scores that are none, intervals that do not hold theirs."""
        for each in self.data:
            if each.hours is not None and not 0 < each.hours < math.inf:
                raise ConfigError(f"data {each.name!r}: hours is {each.hours}", allowed="hours above 0")
        for score in self.scores:
            bounds = (score.low is None) == (score.high is None)
            low, high = (score.value if each is None else each for each in (score.low, score.high))
            if not math.isfinite(score.value) or not bounds or not low <= score.value <= high:
                raise ConfigError(
                    f"score {score.task!r}: {score.value} in {score.low} … {score.high}",
                    allowed="a number between low and high, or neither of these",
                )


@dataclass(frozen=True)
class Card:
    """All that a card is made of. `run` is the pretraining.json beside the encoder's file, None where there is none."""

    encoder: Encoder  # bound to a rate
    any_rate: bool
    checksum: str
    facts: CardFacts
    run: dict[str, Any] | None = None
    labels: tuple[str, ...] = ()
    head: bool = False
    origin: str = ""
    notes: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Weights, counted."""
        return sum(each.numel() for each in self.encoder.parameters())

    @property
    def trained(self) -> bool:
        """Whether there is anything that training made."""
        return bool(self.encoder.state_dict())

    def missing(self) -> tuple[str, ...]:
        """What a reader needs and nobody stated, in words."""
        facts, trained = self.facts, self.trained
        wanted: list[tuple[str, object]] = [
            ("about", facts.about),
            ("licence", facts.licence),
            ("authors", facts.authors),
            ("data", facts.data or not trained),
            *((f"licence of data {each.name!r}", each.licence) for each in facts.data),
            *((f"hours of data {each.name!r}", each.hours) for each in facts.data),
            ("training", facts.training or self.run or not trained),
            ("cost", facts.cost or not trained),
            ("scores", facts.scores),
            *((f"interval or units of score {e.task!r}", e.low is not None or e.units) for e in facts.scores),
            ("limits", facts.limits),
        ]
        return tuple(name for name, value in wanted if not value)


def write_card(card: Card) -> str:
    """The card as Markdown."""
    facts = card.facts
    parts = [
        f"# {facts.name or card.encoder.name}",
        facts.about or f"What it is for: {NOT_STATED}.",
        _table(("fact", ""), _head(card)),
        "## Use it",
        "    tymbal encoders check FOLDER    # every file's hash, the reference outputs, what each layer promises\n"
        "    tymbal embed CORPUS --encoder FOLDER -o STORE",
        "## Layers",
        f"At {card.encoder.sample_rate} Hz{', as an example: it takes any rate' if card.any_rate else ''}.",
        _table(("layer", "values", "bands", "frames/s", "a frame sees", "long recordings"), _layers(card.encoder)),
        "## Data",
        _data(card),
        "## Training",
        facts.training or (_recipe(card.run) if card.run else _unsaid(card)),
        "## Cost",
        facts.cost or _unsaid(card),
        "## Scores",
        _scores(facts.scores),
        "## Limits",
        facts.limits or f"{NOT_STATED.capitalize()}.",
    ]
    if card.labels:
        parts += ["## Labels", _labels(card)]
    if card.notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in card.notes)]
    missing = card.missing()
    if missing:
        parts += ["## Not stated", "\n".join(f"- {name}" for name in missing)]
    return "\n\n".join(parts) + "\n"


def _unsaid(card: Card) -> str:
    return f"{NOT_STATED.capitalize()}." if card.trained else "None: it is computed, nothing was trained."


def _head(card: Card) -> list[tuple[str, str]]:
    facts, parameters = card.facts, card.parameters
    rows = [
        ("architecture", f"`{card.encoder.name}`"),
        ("weights", f"{parameters / 1e6:.2f} M" if parameters else "none"),
        ("sample rate", "any" if card.any_rate else f"{card.encoder.sample_rate} Hz"),
        ("batches", f"sounds of {'any' if card.encoder.batching == 'masked' else 'one'} length"),
        ("licence", facts.licence or NOT_STATED),
        ("authors", facts.authors or NOT_STATED),
    ]
    rows += [(name, value) for name in ("contact", "citation") if (value := getattr(facts, name))]
    return [*rows, ("checksum", f"`{card.checksum}`")]


def _layers(encoder: Encoder) -> list[tuple[str, ...]]:
    return [
        (
            f"`{row.name}`",
            str(row.dim),
            str(row.bands),
            f"{row.frames_per_s:.4g}",
            "the whole window" if row.receptive_ms is None else f"{row.receptive_ms:.4g} ms",
            "exactly" if row.local else "in windows",
        )
        for row in layer_rows(encoder)
    ]


def _data(card: Card) -> str:
    if not card.trained:
        return _unsaid(card)
    rows = [
        (each.name, each.licence or NOT_STATED, NOT_STATED if each.hours is None else f"{each.hours:g}", _where(each))
        for each in card.facts.data
    ]
    parts = [_table(("recordings", "licence", "hours", "where"), rows)] if rows else [f"{NOT_STATED.capitalize()}."]
    if card.run is not None:
        read = [_source(each) for each in card.run.get("sources", ())]
        parts += ["Its training read these stores of pictures, or plans of made scenes:"]
        parts += [_table(("read", "hours", "digest"), read)]
    return "\n\n".join(parts)


def _source(each: dict[str, Any]) -> tuple[str, str, str]:
    """What a recipe names (a store, a plan), its hours and digest."""
    kind = next((kind for kind in ("store", "plan") if each.get(kind)), "")
    hours = each.get("hours")
    return (
        f"{kind} `{each[kind]}`" if kind else NOT_STATED,
        f"{hours:g}" if isinstance(hours, int | float) and math.isfinite(hours) and hours > 0 else NOT_STATED,
        f"`{each['digest']}`" if each.get("digest") else NOT_STATED,
    )


def _where(each: DataFacts) -> str:
    return "; ".join(text for text in (each.where, each.about) if text) or NOT_STATED


def _recipe(run: dict[str, Any]) -> str:
    """What pretraining.json says, in one paragraph."""
    recipe = run["recipe"]
    training = recipe["training"]
    begin = f"from `{recipe['encoder']}`" if recipe["encoder"].endswith(".safetensors") else "from random weights"
    stages = f"{_count(recipe['head_epochs'], 'epoch')} of the head alone, then " if recipe["head_epochs"] else ""
    return (
        f"`tymbal pretrain`, objective `{recipe['objective']}`, {begin}: {stages}"
        f"{_count(training['epochs'], 'epoch')} of {_count(recipe['crops'], 'crop')} of {recipe['crop_s']:g} s, "
        f"{_count(run['steps'], 'step')} of {training['batch_size']} at most, "
        f"learning rate {training['learning_rate']:g}, seed {training['seed']}. All of it is in `pretraining.json`."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _scores(scores: Sequence[ScoreFacts]) -> str:
    if not scores:
        return f"{NOT_STATED.capitalize()}."
    rows = [
        (
            each.task,
            each.metric,
            f"{each.value:g}",
            "none" if each.low is None else f"{each.low:g} … {each.high:g}",
            each.units or NOT_STATED,
            f"`{each.command}`" if each.command else NOT_STATED,
        )
        for each in scores
    ]
    return _table(("task", "metric", "score", "interval", "units", "command"), rows)


def _labels(card: Card) -> str:
    head = (
        "The linear head stands in `encoder.classifier.safetensors`." if card.head else "Their head is not part of it."
    )
    some = ", ".join(card.labels[:20]) + (", …" if len(card.labels) > 20 else "")
    return f"{len(card.labels)}, in class order in `label_map.json`: {some}. {head}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def stated_by(facts: CardFacts, *, licence: str | None, name: str | None) -> CardFacts:
    """The facts, with the licence and the name that are known of a published checkpoint where they state none."""
    return replace(facts, licence=facts.licence or licence, name=facts.name or name)
