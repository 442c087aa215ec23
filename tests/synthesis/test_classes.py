"""Which classes a scene has."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tests.synthesis.plans import dry_plan

from tymbal.synthesis.classes import labels_of, scene_classes
from tymbal.synthesis.distributions import choice, constant
from tymbal.synthesis.exemplars import VoiceSource


def test_classes_are_targets_first_with_their_own_labels() -> None:
    plan = dry_plan()
    counts: Counter[int] = Counter()
    for index in range(40):
        found = scene_classes(plan, index, None)
        names = [each.label for each in found]
        targets = [each.label for each in found if each.target]
        assert targets == [f"target{at}" for at in range(len(targets))]
        assert names[len(targets) :] == [f"other{at}" for at in range(len(names) - len(targets))]
        assert set(names) <= set(labels_of(plan))
        counts[len(targets)] += 1
        assert [each.source for each in found] == [each.source for each in scene_classes(plan, index, None)]
    assert set(counts) == {1, 2}


def test_alike_distractors_have_the_duration_of_a_target_and_mutants_its_family() -> None:
    plan = dry_plan()
    for kind in ("alike", "mutant"):
        classes = replace(plan.classes, targets=choice(1), distractors=constant(2), distractor_kinds={kind: 1.0})
        for index in range(10):
            target, *others = (each.source for each in scene_classes(replace(plan, classes=classes), index, None))
            assert isinstance(target, VoiceSource)
            for other in others:
                assert isinstance(other, VoiceSource)
                assert other != target
                if kind == "alike":
                    assert other.voice.duration_s == target.voice.duration_s
                else:
                    assert other.family == target.family


def test_a_pool_is_the_same_for_all_scenes() -> None:
    plan = replace(
        dry_plan(), classes=replace(dry_plan().classes, pool=6, targets=constant(3), distractors=constant(2))
    )
    known: dict[str, object] = {}
    for index in range(10):
        found = scene_classes(plan, index, None)
        assert len({each.label for each in found}) == 5
        for each in found:
            assert known.setdefault(each.label, each.source) == each.source
    assert sorted(known) == list(labels_of(plan))
