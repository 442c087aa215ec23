#!/bin/sh
# The encoder that ships: from allowed recordings and made scenes to a file, and its judgement.
# Usage: TYMBAL_DATA=../shared/data docs/studies/default_encoder.sh WORK STEP...   (run it again to go on after a stop)
#   STEP: sources, scenes, pictures, corpora, train=RECIPE, validate, ship=RUN, spread=RUN, verdict=FILE, card=RUN
# To see that it runs, in minutes: SCENES=40 CROPS=128 EPOCHS=1 docs/studies/default_encoder.sh WORK sources scenes pictures train=contrastive
# Settings: docs/studies/default-encoder/*.toml. DEVICE=cuda trains on a GPU, EPOCHS=N, CROPS=N: other lengths than
# the recipe says; NAME=.x ends the name of that run.
set -eu
WORK=${1:?give a folder for corpora, stores and runs}
shift
DATA=$(cd "${TYMBAL_DATA:-../shared/data}" && pwd)
HERE=$(cd "$(dirname "$0")/default-encoder" && pwd)
PYTHON=${PYTHON:-$(pwd)/.venv/bin/python}
WORKERS=${WORKERS:-1}
export COLUMNS=150 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
mkdir -p "$WORK"
cd "$WORK"

tymbal() {
    printf '\n$ tymbal %s\n' "$*"
    "$PYTHON" -m tymbal "$@"
}

sources() { # links to the recordings of the allow-list, once none of them is in an evaluation
    "$PYTHON" - "$HERE/allowed.toml" "$DATA" <<'CODE'
import sys
from pathlib import Path
from tymbal.pretraining.allowed import allowed_recordings, load_allowed, meetings
allowed, data = load_allowed(Path(sys.argv[1])), Path(sys.argv[2])
both = meetings(allowed, data)
if both:
    sys.exit("\n".join(f"{each.training} is {each.evaluation}: same {each.same}" for each in both))
names = allowed_recordings(allowed, data)
for name in names:
    link = Path("real") / name
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(data / name)
print(f"{len(names)} recordings may be trained on; none of them is in an evaluation")
CODE
    tymbal index real -o real.corpus --no-audit --quiet
}

scenes() {
    [ -d bank ] || tymbal synth cuts real -o bank --rate 32000 --reference-rate 32000 --workers "$WORKERS"
    for name in scenes validation_classes validation_windows; do
        [ -f $name.toml ] || sed "${SCENES:+s/^scenes = .*/scenes = $SCENES/}" "$HERE/$name.toml" >$name.toml
        tymbal synth scenes $name.toml -o $name --workers "$WORKERS" --quiet
    done
}

pictures() { # the scenes as recorders of three rates deliver them
    for rate in 32000 16000 8000; do
        tymbal embed scenes --encoder picture --sample-rate $rate -o scenes.$rate --workers "$WORKERS" --quiet
    done
    tymbal embed real.corpus --encoder picture -o real.pictures --workers "$WORKERS" --quiet
}

train() {
    name=$1${NAME:-}
    sed "${EPOCHS:+s/^epochs = .*/epochs = $EPOCHS/};${CROPS:+s/^crops = .*/crops = $CROPS/}" "$HERE/$1.toml" >"$name.toml"
    tymbal pretrain "$name.toml" -o "run.$name" --device "${DEVICE:-cpu}"
}

corpora() { # of validation and of the tests: reads no scores
    "$PYTHON" - "$DATA" <<'CODE'
import shutil, sys
from pathlib import Path
import numpy as np, polars as pl, soundfile
import tymbal
from tymbal.corpus import Corpus
data = Path(sys.argv[1])
clips = pl.read_csv(data / "esc50_subset/clips.csv")
for name, chosen in (("esc10", pl.col("esc10")), ("sounds", ~pl.col("esc10") & (pl.col("fold") == 4))):
    for recording in clips.filter(chosen)["recording"]:
        (Path(name) / recording).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(data / "esc50_subset" / recording, Path(name) / recording)
    clips.filter(chosen).write_csv(f"{name}/clips.csv")
recordings = pl.read_csv(data / "bengalese_finch_song/recordings.csv")
day = pl.col("recording").str.extract(r"_(\d{6})_\d{4}\.")  # gy6or6_baseline_230312_0809.141.flac: 23 March 2012
recordings.select("recording", pl.coalesce(day, "recording").alias("day")).write_csv("finches.csv")
zebra = pl.read_csv(data / "zebra_finch_song/recordings.csv")  # three hold no call: listened to all the same
zebra.select("recording", start_s=0.0, end_s="duration_s").write_csv("zebra.csv")
owls = data / "boobook_owl"
table = pl.read_csv(owls / "recordings.csv")
renamed = pl.col("recording").str.replace(r"\.\w+$", ".ogg")
for name in table["recording"]:  # positives are FLAC, negatives Ogg: both once more through one codec
    target = Path("boobook") / Path(name).with_suffix(".ogg")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        sound, rate = soundfile.read(owls / name)
        with soundfile.SoundFile(target, "w", rate, 1, format="OGG", subtype="VORBIS", compression_level=0.8) as file:
            for start in range(0, len(sound), 1 << 16):
                file.write(sound[start : start + (1 << 16)])
table.with_columns(renamed).write_csv("boobook/recordings.csv")
table.select(renamed, start_s=0.0, end_s="duration_s").write_csv("boobook/coverage.csv")
calls = pl.read_csv(owls / "annotations.csv").filter(pl.col("label") == "boobook")
calls.with_columns(renamed).write_csv("boobook/annotations.csv")
for name in ("validation_classes", "validation_windows"):
    tymbal.make_split(Corpus.open(Path(name)), "folds", by="recording", folds=5)
CODE
    set -- --no-audit --quiet
    tymbal index sounds --metadata sounds/clips.csv --label label --split-by src_file --folds 4 -o sounds.corpus "$@"
    tymbal index esc10 --metadata esc10/clips.csv --label label --split-by src_file --folds fold -o esc10.corpus "$@"
    tymbal index "$DATA/cat_meows" --metadata "$DATA/cat_meows/clips.csv" --label individual \
        --split-by individual+session --folds 5 -o cats.corpus "$@"
    tymbal index "$DATA/bengalese_finch_song" --annotations "$DATA/bengalese_finch_song/annotations.csv" \
        --metadata finches.csv --label label --split-by day --folds each -o finches.corpus "$@"
    tymbal index "$DATA/spoken_digits" --metadata "$DATA/spoken_digits/clips.csv" --label digit \
        --split-by individual --folds each -o digits.corpus "$@"
    tymbal index "$DATA/zebra_finch_song" --annotations "$DATA/zebra_finch_song/annotations.csv" --label label \
        --metadata "$DATA/zebra_finch_song/recordings.csv" --coverage zebra.csv --split-by individual --folds each \
        -o zebra.corpus "$@"
    tymbal index boobook --annotations boobook/annotations.csv --metadata boobook/recordings.csv --label label \
        --coverage boobook/coverage.csv --split-by site --folds each -o boobook.corpus "$@"
}

judge() { # a sweep of $1 with spectral, the encoders named after it (NAME=FILE), and the last one with random weights
    plan=$1
    shift
    "$PYTHON" - "$HERE/$plan.sweep.toml" "$@" >"$plan.sweep.toml" <<'CODE'
import json, sys
from pathlib import Path
from tymbal.encoders.loading import read_container
print(Path(sys.argv[1]).read_text(encoding="utf-8"))
print('[[encoders]]\nencoder = "spectral"')
for each in sys.argv[2:]:
    name, _, file = each.partition("=")
    print(f'\n[[encoders]]\nname = "{name}"\nencoder = "{file}"')
header = read_container(Path(file)).header
options = {key: value for key, value in json.loads(header["config"]).items() if key != "picture"}
print(f'\n[[encoders]]\nname = "random weights"\nencoder = "{header["name"]}"\nrandom_weights = true')
print("[encoders.options]", *(f"{key} = {json.dumps(value)}" for key, value in options.items()), sep="\n")
CODE
    tymbal sweep "$plan.sweep.toml" -o "$plan.sweep" --no-audit --workers "$WORKERS" --quiet
}

validate() { # every run there is, compared as the plan says
    set --
    for run in run.*/encoder.safetensors; do
        name=${run%/*}
        set -- "$@" "${name#run.}=$run"
    done
    judge validation_calls "$@"
    judge validation_windows "$@"
    "$PYTHON" "$HERE/verdict.py" validation_calls.sweep validation_windows.sweep
}

ship() { # the encoder of a run, its numbers rounded to float16, with its card, hashes and reference outputs
    "$PYTHON" - "run.$1" "ship.$1" <<'CODE'
import json, sys
from pathlib import Path
from tymbal.encoders import load_encoder, save_encoder
from tymbal.encoders.checkpoint import round_to_half
run, out = Path(sys.argv[1]), Path(sys.argv[2])
encoder = load_encoder(run / "encoder.safetensors")
told = json.loads((run / "pretraining.json").read_text(encoding="utf-8"))
told["unrounded_checksum"] = encoder.checksum
save_encoder(round_to_half(encoder), out / "encoder.safetensors")
told["encoder_checksum"] = encoder.checksum
(out / "pretraining.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
CODE
}

spread() { # has it collapsed? The effective rank of each layer's means over time, for the clips of V3
    "$PYTHON" - "run.$1/encoder.safetensors" <<'CODE'
import sys
import numpy as np, polars as pl, soundfile, torch
from tymbal.encoders import create_encoder, load_encoder
torch.set_num_threads(1)
trained = load_encoder(sys.argv[1])
torch.manual_seed(0)
options = {"channels": list(trained.config.channels), "blocks": trained.config.blocks}
names = [f"sounds/{name}" for name in pl.read_csv("sounds/clips.csv")["recording"]]
clips = torch.from_numpy(np.stack([soundfile.read(name, dtype="float32")[0] for name in names]))
for title, encoder in (("trained", trained), ("random weights", create_encoder(trained.name, **options))):
    encoder, means = encoder.at_rate(44100), {}
    with torch.inference_mode():
        for start in range(0, len(clips), 8):
            for layer, (values, _) in encoder(clips[start : start + 8]).items():
                means.setdefault(layer, []).append(values.mean(1).flatten(1))
    for layer, parts in means.items():
        centred = torch.cat(parts) - torch.cat(parts).mean(0)
        share = torch.linalg.svdvals(centred.double()) ** 2
        share = share / share.sum()
        rank = torch.exp(-(share * torch.log(share.clamp_min(1e-12))).sum())
        print(f"{title}, {layer}: {rank:.1f} of {centred.shape[1]}")
CODE
}

card() { # the folder that the package brings, from what ship left; the facts are written by hand from the verdict
    rm -rf published
    tymbal encoders publish "ship.$1" -o published --facts "$HERE/facts.toml" --strict
}

verdict() { # the tests, once
    judge test_calls "trained=$1"
    judge test_windows "trained=$1"
    "$PYTHON" "$HERE/verdict.py" test_calls.sweep test_windows.sweep --primary "P1 cats" "P2 zebra finches"
}

for step in "$@"; do
    case $step in
        sources | scenes | pictures | corpora | validate) "$step" ;;
        ship=*) ship "${step#ship=}" ;;
        spread=*) spread "${step#spread=}" ;;
        card=*) card "${step#card=}" ;;
        train=*) train "${step#train=}" ;;
        verdict=*) verdict "${step#verdict=}" ;;
        *) echo "no step called $step" >&2; exit 2 ;;
    esac
done
