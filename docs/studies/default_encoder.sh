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

for step in "$@"; do
    case $step in
        sources | scenes | pictures) "$step" ;;
        train=*) train "${step#train=}" ;;
        *) echo "no step called $step" >&2; exit 2 ;;
    esac
done
