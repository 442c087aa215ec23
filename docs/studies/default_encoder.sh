#!/bin/sh
# The encoder that ships: from allowed recordings and made scenes to a file, and its judgement.
# Usage: TYMBAL_DATA=../shared/data docs/studies/default_encoder.sh WORK STEP...   (run it again to go on after a stop)
#   STEP: sources, scenes, pictures, train=RECIPE, validate=NAME:FILE, verdict=FILE; or all, small (minutes, to see that it runs)
# Settings: docs/studies/default-encoder/*.toml. DEVICE=cuda trains on a GPU, EPOCHS=N longer than the recipe says.
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
    sed "${EPOCHS:+s/^epochs = .*/epochs = $EPOCHS/};${CROPS:+s/^crops = .*/crops = $CROPS/}" "$HERE/$1.toml" >$1.toml
    tymbal pretrain $1.toml -o run.$1 --device "${DEVICE:-cpu}"
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

judge() { # a sweep of $1 with spectral and the encoders named after it, NAME=FILE or NAME= for random weights
    plan=$1
    shift
    {
        cat "$HERE/$plan.sweep.toml"
        printf '\n[[encoders]]\nencoder = "spectral"\n'
        for each in "$@"; do
            case $each in
                *=) printf '\n[[encoders]]\nname = "%s"\nencoder = "meltransformer"\nrandom_weights = true\n' "${each%=}" ;;
                *) printf '\n[[encoders]]\nname = "%s"\nencoder = "%s"\n' "${each%%=*}" "${each#*=}" ;;
            esac
        done
    } >"$plan.sweep.toml"
    tymbal sweep "$plan.sweep.toml" -o "$plan.sweep" --no-audit --workers "$WORKERS" --quiet
}

validate() { # every run there is, compared where the plan says that candidates are
    set -- "random weights="
    for run in run.*/encoder.safetensors; do
        name=${run%/*}
        [ -f "$run" ] && set -- "$@" "${name#run.}=$run"
    done
    judge validation_calls "$@"
    judge validation_windows "$@"
    "$PYTHON" "$HERE/verdict.py" validation_calls.sweep validation_windows.sweep
}

verdict() { # the tests, once
    judge test_calls "random weights=" "trained=$1"
    judge test_windows "random weights=" "trained=$1"
    "$PYTHON" "$HERE/verdict.py" test_calls.sweep test_windows.sweep --primary "P1 cats" "P2 zebra finches"
}

for step in "$@"; do
    case $step in
        sources | scenes | pictures | corpora | validate) "$step" ;;
        train=*) train "${step#train=}" ;;
        verdict=*) verdict "${step#verdict=}" ;;
        *) echo "no step called $step" >&2; exit 2 ;;
    esac
done
