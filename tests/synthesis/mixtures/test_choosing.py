from __future__ import annotations

import pytest

from tymbal.corpus import Corpus
from tymbal.errors import DataError
from tymbal.synthesis.mixtures import MixturePlan
from tymbal.synthesis.mixtures.choosing import draw, eligible, together


def test_only_recordings_with_events_individual_and_coverage(birds: Corpus) -> None:
    found, left_out = eligible(birds, MixturePlan(split="parts"))
    assert [source.recording for source in found] == [f"{bird}{take}.wav" for bird in "abcd" for take in range(2)]
    assert left_out == 1
    assert {source.individual: source.fold for source in found} == {"a": "one", "b": "one", "c": "two", "d": "two"}
    with pytest.raises(DataError, match="no column 'nope' among the recordings"):
        eligible(birds, MixturePlan(by="nope"))


@pytest.mark.parametrize("recordings", [2, 3, 4])
def test_draws_hold_two_individuals_of_one_fold(birds: Corpus, recordings: int) -> None:
    plan = MixturePlan(split="parts", recordings=recordings, per_level=5)
    found, _ = eligible(birds, plan)
    draws = draw(found, plan)
    assert [each.index for each in draws] == list(range(10))
    assert [each.number for each in draws] == [*range(5), *range(5)]
    for each in draws:
        assert {source.fold for source in each.sources} == {each.fold}
        names = [source.individual for source in each.sources]
        assert len(set(names)) == 2
        assert abs(names.count(names[0]) - (recordings - names.count(names[0]))) <= 1
        assert len({source.recording for source in each.sources}) == recordings
        assert each.louder in names
    assert draw(found, plan) == draws or [each.address() for each in draw(found, plan)] == [e.address() for e in draws]
    assert together(draws) == {"a": "a+b", "b": "a+b", "c": "c+d", "d": "c+d"}


def test_without_a_split_all_birds_may_meet(birds: Corpus) -> None:
    found, _ = eligible(birds, MixturePlan())
    draws = draw(found, MixturePlan(per_level=6))
    pairs = {frozenset(source.individual for source in each.sources) for each in draws}
    assert len(pairs) == 6
    assert set(together(draws).values()) == {"a+b+c+d"}


def test_too_few_recordings_are_told(birds: Corpus) -> None:
    found, _ = eligible(birds, MixturePlan())
    with pytest.raises(DataError, match="no fold has 6 recordings of two individuals"):
        draw(found, MixturePlan(recordings=6))
