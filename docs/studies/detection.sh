#!/bin/sh
# Zebra finch song by held-out bird. Prints what docs/studies/detection.md quotes.
# Usage: TYMBAL_DATA=../shared/data docs/studies/detection.sh WORK [FOLDS [WIDTH [EPOCHS]]]
# Run it again to go on after a stop.
set -eu
WORK=${1:?give a folder for corpora, stores and results}
FOLDS=${2:-8}
WIDTH=${3:-64}
EPOCHS=${4:-8}
DATA=${TYMBAL_DATA:-../shared/data}/zebra_finch_song
PYTHON=${PYTHON:-.venv/bin/python}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
mkdir -p "$WORK"
"$PYTHON" -m tymbal index "$DATA" --annotations "$DATA/annotations.csv" --metadata "$DATA/recordings.csv" --complete \
    --split-by individual --split-name bird -o "$WORK/zebra.corpus" --quiet
"$PYTHON" -m tymbal embed "$WORK/zebra.corpus" --encoder spectral --layers log_mel -o "$WORK/zebra.store" --quiet
"$PYTHON" docs/studies/detection.py "$WORK/zebra.corpus" "$WORK/zebra.store" "$WORK/zebra.w$WIDTH.e$EPOCHS" "$FOLDS" "$WIDTH" "$EPOCHS"
