"""Sets of boxes end to end on miniature copies: trained, chosen on validation, the test part read once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.benchmarks.boxes import replicas
from tests.benchmarks.boxes.conftest import QUICK, Ran

from tymbal.benchmarks import BenchConfig, BoxesConfig, benchmark_sets, run_benchmark, verify
from tymbal.benchmarks.boxes.run import run_boxes
from tymbal.cli.main import main
from tymbal.detection import Detector
from tymbal.encoders import create_encoder
from tymbal.errors import TymbalError, UsageError

KEPT = ("results.md", "results.json", "results.parquet", "OZF/result.json", "OZF/scores/scores.json")


def test_bursts_are_found_and_scored_beside_their_ceiling(boxes_run: Ran) -> None:
    result = boxes_run.outcome.results["OZF"]
    found, best = (result[side][result["picked"]] for side in ("probes", "ceilings"))
    assert found["f1@0.5"]["value"] > 0.5
    assert best["f1@0.5"]["value"] > 0.95
    assert set(result["metrics"]) <= set(found)
    assert found["class_agnostic_f1@0.5"]["value"] == pytest.approx(found["f1@0.5"]["value"])  # of one class
    assert found["f1@0.5"]["units"] == 2
    assert found["f1@0.5"]["low"] is None  # two recordings allow no interval
    assert result["labels"] == ["call"]


def test_a_set_that_fails_does_not_stop_the_others(boxes_run: Ran) -> None:
    ((name, why),) = boxes_run.outcome.failures
    assert name == "MT"
    assert "MT" in why
    assert set(boxes_run.outcome.results) == {"OZF", "Katy"}
    page = (boxes_run.out / "results.md").read_text()
    assert "- failed: MT: " in page
    assert "- missing: Pow: " in page
    assert "zenodo.org/records/15507508" in page


def test_the_choice_is_made_on_validation_and_the_test_part_read_once(boxes_run: Ran) -> None:
    choice = json.loads((boxes_run.out / "OZF/choice.json").read_text())
    judged = choice["validation"]
    assert choice["picked"] == max(judged, key=judged.__getitem__)
    reads = [json.loads(line) for line in (boxes_run.out / "OZF/test_reads.jsonl").read_text().splitlines()]
    assert [each["method"] for each in reads] == ["forward", "segments"]
    detector = Detector.load(boxes_run.out / f"OZF/fits/{reads[0]['fit']}.detector")
    assert detector.notes_["held_events"] == 24  # the validation part, and nothing else
    assert detector.notes_["events"] == 48


def test_running_again_changes_no_byte_trains_nothing_and_reads_nothing(
    boxes_run: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = (boxes_run.out / "OZF/test_reads.jsonl").read_bytes()
    before = {name: (boxes_run.out / name).read_bytes() for name in KEPT}

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("done again")

    monkeypatch.setattr("tymbal.detection.Detector.fit", refuse)
    monkeypatch.setattr("tymbal.detection.Detector.predict", refuse)
    run_benchmark(
        "boxes",
        boxes_run.data,
        create_encoder("spectral"),
        boxes_run.out,
        sets=["OZF", "Katy", "MT", "Pow"],
        config=QUICK,
    )
    assert {name: (boxes_run.out / name).read_bytes() for name in KEPT} == before
    assert (boxes_run.out / "OZF/test_reads.jsonl").read_bytes() == reads


def test_events_of_unknown_class_and_classes_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replicas.make(tmp_path, "Pow")
    typed = (
        f"bench boxes {tmp_path} --set Pow --methods forward --layers log_mel --epochs 1 --width 8 -o {tmp_path}/out"
    )
    assert main([*typed.split(), "--workers", "1"]) == 0
    told = capsys.readouterr().err
    assert "Pow" in told
    assert "class_agnostic_f1@0.5" in told
    assert "ceiling" in told
    result = json.loads((tmp_path / "out/Pow/result.json").read_text())
    assert len(result["labels"]) == 6
    assert result["unknown"] > 0
    best = result["ceilings"]["forward"]
    assert best["macro_f1@0.5"]["value"] > 0.9
    assert best["voxaboxen_macro_f1@0.5"]["value"] > 0.9
    assert result["detector"]["training"]["epochs"] == 1


@pytest.mark.full
def test_a_killed_run_ends_with_the_bytes_of_one_never_killed(tmp_path: Path) -> None:
    replicas.make(tmp_path, "OZF")
    typed = (
        f"bench boxes {tmp_path} --set OZF --methods forward,segments --layers log_mel --epochs 12 --width 8 --quiet"
    )
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    assert main([*typed.split(), "--workers", "1", "-o", str(whole)]) == 0
    command = [sys.executable, "-m", "tymbal", *typed.split(), "--workers", "1", "-o", str(torn)]
    process = subprocess.Popen(command)
    until = time.monotonic() + 120
    while not list(torn.glob("OZF/fits/*.training/*")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not (torn / "results.json").exists()
    assert subprocess.run(command, check=False).returncode == 0
    kept = (
        "results.md",
        "results.json",
        "results.parquet",
        "OZF/result.json",
        "OZF/choice.json",
        "OZF/test_reads.jsonl",
    )
    assert {name: (torn / name).read_bytes() for name in kept} == {name: (whole / name).read_bytes() for name in kept}


def test_wrong_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown method 'nope' .*both, forward"):
        replace(QUICK, methods=("nope",)).check()
    encoder = create_encoder("spectral")
    replicas.make(tmp_path, "OZF")
    wrong = replace(QUICK, detector=replace(QUICK.detector, layers=("nope",)))
    with pytest.raises(TymbalError, match=r"no layer 'nope' .*log_mel"):
        run_benchmark("boxes", tmp_path, encoder, tmp_path / "out", sets=["OZF"], config=wrong)
    for benchmark, config in (("boxes", BenchConfig()), ("beans", BoxesConfig())):
        with pytest.raises(UsageError, match=r"Config for"):
            run_benchmark(benchmark, Path("x"), encoder, Path("y"), config=config)


def test_what_is_no_set_of_boxes_or_not_ready_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    described = (*benchmark_sets("boxes", ["OZF"]), *benchmark_sets("beans", ["rfcx"]))
    found = [verify(tmp_path / "nothing", each) for each in described]
    results, failures = run_boxes(found, create_encoder("spectral"), tmp_path / "out")
    assert results == {}
    assert [name for name, _ in failures] == ["OZF", "rfcx"]
    assert "OZF is not ready" in failures[0][1]
    assert "rfcx is no set of boxes" in failures[1][1]
