#!/bin/sh
# The in-context network: three sizes on three numbers of scenes, the generator's parts left out one at a time, one small
# network on many scenes, and that one against the training-free default. Prints what docs/studies/fewshot-network.md quotes.
# Usage: TYMBAL_DATA=../shared/data docs/studies/fewshot_network.sh WORK [sizes|parts|long|frames|compare]
# WORK gets scenes, networks and answers. Run it again to go on after a stop. Scenes of one seed are made once and shared
# by all sizes and numbers; those of a generator with a part left out are made for it. Numbers of scenes: SCENES="…".
set -eu
WORK=${1:?give a folder for scenes, networks and answers}
PART=${2:-all}
DATA=$(cd "${TYMBAL_DATA:-../shared/data}" && pwd)
HERE=$(cd "$(dirname "$0")" && pwd)
PYTHON=${PYTHON:-$(pwd)/.venv/bin/python}
SCENES=${SCENES:-"250 750 1500"}
LEFT_OUT=${LEFT_OUT:-500}
LONG=${LONG:-10000}
TASKS=${TASKS:-200}
export COLUMNS=150 OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} MKL_NUM_THREADS=1
mkdir -p "$WORK"
cd "$WORK"

train() { # NAME OPTIONS: a network is written last, so one that is there is whole
    name=$1
    shift
    [ -f "$name.safetensors" ] && return 0
    printf '\n$ tymbal fewshot train -o %s.safetensors --validation 50 --seed 1 %s\n' "$name" "$*"
    "$PYTHON" -m tymbal fewshot train -o "$name.safetensors" --validation 50 --seed 1 --kept scenes "$@"
}
wanted() { [ "$PART" = all ] || [ "$PART" = "$1" ]; }

if wanted sizes; then
    for scenes in $SCENES; do
        for size in small base large; do
            train "$size-$scenes" --size "$size" --scenes "$scenes"
        done
    done
fi
if wanted parts; then
    train "small-$LEFT_OUT" --size small --scenes "$LEFT_OUT"
    for left in mutants rooms backgrounds families jitter faults empty ramp; do
        train "small-$LEFT_OUT-without-$left" --size small --scenes "$LEFT_OUT" --without "$left"
    done
fi
if wanted long; then
    train "small-$LONG" --size small --scenes "$LONG"
fi
if wanted frames; then
    printf '\n$ python fewshot_frames.py . *.safetensors\n'
    "$PYTHON" "$HERE/fewshot_frames.py" . ./*.safetensors
fi
if wanted compare; then
    printf '\n$ python fewshot_network.py . small-%s.safetensors --scenes %s --birds DATA --fused\n' "$LONG" "$TASKS"
    "$PYTHON" "$HERE/fewshot_network.py" . "small-$LONG.safetensors" --scenes "$TASKS" --birds "$DATA" --fused
fi
