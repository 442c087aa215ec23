"""Plans: every sample in one unit, addresses that depend on content, linear cost."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.features.toys import ToyConfig, ToyCorpus, ToyEncoder
from tests.reference.features import unit_counts

from tymbal.annotations.tables import make_events
from tymbal.config import digest
from tymbal.errors import EncoderError, NothingDoneError
from tymbal.features import EmbedConfig
from tymbal.features.plan import SHARD_UNITS, EmbedPlan, make_embed_plan


def corpus_of(lengths: dict[str, int], *, rate: int | dict[str, int] = 1000, channels: int = 1) -> ToyCorpus:
    rows = [
        {
            "recording": name,
            "content_hash": digest(name, length=32),
            "size_bytes": 1,
            "mtime_ns": 1,
            "sample_rate_hz": rate if isinstance(rate, int) else rate[name],
            "channels": channels,
            "samples": samples,
        }
        for name, samples in lengths.items()
    ]
    return ToyCorpus(Path("/nowhere"), pl.DataFrame(rows))


def plan(corpus: ToyCorpus, **options: Any) -> EmbedPlan:
    return make_embed_plan(corpus, ToyEncoder(options.pop("toy", ToyConfig())), EmbedConfig(**options))


def units_of(planned: EmbedPlan) -> list[tuple[str, int | None, int, int]]:
    return [
        (each.recording, each.channel, *each.bounds(number, planned.layouts[each.rate_hz].segment_samples))
        for shard in planned.plan.shards
        for each in shard.items
        for number in range(each.first, each.first + each.units)
    ]


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdefghijkl"), st.integers(1, 300_000), min_size=1))
def test_every_sample_is_in_one_unit_in_the_order_of_names(lengths: dict[str, int]) -> None:
    planned = plan(corpus_of(lengths), segment_s=1.0)
    twin = unit_counts(lengths, 1000)
    assert units_of(planned) == [(name, 1, *bounds) for name in sorted(twin) for bounds in twin[name]]
    sizes = [sum(each.units for each in shard.items) for shard in planned.plan.shards]
    assert max(sizes) <= SHARD_UNITS


def test_addresses_follow_content_not_place() -> None:
    corpus = corpus_of({"a": 5000, "b": 90_000})
    base = plan(corpus)
    moved = ToyCorpus(Path("/elsewhere"), corpus.recordings.with_columns(mtime_ns=pl.lit(7), size_bytes=pl.lit(8)))
    assert plan(moved).plan.digest == base.plan.digest
    assert plan(moved).plan.shards[0].items[0].path != base.plan.shards[0].items[0].path
    other_bytes = ToyCorpus(corpus.root, corpus.recordings.with_columns(content_hash=pl.lit("0" * 32)))
    digests = {base.plan.digest, plan(other_bytes).plan.digest}
    digests |= {
        plan(corpus, **options).plan.digest
        for options in (
            {"segment_s": 9.0},
            {"frames": 2},
            {"dtype": "float32"},
            {"layers": "fine"},
            {"margin_s": 0.0},
            {"toy": ToyConfig(gain=2.0)},
        )
    }
    assert len(digests) == 8


def test_files_added_later_leave_most_shards_as_they_were() -> None:
    names = [f"{index:04d}.wav" for index in range(2000)]
    before = {shard.key for shard in plan(corpus_of(dict.fromkeys(names, 500))).plan.shards}
    after = {shard.key for shard in plan(corpus_of(dict.fromkeys([*names, "0100a.wav"], 500))).plan.shards}
    assert len(before) > 60
    assert len(before - after) <= 4


def test_wide_rows_make_small_shards() -> None:
    long = plan(corpus_of({"a": 4_000_000}), segment_s=1000.0)
    # A unit has 50,000 frames of "fine", twice (with "clip"), and 10,000 of "coarse": 840 kB in float16.
    assert [sum(each.units for each in shard.items) for shard in long.plan.shards] == [4]
    one_each = plan(corpus_of({"a": 120_000_000}), segment_s=30_000.0)
    assert len(one_each.plan.shards) == 4


def test_channels() -> None:
    corpus = corpus_of({"s.wav": 500, "t.wav": 500}, channels=3)
    corpus = replace(corpus, events=make_events({"recording": ["s.wav", "s.wav", "s.wav"], "channel": [2, None, 9]}))

    def channels(**options: Any) -> list[tuple[str, int | None]]:
        return [(each[0], each[1]) for each in units_of(plan(corpus, **options))]

    assert channels() == [("s.wav", None), ("s.wav", 2), ("t.wav", None)]
    assert channels(channels="mix") == [("s.wav", None), ("t.wav", None)]
    assert channels(channels="each") == [(name, c) for name in ("s.wav", "t.wav") for c in (1, 2, 3)]
    assert units_of(plan(corpus_of({"m.wav": 500}), channels="mix"))[0][1] == 1


def test_rates() -> None:
    corpus = corpus_of({"a": 1000, "b": 3000}, rate={"a": 1000, "b": 2000})
    native = plan(corpus, toy=ToyConfig(sample_rate=None), segment_s=1.0)
    assert [each[2:] for each in units_of(native)] == [(0, 1000), (0, 2000), (2000, 3000)]
    assert [fault.code for fault in native.faults] == ["mixed_rates"]
    assert "1000, 2000 Hz" in native.faults[0].message
    forced = plan(corpus, toy=ToyConfig(sample_rate=None), segment_s=1.0, sample_rate_hz=500)
    assert [each[2:] for each in units_of(forced)] == [(0, 500), (0, 500), (500, 750)]
    assert forced.faults == ()
    fixed = plan(corpus, segment_s=1.0)
    assert [each[2:] for each in units_of(fixed)] == [(0, 1000), (0, 1000), (1000, 1500)]
    with pytest.raises(EncoderError, match="made for 1000"):
        plan(corpus, sample_rate_hz=500)
    with pytest.raises(EncoderError, match=r"1000 Hz and 2000 Hz.*--sample-rate"):
        plan(corpus, toy=ToyConfig(sample_rate=None, wide_above_hz=1500))


def test_empty_recordings_fail_and_an_empty_corpus_is_told() -> None:
    planned = plan(corpus_of({"empty.wav": 0, "full.wav": 10}))
    assert [(each.item, each.error) for each in planned.failures] == [("empty.wav", "AudioError")]
    assert [each[0] for each in units_of(planned)] == ["full.wav"]
    with pytest.raises(NothingDoneError, match="no recording"):
        plan(ToyCorpus(Path("/nowhere"), corpus_of({"a": 1}).recordings.clear()))


def test_planning_grows_linearly() -> None:
    def cost(files: int) -> float:
        corpus = corpus_of({f"{index:06d}.wav": 1500 for index in range(files)})
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            plan(corpus, segment_s=1.0)
            best = min(best, time.process_time() - start)
        return best

    small, large = cost(500), cost(5000)
    assert large < 25 * small + 0.05
