"""The truth of scenes is what sounds in them: time, band, level and overlap measured from the stems."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import firwin, oaconvolve
from tests.reference import synthesis as slow
from tests.synthesis.plans import DRY, LINEAR, dry_plan, short_calls

from tymbal.errors import ConfigError, DataError, UsageError
from tymbal.synthesis import Scene, SceneGenerator, ScenePlan, Stem, fewshot_plan
from tymbal.synthesis.distributions import choice, constant
from tymbal.synthesis.levels import measured_band, measured_span

RATE = 16_000


@pytest.fixture(scope="module")
def dry_scenes() -> list[Scene]:
    generator = SceneGenerator(dry_plan())
    return [generator.scene(index, stems=True) for index in range(20)]


def pairs(scenes: list[Scene]) -> list[tuple[Scene, int]]:
    found = [(scene, at) for scene in scenes for at in range(len(scene.calls))]
    assert len(found) > 100
    return found


def alone(scene: Scene, stem: Stem) -> np.ndarray:
    """The stem as long as the scene."""
    track = np.zeros(len(scene.waveform), dtype=np.float64)
    track[stem.start : stem.start + len(stem.samples)] = stem.samples
    return track


def test_scenes_are_the_same_bytes_in_any_order_and_process_state() -> None:
    plan = ScenePlan(scenes=10, seed=7)
    first, again = SceneGenerator(plan), SceneGenerator(plan)
    forward = [first.scene(index) for index in range(4)]
    np.random.seed(1)  # nobody else's generator may matter
    for index in (3, 1, 0, 2):
        scene = again.scene(index)
        assert scene.waveform.tobytes() == forward[index].waveform.tobytes()
        assert scene.calls == forward[index].calls
        assert scene.annotated == forward[index].annotated
    other = SceneGenerator(replace(plan, seed=8)).scene(0)
    assert other.waveform.tobytes() != forward[0].waveform.tobytes()
    assert len({scene.waveform.tobytes() for scene in forward}) == 4
    more = SceneGenerator(replace(plan, scenes=10_000_000)).scene(9_999_999)
    assert np.isfinite(more.waveform).all()


def test_the_generator_has_not_changed_without_its_version() -> None:
    """Where this fails on purpose, raise plan.VERSION and put the new numbers here."""
    found = [SceneGenerator(ScenePlan(seed=11)).scene(index) for index in range(2, 6)]
    told = [(len(scene.calls), [round(call.onset_s, 4) for call in scene.calls][:3]) for scene in found]
    assert told == GOLDEN


def test_background_and_stems_add_up_to_the_scene(dry_scenes: list[Scene]) -> None:
    for scene in dry_scenes:
        assert scene.background is not None
        whole = scene.background.astype(np.float64) + sum(alone(scene, stem) for stem in scene.stems)
        np.testing.assert_allclose(scene.waveform, whole, atol=2e-6)
        assert np.abs(scene.waveform).max() <= 1
        plain = SceneGenerator(dry_plan()).scene(scene.index)
        assert plain.stems == ()
        assert plain.background is None
        assert plain.waveform.tobytes() == scene.waveform.tobytes()


def test_onset_and_offset_are_where_the_energy_begins_and_ends(dry_scenes: list[Scene]) -> None:
    for scene, at in pairs(dry_scenes):
        call, track = scene.calls[at], alone(scene, scene.stems[at])
        first, last = round(call.onset_s * RATE), round(call.offset_s * RATE)
        energy = np.concatenate([[0.0], np.cumsum(track**2)])
        assert energy[first] == 0.0
        assert energy[last] == pytest.approx(energy[-1], rel=1e-12)
        loud = np.flatnonzero(np.convolve(track**2, np.ones(32) / 32, mode="same") > 0)
        power = np.convolve(track**2, np.ones(32) / 32, mode="same")[loud[0] : loud[-1] + 1]
        audible = np.flatnonzero(power > power.max() * 10**-3.1)  # 31 dB down: 5 below where calls are cut
        known = 0.003 + 0.5 / max(call.low_hz, 50.0)  # no energy has an onset finer than half a period
        assert abs(loud[0] + audible[0] - first) <= known * RATE
        assert abs(loud[0] + audible[-1] - last) <= known * RATE


def test_the_band_holds_the_energy_and_no_more(dry_scenes: list[Scene]) -> None:
    for scene, at in pairs(dry_scenes):
        call, stem = scene.calls[at], scene.stems[at]
        resolution = 2 * RATE / stem.length
        edges = [call.low_hz, call.low_hz + resolution, call.high_hz - resolution, call.high_hz]
        shares = slow.shares_below(stem.samples, RATE, edges)
        assert shares[0] <= 0.012
        assert 1 - shares[3] <= 0.012
        assert call.low_hz == 0 or shares[1] >= 0.004
        assert 1 - shares[2] >= 0.004


@pytest.mark.parametrize("wet", [False, True])
def test_snr_is_as_told_within_half_a_decibel(wet: bool) -> None:
    plan = dry_plan() if not wet else replace(dry_plan(), rooms=ScenePlan().rooms)
    generator = SceneGenerator(plan)
    scenes = [generator.scene(index, stems=True) for index in range(20)]
    off = []
    for scene, at in pairs(scenes):
        call, stem = scene.calls[at], scene.stems[at]
        assert scene.background is not None
        band = measured_band(call.low_hz, call.high_hz, RATE)
        span = measured_span(stem.start, stem.start + stem.length, len(scene.waveform), RATE)
        noise = slow.band_power(scene.background, *band, RATE, *span)
        signal = float(np.mean(stem.samples[: stem.length].astype(np.float64) ** 2))
        off.append(10 * np.log10(signal / noise) - call.snr_db)
    assert np.abs(off).max() < 0.5
    assert np.abs(np.mean(off)) < 0.02


def test_snr_holds_against_an_ordinary_band_pass_filter(dry_scenes: list[Scene]) -> None:
    """Signal and noise both through one FIR filter as wide as the band; calls whose band it can resolve."""
    off = []
    for scene, at in pairs(dry_scenes):
        call, stem = scene.calls[at], scene.stems[at]
        low, high = measured_band(call.low_hz, call.high_hz, RATE)
        first, last = measured_span(stem.start, stem.start + stem.length, len(scene.waveform), RATE)
        inside = first > 2000 and last < len(scene.waveform) - 2000
        if not inside or low < 150 or high > 7500 or scene.background is None:
            continue
        taps = firwin(2001, [low, high], fs=RATE, pass_zero=False, window="hann")
        noise = oaconvolve(scene.background.astype(np.float64), taps, mode="same")[first:last]
        call_through = oaconvolve(alone(scene, stem), taps, mode="same")
        signal = float(np.sum(call_through**2)) / stem.length
        off.append(10 * np.log10(signal / float(np.mean(noise**2))) - call.snr_db)
    assert len(off) > 40
    assert np.quantile(np.abs(off), 0.95) < 0.5


def test_levels_are_as_asked() -> None:
    plan = dry_plan()
    plan = replace(plan, levels=replace(plan.levels, snr_db=constant(7.0), spread_db=constant(0.0)))
    for index in range(5):
        assert {call.snr_db for call in SceneGenerator(plan).scene(index).calls} <= {7.0}
    loud = replace(plan.recorder, level_db=constant(-60.0))
    scene = SceneGenerator(replace(plan, recorder=loud)).scene(0, stems=True)
    assert scene.background is not None
    assert 10 * np.log10(np.mean(scene.background.astype(np.float64) ** 2)) == pytest.approx(-60, abs=0.01)


@pytest.mark.parametrize("ratio", [0.0, 0.29, 0.89, 2.3])
def test_overlap_ratio_is_as_asked(ratio: float) -> None:
    plan = short_calls(dry_plan(60.0), 130, ratio)
    for index in range(2):
        scene = SceneGenerator(plan).scene(index)
        spans = [(call.onset_s, call.offset_s) for call in scene.calls]
        assert len(spans) == 130
        assert slow.overlapping_pairs(spans) == round(ratio * 130)
        assert scene.overlap_ratio == pytest.approx(ratio, abs=0.5 / 130)
        assert [call.overlaps for call in scene.calls] == slow.overlaps(spans)
        assert min(onset for onset, _ in spans) >= 0
        assert max(offset for _, offset in spans) <= 60


def test_an_overlap_ratio_that_cannot_be_is_refused() -> None:
    plan = short_calls(dry_plan(5.0), 130, 0.0)
    with pytest.raises(DataError, match=r"130 calls .* overlap ratio of 0"):
        SceneGenerator(plan).scene(0)


def test_truth_is_pos_for_targets_unk_for_faint_ones_neg_for_others() -> None:
    plan = replace(dry_plan(), levels=replace(ScenePlan().levels, unknown_below_db=constant(5.0)))
    seen = set()
    for index in range(12):
        for call in SceneGenerator(plan).scene(index).calls:
            seen.add(call.truth)
            if call.label.startswith("other"):
                assert call.truth == "NEG"
            else:
                assert call.truth == ("UNK" if call.snr_db < 5 else "POS")
    assert seen == {"POS", "NEG", "UNK"}


@pytest.mark.parametrize("rate_hz", [8_000, 48_000, 256_000, 500_000])
def test_other_rates_are_the_same_scene_faster_and_higher(rate_hz: int) -> None:
    plan = dry_plan()
    slow_scene = SceneGenerator(plan).scene(3)
    fast_scene = SceneGenerator(replace(plan, sample_rate_hz=rate_hz)).scene(3)
    speed = rate_hz / RATE
    assert fast_scene.sample_rate_hz == rate_hz
    assert fast_scene.duration_s == pytest.approx(slow_scene.duration_s / speed)
    assert fast_scene.waveform.tobytes() == slow_scene.waveform.tobytes()
    for a, b in zip(slow_scene.calls, fast_scene.calls, strict=True):
        assert b.onset_s == pytest.approx(a.onset_s / speed)
        assert b.high_hz == pytest.approx(a.high_hz * speed)
        assert b.high_hz <= rate_hz / 2
        assert b.snr_db == a.snr_db


def test_a_plan_can_be_taken_as_it_stands_at_another_rate() -> None:
    plan = replace(dry_plan(2.0), sample_rate_hz=48_000, reference_rate_hz=48_000)
    generator = SceneGenerator(plan)
    calls = [call for index in range(10) for call in generator.scene(index).calls if call.family == "tone"]
    assert generator.scene(0).duration_s == 2.0
    assert calls
    assert max(call.high_hz for call in calls) < 14_000  # 6.5 kHz, its contour and its jitter; not three times that


def test_prompt_and_query_share_their_classes_and_rooms() -> None:
    plan = replace(fewshot_plan(prompt_s=6.0, query_s=4.0, seed=2), rooms=DRY, recorder=LINEAR)
    generator = SceneGenerator(plan)
    empty = 0
    for index in range(30):
        prompt, query = generator.parts(index)
        assert (prompt.part, query.part) == ("prompt", "query")
        assert prompt.name == f"scene-{index:06d}-prompt"
        assert (prompt.duration_s, query.duration_s) == (6.0, 4.0)
        assert sum(call.label == "target0" for call in prompt.calls) >= 1
        empty += not any(call.label.startswith("target") for call in query.calls)
        kinds = {call.label: call.family for call in prompt.calls}
        assert all(kinds.get(call.label, call.family) == call.family for call in query.calls)
        assert prompt.waveform[:100].tobytes() != query.waveform[:100].tobytes()
    assert 3 <= empty <= 27  # 18 % by plan, more by chance of a low rate
    assert generator.scene(3, 1).waveform.tobytes() == generator.parts(3)[1].waveform.tobytes()


def test_a_pool_gives_every_scene_the_same_vocabulary() -> None:
    plan = dry_plan()
    plan = replace(plan, classes=replace(plan.classes, pool=3, targets=choice(2), distractors=constant(0)))
    generator = SceneGenerator(plan)
    families: dict[str, set[str]] = {}
    for index in range(20):
        for call in generator.scene(index).calls:
            assert call.truth != "NEG"
            families.setdefault(call.label, set()).add(call.family)
    assert set(families) == {"v000", "v001", "v002"} == set(generator.labels)
    assert all(len(found) == 1 for found in families.values())


def test_wrong_numbers_and_plans_are_told() -> None:
    generator = SceneGenerator(ScenePlan(scenes=3))
    assert len(generator) == 3
    with pytest.raises(UsageError, match="no scene 3 "):
        generator.scene(3)
    with pytest.raises(UsageError, match="no part 1 "):
        generator.scene(0, 1)
    with pytest.raises(ConfigError, match="seed"):
        SceneGenerator(ScenePlan(seed=-1))


def test_events_and_coverage_are_the_house_tables() -> None:
    plan = replace(dry_plan(), levels=replace(ScenePlan().levels, unknown_below_db=constant(8.0)))
    scenes = [SceneGenerator(plan).scene(index) for index in range(10)]
    scene = next(each for each in scenes if any(call.truth == "UNK" for call in each.calls))
    events = scene.events
    assert events["onset_s"].to_list() == sorted(call.onset_s for call in scene.calls)
    assert events["truth"].to_list() == [call.truth for call in scene.calls]
    faint = events.filter(truth="UNK")
    assert faint["certainty"].to_list() == ["unknown"] * faint.height
    for row in faint.iter_rows(named=True):
        middle = (row["onset_s"] + row["offset_s"]) / 2
        covered = scene.coverage.filter((scene.coverage["start_s"] <= middle) & (scene.coverage["end_s"] > middle))[
            "labels"
        ].to_list()
        assert all(row["label"] not in labels for labels in covered)
    assert set(scene.annotations["label"]) <= set(events["label"])


GOLDEN = [
    (9, [1.3602, 2.1795, 2.3396]),
    (8, [1.6446, 3.1781, 5.126]),
    (6, [0.1144, 1.2703, 2.7909]),
    (13, [0.1291, 0.3749, 0.5004]),
]
