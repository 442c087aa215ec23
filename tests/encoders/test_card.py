"""The card states what is known and lists the rest; it invents nothing."""

from __future__ import annotations

import pytest

from tymbal.encoders.card import Card, CardFacts, DataFacts, ScoreFacts, stated_by, write_card
from tymbal.encoders.melcnn import MelCnn
from tymbal.encoders.spectral import SpectralEncoder
from tymbal.errors import ConfigError

FULL = CardFacts(
    name="Katydids",
    about="Calls of katydids.",
    licence="CC0-1.0",
    authors="A. Person",
    data=(DataFacts("forest | 2019", "CC-BY-4.0", 12.5, "a page"),),
    training="As in a recipe.",
    cost="2 cores, 3 h",
    scores=(ScoreFacts("cats", "balanced accuracy", 0.7, 0.6, 0.8, "11 sessions", "tymbal probe x"),),
    limits="Not tried on bats.",
)
RUN = {
    "recipe": {
        "encoder": "melcnn",
        "objective": "byol",
        "crop_s": 3.0,
        "crops": 64,
        "head_epochs": 0,
        "training": {"epochs": 2, "batch_size": 8, "learning_rate": 5e-4, "seed": 3},
    },
    "sources": [
        {"store": "pictures", "digest": "abc", "hours": 0.5},
        {"plan": "scenes.toml", "digest": "def", "hours": 0.0},
    ],
    "steps": 16,
}


def card(facts: CardFacts, **more: object) -> Card:
    encoder = MelCnn.tiny().at_rate(16000)
    return Card(encoder, True, "0123", facts, **more)  # type: ignore[arg-type]


def test_a_full_card_has_every_fact_and_lists_nothing() -> None:
    text = write_card(card(FULL))
    assert card(FULL).missing() == ()
    for told in (
        "# Katydids",
        "CC0-1.0",
        r"forest \| 2019",
        "12.5",
        "2 cores",
        "0.6 … 0.8",
        "11 sessions",
        "bats",
        "`block3`",
    ):
        assert told in text
    assert "ot stated" not in text


def test_what_nobody_stated_is_listed_by_name() -> None:
    bare = card(CardFacts(data=(DataFacts("x"),), scores=(ScoreFacts("t", "m", 0.5),)))
    missing = bare.missing()
    for name in (
        "about",
        "licence",
        "authors",
        "licence of data 'x'",
        "hours of data 'x'",
        "training",
        "cost",
        "limits",
    ):
        assert name in missing
        assert f"- {name}\n" in write_card(bare)
    assert "interval or units of score 't'" in missing
    assert "data" not in missing


def test_a_run_states_its_training_and_the_stores_it_read() -> None:
    told = card(CardFacts(), run=RUN)
    assert "training" not in told.missing()
    assert {"data", "cost"} <= set(told.missing())  # a store says neither what it holds nor under which licence
    text = write_card(told)
    assert "objective `byol`, from random weights: 2 epochs of 64 crops of 3 s, 16 steps" in text
    assert "| store `pictures` | 0.5 | `abc` |" in text
    assert "| plan `scenes.toml` | not stated | `def` |" in text


def test_nothing_was_trained_in_what_has_no_weights() -> None:
    computed = Card(SpectralEncoder().at_rate(8000), True, "0", CardFacts())
    assert not {"data", "training", "cost"} & set(computed.missing())
    assert "nothing was trained" in write_card(computed)


def test_labels_say_whether_their_head_is_there() -> None:
    assert "Their head is not part of it" in write_card(card(FULL, labels=("a", "b")))
    assert "encoder.classifier.safetensors" in write_card(card(FULL, labels=("a", "b"), head=True))


@pytest.mark.parametrize(
    "facts",
    [
        CardFacts(scores=(ScoreFacts("t", "m", 0.9, 0.1, 0.5),)),
        CardFacts(scores=(ScoreFacts("t", "m", 0.3, 0.1),)),
        CardFacts(scores=(ScoreFacts("t", "m", float("nan")),)),
        CardFacts(data=(DataFacts("d", hours=-1.0),)),
    ],
)
def test_numbers_that_cannot_be_are_refused(facts: CardFacts) -> None:
    with pytest.raises(ConfigError):
        facts.check()


def test_what_is_known_of_a_checkpoint_fills_gaps_only() -> None:
    assert stated_by(CardFacts(), licence="MIT", name="beats").licence == "MIT"
    assert stated_by(FULL, licence="MIT", name="beats") == FULL
