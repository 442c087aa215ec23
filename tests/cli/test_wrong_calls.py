"""Every verb called wrongly: one line that names the option as it is typed, and the exit code that the help promises.

2 where an option or argument cannot be, 3 where a path or what lies there is at fault; nothing is an unexpected error.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from tests.probes.study.conftest import tones  # noqa: F401 - fixture

from tymbal.cli.main import VERBS, build_app, main

USAGE, INPUT = 2, 3

# What is typed -> exit code, and how the message begins.
CALLS = {
    "inspect --workers -3 SOUNDS": (USAGE, "--workers is -3 (allowed: 0 or more"),
    "inspect nothing.wav": (INPUT, ""),
    "index SOUNDS": (USAGE, "--out is missing"),
    "index nowhere -o OUT": (INPUT, "nowhere: no such folder of recordings"),
    "index SOUNDS -o FILE": (USAGE, "FILE: this is a file"),
    "index SOUNDS -o OUT --annotations nothing.csv": (INPUT, "nothing.csv: no such table or folder"),
    "index SOUNDS -o OUT --metadata nothing.csv": (INPUT, "nothing.csv: cannot be read: no such file"),
    "index SOUNDS -o OUT --manifest nothing.json": (INPUT, "nothing.json: no such manifest"),
    "index SOUNDS -o OUT --manifest TABLE": (INPUT, "TABLE: no manifest that is known here"),
    "index SOUNDS -o OUT --taxonomy TABLE": (INPUT, "TABLE: no table of names that is known here"),
    "index SOUNDS -o OUT --taxonomy nothing.csv": (INPUT, "nothing.csv: cannot be read"),
    "index SOUNDS -o OUT --metadata TABLE --label nope": (USAGE, "--label: no table of annotations or metadata holds"),
    "index SOUNDS -o OUT --metadata TABLE --split-by nope": (USAGE, "--split-by: no column 'nope' to group by"),
    "index SOUNDS -o OUT --folds 1": (USAGE, "--folds is 1 (allowed: 2 or more, 'each', shares"),
    "index SOUNDS -o OUT --folds 2.5": (USAGE, "--folds: no column '2.5' with published folds"),
    "index SOUNDS -o OUT --folds 900": (USAGE, "--folds: 72 groups of recording"),
    "index SOUNDS -o OUT --folds train=x,test=0.6": (USAGE, "--folds: 'train=x,test=0.6' is no list of shares"),
    "index SOUNDS -o OUT --folds train=0.6,test=0.6": (USAGE, "--folds: shares"),
    "index SOUNDS -o OUT --folds 3 --split-name ../evil": (USAGE, "--split-name is '../evil' (allowed: letters"),
    "index SOUNDS -o OUT --coverage nothing.csv": (INPUT, "nothing.csv: no such coverage table"),
    "index --config nothing.toml": (USAGE, "nothing.toml: no such parameter file"),
    "index --config FILE": (USAGE, "FILE: not valid TOML"),
    "audit nowhere": (INPUT, "nowhere: no corpus.toml here"),
    "audit CORPUS --label nope": (USAGE, "CORPUS: --label: no column 'nope'"),
    "audit CORPUS --split nope": (USAGE, "CORPUS: --split: no split 'nope' (allowed: folds, named)"),
    "audit CORPUS --label call --group nope": (USAGE, "--group: no column 'nope'"),
    "audit CORPUS --root nowhere": (INPUT, "CORPUS: the recordings are not at nowhere"),
    "corpus": (USAGE, "ACTION is missing"),
    "corpus nope CORPUS": (USAGE, 'Invalid value "nope" for ACTION'),
    "corpus pack CORPUS": (USAGE, "corpus pack needs -o DATASET"),
    "corpus pack nowhere -o OUT": (INPUT, "nowhere: no corpus.toml here"),
    "corpus pack CORPUS -o OUT": (INPUT, "CORPUS: 72 of 72 recordings have no licence to publish them under"),
    "corpus pack CORPUS -o FILE --licence CC0": (USAGE, "FILE: a file of that name is in the way"),
    "corpus pack CORPUS -o STORE --licence CC0": (USAGE, "STORE: the dataset would lie among the recordings"),
    "corpus pack CORPUS -o OUT --audio mp3": (USAGE, 'Invalid value "mp3" for --audio'),
    "corpus check CORPUS": (INPUT, "CORPUS: no checksums.sha256 here"),
    "corpus check nowhere": (INPUT, "nowhere: no corpus.toml here"),
    "reencode SOUNDS": (USAGE, "--out is missing"),
    "reencode nowhere -o OUT": (INPUT, "nowhere: there is no such folder"),
    "reencode SOUNDS -o FILE": (USAGE, "FILE: holds other things"),
    "reencode SOUNDS -o OUT --codec nope": (USAGE, 'Invalid value "nope" for --codec'),
    "reencode SOUNDS -o OUT --codec mp3 --sample-rate 4000": (USAGE, "--sample-rate: mp3 cannot code 4000 Hz"),
    "reencode SOUNDS -o OUT --noise -1": (USAGE, "--noise: noise -1 dB below the sound (allowed: 0 to 90"),
    "convert TABLE --to nope -o OUT": (USAGE, "unknown annotation format 'nope'"),
    "convert TABLE --to csv -o OUT --from nope": (USAGE, "unknown annotation format 'nope'"),
    "convert nothing.txt --to csv -o OUT": (INPUT, ""),
    "find SOUNDS -o OUT": (USAGE, "--examples is missing"),
    "find --examples TABLE -o OUT": (USAGE, "RECORDINGS is missing"),
    "find SOUNDS --examples nothing.csv -o OUT": (INPUT, "nothing.csv: no such file"),
    "find nowhere.wav --examples TABLE -o OUT --shots 0": (USAGE, "--shots is 0 (allowed: 1 or more"),
    "find SOUNDS --examples TABLE -o OUT --label nope": (USAGE, "--label: no example is labelled 'nope'"),
    "find SOUNDS --examples TABLE -o OUT --finders nope": (USAGE, "--finders: unknown finder 'nope'"),
    "find SOUNDS --examples FILE -o OUT": (INPUT, ""),
    "find SOUNDS --examples TABLE -o OUT --model FILE": (USAGE, "--model: the network is not asked for"),
    "fewshot nope -o OUT": (USAGE, 'Invalid value "nope" for ACTION'),
    "fewshot train": (USAGE, "--out is missing"),
    "fewshot train CORPUS -o OUT": (USAGE, "CORPUS: fewshot train takes no source"),
    "fewshot train -o SOUNDS": (USAGE, "SOUNDS: this is a folder"),
    "fewshot train -o OUT --size huge": (USAGE, "--size is 'huge' (allowed: small, base, large, cluster"),
    "fewshot train -o OUT --scenes 3": (USAGE, "--scenes is 3 (allowed: 50 or more"),
    "fewshot train -o OUT --without birds": (USAGE, "--without: unknown part 'birds'"),
    "fewshot train -o OUT --device cuda:9": (USAGE, "--device is 'cuda:9'"),
    "fewshot train -o OUT --shots 3": (USAGE, "--shots and --label are those of fewshot eval"),
    "fewshot eval default CORPUS -o OUT --size base": (USAGE, "--size is that of fewshot train"),
    "fewshot eval default -o OUT": (USAGE, "fewshot eval needs a finder and a corpus"),
    "fewshot eval nope CORPUS -o OUT": (USAGE, "nope: no such finder (allowed: default, ncc"),
    "fewshot eval default nowhere -o OUT": (INPUT, "nowhere: no corpus.toml here"),
    "fewshot eval default CORPUS -o OUT --shots 0": (USAGE, "--shots is 0 (allowed: 1 or more"),
    "fewshot eval nothing.safetensors CORPUS -o OUT": (USAGE, "nothing.safetensors: no such network"),
    "encoders": (USAGE, "ACTION is missing"),
    "encoders nope": (USAGE, 'Invalid value "nope" for ACTION'),
    "encoders describe": (USAGE, "encoders describe needs the name"),
    "encoders describe nope": (USAGE, "NAME: no such file, and no checkpoint known as 'nope'"),
    "encoders describe spectral --rate -5": (USAGE, "--rate: sample rate of -5 Hz"),
    "encoders check spectral --rate 8000 --window -1": (USAGE, "--window: segments of -1.0 s"),
    "encoders describe FILE": (INPUT, "FILE: "),
    "encoders export spectral": (USAGE, "encoders export needs --onnx "),
    "encoders publish spectral": (USAGE, "encoders publish needs -o FOLDER"),
    "encoders publish spectral -o CORPUS": (USAGE, "CORPUS: --out: this is there already"),
    "encoders publish spectral -o OUT --strict": (USAGE, "--facts: not stated: about, licence"),
    "encoders publish spectral -o OUT --facts nothing.toml": (USAGE, "nothing.toml: no such file"),
    "encoders publish FILE -o OUT": (INPUT, "FILE: "),
    "embed nowhere -o OUT": (INPUT, "nowhere: no corpus.toml here"),
    "embed CORPUS -o OUT --encoder nope": (USAGE, "--encoder: no such file, and no checkpoint known as 'nope'"),
    "embed CORPUS -o OUT --encoder beats": (USAGE, "--encoder: beats has no weights of its own"),
    "embed CORPUS -o OUT --encoder FILE": (INPUT, "FILE: "),
    "embed CORPUS -o OUT --layers nope": (USAGE, "--layers: no layer 'nope' (allowed: all, last, log_mel"),
    "embed CORPUS -o OUT --layers": (USAGE, "--layers needs a value"),
    "embed CORPUS -o OUT --segment 0": (USAGE, "--segment is 0.0 (allowed: seconds above 0)"),
    "embed CORPUS -o OUT --segment nan": (USAGE, "--segment is nan (allowed: seconds above 0)"),
    "embed CORPUS -o OUT --segment 0.00001": (USAGE, "--segment: segments of 1e-05 s hold no sample"),
    "embed CORPUS -o OUT --margin -1": (USAGE, "--margin is -1.0"),
    "embed CORPUS -o OUT --frames 0": (USAGE, "--frames is 0"),
    "embed CORPUS -o OUT --sample-rate 0": (USAGE, "--sample-rate is 0"),
    "embed CORPUS -o OUT --sample-rate 900000000": (USAGE, "--sample-rate: sample rate of 900000000 Hz"),
    "embed CORPUS -o OUT --precision float8": (USAGE, 'Invalid value "float8" for --precision'),
    "embed CORPUS -o OUT --dtype int8": (USAGE, 'Invalid value "int8" for --dtype'),
    "embed CORPUS -o OUT --device toaster": (USAGE, "--device is 'toaster' (allowed: cpu, cuda"),
    "embed CORPUS -o OUT --device cuda:99": (USAGE, "--device is 'cuda:99' (allowed: cpu"),
    "embed CORPUS -o STORE": (USAGE, "STORE: this store was made with other settings"),
    "embed CORPUS -o FILE": (USAGE, "FILE: a file of that name is in the way"),
    "probe nowhere --corpus CORPUS -o OUT": (INPUT, "nowhere: no feature store here"),
    "probe STORE --corpus nowhere -o OUT": (INPUT, "nowhere: no corpus.toml here"),
    "probe STORE --corpus CORPUS -o OUT --label nope": (USAGE, "CORPUS: --label: no column 'nope'"),
    "probe STORE --corpus CORPUS -o OUT --label call --split nope": (USAGE, "CORPUS: --split: no split 'nope'"),
    "probe STORE --corpus CORPUS -o OUT --heads nope": (USAGE, "--heads: unknown head 'nope'"),
    "probe STORE --corpus CORPUS -o OUT --heads ''": (USAGE, "--heads is () (allowed: one head or more)"),
    "probe STORE --corpus CORPUS -o OUT --label call --layers nope": (USAGE, "--layers: no layer 'nope'"),
    "probe STORE --corpus CORPUS -o OUT --seeds 0": (USAGE, "--seeds is 0"),
    "probe STORE --corpus CORPUS -o OUT --metric nope": (USAGE, "--metric: unknown metric 'nope'"),
    "probe STORE --corpus CORPUS -o OUT --label call --unit nope": (USAGE, "--unit: no column 'nope'"),
    "probe STORE --corpus CORPUS -o OUT --where nope": (USAGE, "--where is 'nope' (allowed: COLUMN=VALUE)"),
    "probe STORE --corpus CORPUS -o OUT --label call --where nope=1": (USAGE, "--where: no column 'nope'"),
    "probe STORE --corpus CORPUS -o OUT --label call --where bird=x": (USAGE, "--where: no example has bird 'x'"),
    "probe STORE --corpus CORPUS -o OUT --least-groups 0": (USAGE, "--least-groups is 0"),
    "probe STORE --corpus CORPUS -o OUT --inner-folds 1": (USAGE, "--inner-folds is 1"),
    "probe STORE --corpus CORPUS -o OUT --frames -1": (USAGE, "--frames is -1"),
    "probe STORE --corpus CORPUS -o OUT --statistics nope": (USAGE, "--statistics is ('nope',)"),
    "probe STORE --corpus CORPUS -o OUT --norm nope": (USAGE, 'Invalid value "nope" for --norm'),
    "probe STORE --corpus CORPUS -o OUT --width 0": (USAGE, "--width is 0"),
    "probe STORE --corpus CORPUS -o OUT --epochs 0": (USAGE, "--epochs is 0"),
    "probe STORE --corpus CORPUS -o OUT --learning-rate 0": (USAGE, "--learning-rate is 0.0"),
    "probe STORE --corpus CORPUS -o OUT --label call --least-groups 100": (INPUT, "call: no labelled example is left"),
    "probe STORE --corpus CORPUS -o FILE": (USAGE, "FILE: a file of that name is in the way"),
    "finetune nowhere --encoder FILE -o OUT": (INPUT, "nowhere: no corpus.toml here"),
    "finetune CORPUS -o OUT": (USAGE, "--encoder is missing"),
    "finetune CORPUS --encoder nope -o OUT": (USAGE, "--encoder: no such file, and no checkpoint known as 'nope'"),
    "finetune CORPUS --encoder bagnet -o OUT": (USAGE, "--encoder: bagnet has no weights of its own"),
    "finetune CORPUS --encoder bagnet --random-weights -o OUT --mode lora": (INPUT, "bagnet, mode lora: it has no"),
    "finetune CORPUS --encoder bagnet --random-weights -o OUT --batch-size 0": (USAGE, "--batch-size is 0"),
    "finetune CORPUS --encoder bagnet --random-weights -o OUT --label nope": (USAGE, "CORPUS: --label: no column"),
    "detect": (USAGE, "ACTION is missing"),
    "detect nope CORPUS": (USAGE, 'Invalid value "nope" for ACTION'),
    "detect train CORPUS": (USAGE, "detect train needs -o DETECTOR"),
    "detect train nowhere -o OUT": (INPUT, "nowhere: no corpus.toml here"),
    "detect train CORPUS -o OUT --encoder nope": (USAGE, "--encoder: no such file, and no checkpoint known as 'nope'"),
    "detect train CORPUS -o OUT --epochs 0": (USAGE, "--epochs is 0"),
    "detect train CORPUS -o OUT --mixup 2": (USAGE, "--mixup is 2.0"),
    "detect train CORPUS -o OUT --gain -1": (USAGE, "--gain is -1.0"),
    "detect train CORPUS -o OUT --split nope": (USAGE, "CORPUS: --split: no split 'nope'"),
    "detect train CORPUS -o OUT --test 1": (USAGE, "--test: a fold without a split"),
    "detect run FILE": (USAGE, "detect run needs the recordings"),
    "detect run FILE SOUNDS -o OUT": (INPUT, "FILE: "),
    "detect run nowhere SOUNDS -o OUT": (INPUT, "nowhere: no such file"),
    "detect eval FILE": (USAGE, "detect eval needs a corpus"),
    "diagnose STORE -o OUT": (USAGE, "STORE: a feature store needs --corpus"),
    "diagnose nowhere --corpus CORPUS -o OUT": (INPUT, "nowhere: no feature store here"),
    "diagnose STORE --corpus nowhere -o OUT": (INPUT, "nowhere: no corpus.toml here"),
    "pretrain": (USAGE, "RECIPE is missing"),
    "pretrain nowhere.toml -o OUT --device toaster": (USAGE, "--device is 'toaster' (allowed: cpu, cuda"),
    "pretrain nowhere.toml -o OUT": (USAGE, "nowhere.toml: no such file"),
    "sweep": (USAGE, "PLAN is missing"),
    "sweep nowhere.toml -o OUT": (USAGE, "nowhere.toml: no such file"),
    "sweep FILE -o OUT": (USAGE, "FILE: not valid TOML"),
    "synth nope -o OUT": (USAGE, 'Invalid value "nope" for ACTION'),
    "synth scenes -o OUT": (USAGE, "synth scenes needs a plan. Say: tymbal synth scenes PLAN.toml -o OUT"),
    "synth cuts -o OUT": (USAGE, "synth cuts needs recordings. Say: tymbal synth cuts RECORDINGS -o OUT"),
    "synth scenes nowhere.toml -o OUT": (USAGE, "nowhere.toml: no such file"),
    "synth cuts nowhere -o OUT": (INPUT, "nowhere: there is no such folder"),
    "synth mixtures -o OUT": (USAGE, "synth mixtures needs a corpus. Say: tymbal synth mixtures "),
    "synth mixtures nowhere -o OUT": (INPUT, "nowhere: no corpus.toml here"),
    "synth mixtures CORPUS -o OUT --by nope": (USAGE, "--by: no column 'nope' among the recordings"),
    "synth mixtures CORPUS -o OUT --overlap x": (USAGE, "--overlap is 'x' (allowed: numbers with commas"),
    "synth mixtures CORPUS -o OUT --snr 900": (USAGE, "--snr is (900.0,) (allowed: one number or more, -60 to 60)"),
    "synth mixtures CORPUS -o OUT --recordings 1": (USAGE, "--recordings is 1 (allowed: 2 to 8)"),
    "synth mixtures CORPUS -o OUT --per-level 0": (USAGE, "--per-level is 0"),
    "synth mixtures CORPUS -o OUT --by bird --split nope": (USAGE, "CORPUS: --split: no split 'nope'"),
    "synth plan -o FILE": (USAGE, "FILE: there is a file already"),
    "synth plan -o OUT --scenes 0": (USAGE, "--scenes is 0 (allowed: "),
    "synth plan -o OUT --seed -1": (USAGE, "--seed is -1 (allowed: "),
    "bench beans --data nowhere": (USAGE, "--out: no folder for the results"),
    "bench beans --data SOUNDS -o OUT --sets nope": (USAGE, "--sets: beans has no set 'nope'"),
    "bench beans --data SOUNDS -o OUT --encoder nope": (USAGE, "--encoder: no encoder is called 'nope'"),
    "serve --port 99999": (USAGE, "--port is 99999 (allowed: 0 to 65535"),
    "serve --port 0 --workers 0": (USAGE, "--workers is 0 (allowed: 1 or more"),
    "serve --port 0 --limit-mb 0": (USAGE, "--limit-mb is 0 (allowed: above 0"),
    "serve --port 0 --limit-mb inf": (USAGE, "--limit-mb is inf (allowed: above 0"),
    "serve --port 0 --root nowhere": (INPUT, "nowhere: no such folder"),
    "serve --host nowhere.invalid": (USAGE, "cannot listen at nowhere.invalid"),
    "bench fasd13 --data SOUNDS": (USAGE, "--out: no folder for the results"),
    "bench fasd13 --data SOUNDS -o OUT --sets nope": (USAGE, "--sets: fasd13 has no set 'nope'"),
    "bench fasd13 --data SOUNDS -o OUT --finders nope": (USAGE, "--finders: unknown finder 'nope'"),
    "bench dcase5 --data SOUNDS -o OUT --shots x": (USAGE, "--shots: 'x' is no list of numbers"),
    "bench dcase5 --data SOUNDS -o OUT --shots 0": (USAGE, "--shots is [0] (allowed: numbers from 1 on"),
    "bench boxes SOUNDS": (USAGE, "--out: no folder for the results"),
    "bench boxes SOUNDS -o OUT --set OZ": (USAGE, "--sets: boxes has no set 'OZ' (allowed: AnSet, BV10"),
    "bench boxes SOUNDS -o OUT --methods nope": (USAGE, "--methods: unknown method 'nope' (allowed: both, forward"),
    "bench boxes SOUNDS -o OUT --epochs -1": (USAGE, "--epochs is -1 (allowed: 1 or more"),
    "bench boxes SOUNDS -o OUT": (5, "SOUNDS: none of 8 sets of boxes can be run; the first: AnSet: "),
    "bench beans --data SOUNDS -o OUT --learning-rates x": (USAGE, "--learning-rates: "),
    "reproduce nope --data SOUNDS": (USAGE, 'Invalid value "nope" for STUDY'),
    "reproduce probing --data SOUNDS --dry-run --tasks nope": (USAGE, "--tasks: the study has no set 'nope'"),
    "reproduce probing --data SOUNDS --dry-run --models nope": (USAGE, "--models: the study has no encoder 'nope'"),
    "reproduce probing --data SOUNDS --dry-run --weights nowhere": (USAGE, "--weights: nowhere is no folder"),
    "reproduce probing --data SOUNDS --dry-run --epochs 0": (USAGE, "--epochs is 0"),
    "reproduce": (USAGE, "STUDY is missing"),
    "reproduce nope --data SOUNDS -o OUT": (USAGE, 'Invalid value "nope" for STUDY'),
    "report nowhere -o OUT": (INPUT, "nowhere/results.json: no such file"),
    "demo -o FILE": (USAGE, "FILE/corpus: a file of that name is in the way"),
    "doctor x": (USAGE, "nothing takes 'x'"),
    "nope": (USAGE, "unknown verb 'nope'"),
}


@pytest.fixture(scope="module")
def places(tones: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:  # noqa: F811
    corpus, store = tones
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "file").write_text("recording,who\n")
    table = corpus.parent / "calls.csv"
    found = {"SOUNDS": corpus.parent, "CORPUS": corpus, "STORE": store, "TABLE": table, "FILE": folder / "file"}
    return {name: str(path) for name, path in found.items()}


def filled(text: str, places: dict[str, str]) -> str:
    for name, path in places.items():
        text = text.replace(name, path)
    return text


@pytest.mark.parametrize("call", CALLS)
def test_a_wrong_call_is_one_line_by_option_and_the_promised_code(
    call: str,
    places: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, begins = CALLS[call]
    shown = {**places, "OUT": str(tmp_path / "out")}
    assert main([shown.get(token, token) for token in shlex.split(call)]) == code
    last = capsys.readouterr().err.strip().splitlines()[-1]
    for word in ("StudyConfig", "ProbeConfig", "TrainingConfig", "EmbedConfig", "make_split", "embed:", "_s is"):
        assert word not in last.removeprefix("error: ")
    if begins:
        assert last.startswith(f"error: {filled(begins, places)}"), last


@pytest.mark.parametrize("verb", VERBS)
def test_whole_numbers_are_not_cut(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = build_app()[verb].assemble_argument_collection()
    needed: list[str] = []  # what is missing would be told first
    for argument in arguments:
        if argument.required:
            value = get_args(argument.hint)[0] if get_origin(argument.hint) is Literal else "x"
            needed += [value] if argument.index is not None else [argument.names[0], value]
    for argument in arguments:
        if argument.hint in (int, int | None) and argument.index is None:
            assert main([verb, *needed, argument.names[0], "2.5"]) == USAGE
            assert f"Invalid value for {argument.names[0]}: '2.5' is no whole number" in capsys.readouterr().err


def test_a_wrong_call_of_every_verb_is_tried() -> None:
    assert {call.split()[0] for call in CALLS} - {"nope"} >= set(VERBS)
