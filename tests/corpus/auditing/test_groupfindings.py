from __future__ import annotations

from collections.abc import Callable

import pytest

from tymbal.corpus import Corpus, make_split
from tymbal.corpus.auditing.groupfindings import (
    candidate_groups,
    expected_torn,
    group_findings,
    leaks_of,
    meaningful,
    split_findings,
)
from tymbal.corpus.auditing.leaks import Leak
from tymbal.corpus.auditing.listen import measures
from tymbal.corpus.auditing.view import View, make_view
from tymbal.errors import CorpusError

CLIPS = {
    "recording": [f"{n:02d}.wav" for n in range(24)],
    "kind": list("xy") * 12,
    "visit": [f"v{n // 4}" for n in range(24)],
}
STRONG = Leak(random=0.9, grouped=0.4, expected=0.8, p=0.002, recordings=24)
WEAK = Leak(random=0.9, grouped=0.79, expected=0.8, p=0.4, recordings=24)


@pytest.fixture
def seen(make_corpus: Callable[..., Corpus]) -> tuple[Corpus, View]:
    corpus = make_corpus(CLIPS)
    return corpus, make_view(corpus, "kind", measures(corpus)[0])


def test_expected_number_of_torn_groups(seen: tuple[Corpus, View]) -> None:
    grouping = candidate_groups(seen[1], ["visit"])[0]
    torn, several, total = expected_torn(seen[1], grouping)
    assert (several, total) == (6, 6)
    assert torn == pytest.approx(6 * (1 - 0.2**3))  # all four of a group in one fold: 5 * 0.2 ** 4


def test_noise_does_not_leak_and_names_are_noted(seen: tuple[Corpus, View]) -> None:
    tested = leaks_of(seen[1], candidate_groups(seen[1], None))
    assert [grouping.name for grouping, _ in tested] == ["visit"]
    found = group_findings(seen[1], tested)
    assert [(each.code, each.severity) for each in found] == [("random_split_leaks", "note")]


def test_a_leak_is_a_warning_until_a_split_keeps_its_groups_whole(seen: tuple[Corpus, View]) -> None:
    corpus, view = seen
    tested = [(candidate_groups(view, ["visit"])[0], STRONG)]
    assert group_findings(view, tested)[0].severity == "warning"
    make_split(corpus, "good", by="visit", folds=3)
    assert split_findings(corpus, view, "good", tested) == []
    kept = group_findings(view, tested, scheme="good")[0]
    assert (kept.severity, kept.message.endswith("Split 'good' keeps them whole")) == ("note", True)
    make_split(corpus, "bad", by="event", folds=3)
    torn = split_findings(corpus, view, "bad", tested)[0]
    assert (torn.code, torn.severity) == ("split_tears_groups", "error")
    assert set(torn.details["torn"]) <= {f"v{n}" for n in range(6)}
    quiet = split_findings(corpus, view, "bad", [(tested[0][0], WEAK)])[0]
    assert quiet.severity == "note"
    assert meaningful([(tested[0][0], WEAK)]) == [tested[0][0]]  # its name says that it may matter


def test_folds_without_a_label_are_named(seen: tuple[Corpus, View]) -> None:
    corpus, view = seen
    corpus._tables["recordings"] = corpus.recordings
    make_split(corpus, "s", by="kind", folds=2)
    found = split_findings(corpus, view, "s", [])
    assert [each.code for each in found] == ["fold_lacks_labels"]
    assert {len(labels) for labels in found[0].details["folds"].values()} == {1}
    with pytest.raises(CorpusError, match="no split"):
        split_findings(corpus, view, "t", [])
