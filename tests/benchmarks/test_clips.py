"""Clips: what is not there is left out by name, what cannot be read is said, twice the same recording is two clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.benchmarks.replicas import tone

from tymbal.benchmarks import benchmark_sets
from tymbal.benchmarks.clips import Clip, clip_contents


def test_what_is_there_keeps_its_fold(tmp_path: Path) -> None:
    tone(tmp_path / "a.wav", 2.0)
    (tmp_path / "b.wav").write_bytes(b"no sound")
    (dogs,) = benchmark_sets("beans", ["dogs"])
    clips = [
        Clip(name, ("Zoe",), fold, name) for name, fold in (("a.wav", "test"), ("b.wav", "train"), ("c.wav", None))
    ]
    found = clip_contents(tmp_path, [*clips, clips[0]], replace(dogs, max_s=1.5), ("Zoe",))
    assert found.missing == ("c.wav",)
    assert [fault.code for fault in found.faults] == ["unreadable"]
    assert found.examples.select("event_id", "onset_s", "offset_s", "fold").rows() == [
        ("a.wav", 0.0, 1.5, "test"),
        ("a.wav#2", 0.0, 1.5, "test"),
    ]
    assert found.count() == {"test": 2}
