"""`tymbal embed` on real files: exit codes, what is said where, parameters that come back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tests.features.toys import contents, noise

from tymbal.cli.main import main
from tymbal.corpus import index
from tymbal.encoders import save_encoder
from tymbal.encoders.beats import Beats
from tymbal.encoders.onnx import tiny_graph
from tymbal.features import FeatureStore


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    root = tmp_path / "sound"
    root.mkdir()
    for number in range(3):
        soundfile.write(root / f"{number}.wav", noise(8000 + number, seed=number), 8000, subtype="PCM_16")
    index(root, out=tmp_path / "corpus", workers=1)
    return tmp_path / "corpus"


def run(corpus: Path, out: Path, *more: str) -> int:
    return main(["embed", str(corpus), "-o", str(out), "--workers", "1", *more])


def test_all_well_is_told_to_people(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(corpus, tmp_path / "store", "--layers", "log_mel,mfcc", "--frames", "4") == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "embed: 3/3" in captured.err
    assert "3 of 3 recordings, 3 segments" in captured.err
    assert FeatureStore.open(tmp_path / "store").layers == ("log_mel", "mfcc")


def test_json_for_machines_and_silence_on_request(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(corpus, tmp_path / "store", "--json", "--quiet", "--layers", "last") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert (found["counts"]["embedded"], found["failures"], found["layers"]) == (3, [], ["scattering"])
    assert captured.err == ""
    assert run(corpus, tmp_path / "store", "--quiet", "--layers", "last") == 0
    assert capsys.readouterr() == ("", "")


def test_failed_recordings_are_listed_and_the_exit_code_says_so(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sound" / "1.wav").unlink()
    assert run(corpus, tmp_path / "store", "--quiet") == 4
    told = capsys.readouterr().err
    assert "1 failed" in told
    assert "1.wav" in told
    assert "failures.csv" in told
    assert "1.wav" in (tmp_path / "store" / "failures.csv").read_text()


def test_nothing_done_and_other_settings_have_their_codes(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(corpus, tmp_path / "store", "--quiet", "--layers", "mfcc") == 0
    assert run(corpus, tmp_path / "store", "--quiet", "--layers", "mfcc", "--segment", "3") == 2
    assert "segment: there 10.0, asked for 3.0" in capsys.readouterr().err
    assert run(corpus, tmp_path / "store", "--dtype", "float8") == 2
    for path in (tmp_path / "sound").iterdir():
        path.unlink()
    assert run(corpus, tmp_path / "other", "--quiet") == 5
    assert "nothing could be embedded" in capsys.readouterr().err


def test_saved_parameters_make_the_same_store(corpus: Path, tmp_path: Path) -> None:
    given = ("--layers", "mfcc", "--frames", "3", "--segment", "0.5", "--dtype", "float32", "--sample-rate", "4000")
    assert run(corpus, tmp_path / "store", *given, "--quiet") == 0
    config = tmp_path / "store" / "embed.toml"
    assert run(corpus, tmp_path / "again", "--config", str(config), "--quiet") == 0
    one, two = contents(tmp_path / "store"), contents(tmp_path / "again")
    assert one.pop("embed.toml") != two.pop("embed.toml")  # it names the folder
    assert one == two


def beats(path: Path, **config: float) -> str:
    torch.manual_seed(0)
    save_encoder(Beats(replace(Beats.tiny().config, **config)), path)  # type: ignore[arg-type]
    return str(path)


def test_a_store_takes_no_rows_of_another_encoder_precision_or_normalisation(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, out = beats(tmp_path / "one.safetensors"), tmp_path / "store"
    assert run(corpus, out, "--encoder", weights, "--quiet") == 0
    assert run(corpus, out, "--encoder", weights, "--quiet") == 0
    kept = contents(out)
    others = {
        ("--encoder", "spectral"): "encoder: there 'beats', asked for 'spectral'",
        (
            "--encoder",
            weights,
            "--precision",
            "bfloat16",
        ): "precision of the encoder: there 'float32', asked for 'bfloat16'",
        ("--encoder", weights, "--dtype", "float32"): "dtype of the rows: there 'float16', asked for 'float32'",
        (
            "--encoder",
            beats(tmp_path / "two.safetensors", fbank_mean=15.66),
        ): "fbank_mean of the encoder: there 15.41663, asked for 15.66",
    }
    for options, told in others.items():
        assert run(corpus, out, *options, "--quiet") == 2
        assert told in capsys.readouterr().err
    assert contents(out) == kept


@pytest.mark.parametrize("precision", ["bfloat16", "int8", "int8-bfloat16"])
def test_lower_precision_reaches_every_worker(corpus: Path, tmp_path: Path, precision: str) -> None:
    given = ("--encoder", beats(tmp_path / "one.safetensors"), "--dtype", "float32", "--quiet")
    assert run(corpus, tmp_path / "exact", *given) == 0
    assert run(corpus, tmp_path / "low", *given, "--precision", precision) == 0
    assert (
        main(["embed", str(corpus), "-o", str(tmp_path / "two"), "--workers", "2", *given, "--precision", precision])
        == 0
    )
    exact, low, two = (FeatureStore.open(tmp_path / name) for name in ("exact", "low", "two"))
    assert two.digest == low.digest != exact.digest
    one, other = exact.read("block1", range(5)), low.read("block1", range(5))
    cosine = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    assert 0.999 < cosine.min() < 1 - 1e-8


def test_random_weights_are_said_and_an_unknown_source_is_one_line(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(corpus, tmp_path / "store", "--encoder", "bagnet") == 2
    assert "--random-weights" in capsys.readouterr().err
    assert run(corpus, tmp_path / "store", "--encoder", "bagnet", "--random-weights", "--layers", "last") == 0
    assert "note: bagnet: its weights are random" in capsys.readouterr().err
    assert run(corpus, tmp_path / "other", "--encoder", "no-such-encoder") == 2
    assert "no checkpoint known as" in capsys.readouterr().err


def test_an_onnx_graph_embeds(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the onnx extra is not installed: pip install 'tymbal[onnx]'")
    (tmp_path / "tiny.onnx").write_bytes(tiny_graph())
    (tmp_path / "tiny.toml").write_text('sample_rate_hz = 8000\n[[taps]]\ntensor = "conv"\nlayout = "bdt"\n')
    assert run(corpus, tmp_path / "store", "--encoder", f"onnx:{tmp_path / 'tiny.onnx'}", "--quiet") == 0
    store = FeatureStore.open(tmp_path / "store")
    assert store.layers == ("conv",)
    assert store.rows("conv") == sum(-(-(8000 + number - 10) // 20) for number in range(3))
