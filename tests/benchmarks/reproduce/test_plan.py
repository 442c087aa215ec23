"""The plan: what is there, what is missing, what is broken, and what is too large."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.benchmarks import replicas

from tymbal.benchmarks.reproduce import plan_study, study_sets
from tymbal.benchmarks.reproduce.plan import places
from tymbal.errors import UsageError


def test_nothing_there_is_a_plan_of_what_is_missing(tmp_path: Path) -> None:
    plan = plan_study(tmp_path, models=["BEATs", "sl-BEATs-all"])
    assert (plan.probes, len(plan.missing_sets), len(plan.missing_models)) == (2 * 18 * 4, 18, 2)
    assert (plan.ready, plan.work, plan.to_run) == ((), (), ())
    record = plan.record()
    assert "watkins_202104" in record["sets"]["watkins"]["get"]
    assert record["models"][1]["weights"] == "missing"
    # 13 layers of 62 frames of 768 values in 10 s, float16
    assert record["an_hour_of_sound"]["BEATs"]["stored_gb"] == pytest.approx(13 * 62 * 768 * 2 * 360 / 1e9)


def test_a_replica_is_counted_and_a_broken_set_named(tmp_path: Path) -> None:
    replicas.birdset(replicas.esc50(tmp_path / "beans").parent / "birdset", "HSN", ("amerob", "norcar"))
    (tmp_path / "beans/dogs").mkdir()
    (tmp_path / "beans/rfcx/train").mkdir(parents=True)
    replicas.tone(tmp_path / "beans/rfcx/train/r00.flac", 1.0)
    (tmp_path / "beans/rfcx/train_tp.csv").write_text("no,such,columns\n1,2,3\n")
    plan = plan_study(tmp_path, random_weights="tiny", tasks=["esc50", "dogs", "rfcx", "HSN"], models=["BEATs"])
    assert [found.described.name for found in plan.ready] == ["esc50", "HSN"]
    broken = {found.described.name: found.departures[0].code for found in plan.missing_sets}
    assert broken == {"dogs": "no_file", "rfcx": "unreadable"}
    esc, hsn = plan.facts
    assert (esc.examples, esc.train, esc.labels, esc.longest_s) == (20, 12, 2, 1.0)
    assert esc.hours == pytest.approx(20 / 3600)
    assert hsn.longest_s == 5.0
    assert len(plan.to_run) * plan.fits == 8
    assert all(each.encode_cpu_h is None for each in plan.work)  # tiny encoders: nothing to estimate


def test_what_does_not_fit_in_memory_is_skipped_with_the_mend(tmp_path: Path) -> None:
    replicas.esc50(tmp_path / "beans")
    plan = plan_study(tmp_path, random_weights="tiny", tasks=["esc50"], models=["BEATs"])
    (each,) = plan.work
    assert plan.too_large(each) is None or plan.memory_gb is None
    small = replace(plan, memory_gb=each.memory_gb / 2)
    assert "--frames 16" in str(small.too_large(each))
    assert small.to_run == ()
    pooled = plan_study(tmp_path, random_weights="tiny", tasks=["esc50"], models=["BEATs"], frames=1)
    assert pooled.work[0].memory_gb < each.memory_gb


def test_sets_of_one_page_are_told_together() -> None:
    told = places(study_sets(["esc50", "birdset"]))
    assert [names for names, _ in told] == ["esc50", "POW, PER, NES, NBP, HSN, SNE, UHH"]
    assert "download the folder SET/" in told[1][1]
    assert "clone the repository to esc50/" in told[0][1]


def test_wrong_numbers_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        plan_study(tmp_path, weights=tmp_path / "nothing")
    with pytest.raises(UsageError, match="frames is -1"):
        plan_study(tmp_path, frames=-1)
