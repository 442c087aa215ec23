from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.probes.finetuning.conftest import build
from tests.probes.finetuning.test_study import calls  # noqa: F401 - fixture

from tymbal.cli.main import main
from tymbal.corpus import Corpus, make_split
from tymbal.encoders import save_encoder
from tymbal.features import FeatureStore

QUICK = ["--epochs", "2", "--batch-size", "8", "--frames", "4", "--segment", "0.5", "--workers", "1", "--no-audit"]


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """A file of weights of a tiny encoder."""
    save_encoder(build("hubert"), tmp_path / "hubert.safetensors")
    return str(tmp_path / "hubert.safetensors")


def test_the_verb_trains_tells_and_goes_on(
    calls: Path,  # noqa: F811
    weights: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    out = tmp_path / "run"
    command = ["finetune", str(calls), "--encoder", weights, "--label", "call", "--split", "named", "-o", str(out)]
    command += ["--mode", "lora", "--rank", "2", "--targets", "q_proj,v_proj", "--keep-encoder", *QUICK]
    assert main(command) == 0
    told = capsys.readouterr().err
    assert "24 examples, 2 labels, 8 groups, split named" in told
    assert "fine-tuned" in told
    assert "the head on frozen features" in told
    assert "training, fold test" in told
    assert "no intervals: 2 independent units (session), 8 are needed" in told
    assert "fine-tuned - frozen, balanced_accuracy:" in told
    assert "weights of the encoder trained" in told
    assert main([*command, "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert "training, fold" not in captured.err
    assert set(found["probes"]) == {"finetuned", "baseline"}
    assert main(["finetune", "--config", str(out / "finetune.toml"), "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    store = ["embed", str(calls), "--encoder", str(out / "encoder_test.safetensors"), "-o", str(tmp_path / "store")]
    assert main([*store, "--segment", "0.5", "--workers", "1", "--quiet"]) == 0
    frozen, tuned = FeatureStore.open(out / "features"), FeatureStore.open(tmp_path / "store")
    assert frozen.manifest.encoder_checksum != tuned.manifest.encoder_checksum
    assert main(["report", str(out), "-o", str(tmp_path / "page.html"), "--quiet"]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "be told by hubert, fine-tuned?" in page
    assert "The fine-tuned encoder reached" in page


def test_without_groups_to_watch_no_epoch_is_called_the_best(
    calls: Path,  # noqa: F811
    weights: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus = Corpus.open(calls)
    make_split(corpus, "pairs", by="session", folds={"train": 0.25, "test": 0.75})  # two sessions to train on
    command = ["finetune", str(calls), "--encoder", weights, "--label", "call", "--split", "pairs", *QUICK]
    assert main([*command, "-o", str(tmp_path / "run")]) == 0
    told = capsys.readouterr().err
    assert "2 epochs, kept the last: too few groups to hold any back" in told


def test_a_recording_that_cannot_be_heard_is_listed_and_the_rest_trained(
    calls: Path,  # noqa: F811
    weights: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(calls.parent, folder)
    (folder / "05.wav").write_bytes(b"RIFF")
    corpus = str(folder / calls.name)
    command = ["finetune", corpus, "--encoder", weights, "--label", "call", "--split", "named", *QUICK]
    assert main([*command, "-o", str(tmp_path / "run"), "--mode", "layernorm"]) == 4
    told = capsys.readouterr().err
    assert "1 failed:" in told
    assert "05.wav" in told
    assert len(Corpus.open(corpus).recordings) == 24
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["task"]["examples"] == 23


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--label", "species"], 2, "no column 'species'"),
        (["--label", "call", "--split", "moon"], 2, "no split 'moon'"),
        (["--label", "call", "--head", "ridge"], 2, "--head: the head ridge is solved for, not trained"),
        (["--label", "call", "--rank", "0"], 2, "--rank is 0"),
        (["--label", "call", "--segment", "0"], 2, "--segment is 0.0"),
        (["--label", "call", "--layer-decay", "2"], 2, "--layer-decay is 2.0"),
        (["--label", "call", "--mode", "lora", "--targets", "nope"], 2, "--targets: no linear map of hubert matches"),
        (["--label", "call", "--layers", "nope"], 2, "--layers: no layer 'nope'"),
        (["--label", "call", "--metric", "nope"], 2, "nope"),
        (["--label", "call", "--sample-rate", "8000"], 2, "made for 16000 Hz"),
        (["--label", "call", "--epochs", "0"], 2, "--epochs is 0"),
    ],
)
def test_errors_are_one_line(
    options: list[str],
    code: int,
    said: str,
    calls: Path,  # noqa: F811
    weights: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shared = ["finetune", str(calls), "--encoder", weights, "-o", str(tmp_path / "run"), "--workers", "1", "--quiet"]
    assert main([*shared, *options]) == code
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_an_encoder_without_weights_is_refused(
    calls: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["finetune", str(calls), "--encoder", "spectral", "--label", "call", "-o", str(tmp_path / "run")]) == 3
    assert "spectral: it has no weights" in capsys.readouterr().err
