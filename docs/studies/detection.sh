#!/bin/sh
# Finch song by held-out bird, and typed within bird. Prints what docs/studies/detection.md quotes.
# Usage: TYMBAL_DATA=../shared/data docs/studies/detection.sh WORK [FOLDS [TASK...]]   (tasks: birds types)
# Run it again to go on after a stop.
set -eu
WORK=${1:?give a folder for corpora, stores and results}
FOLDS=${2:-4}
[ $# -ge 2 ] && shift 2 || shift 1
[ $# -gt 0 ] || set -- birds types
PYTHON=${PYTHON:-.venv/bin/python}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
mkdir -p "$WORK"
for TASK in "$@"; do
    SET=zebra_finch_song
    [ "$TASK" = birds ] || SET=bengalese_finch_song
    DATA=${TYMBAL_DATA:-../shared/data}/$SET
    "$PYTHON" -m tymbal index "$DATA" --annotations "$DATA/annotations.csv" --metadata "$DATA/recordings.csv" --complete \
        -o "$WORK/$SET.corpus" --quiet
    "$PYTHON" docs/studies/detection_frames.py "$WORK/$SET.corpus" "$WORK/$SET.store"
    INSTALLED=$WORK/$SET.10ms.store
    "$PYTHON" docs/studies/detection_frames.py "$WORK/$SET.corpus" "$INSTALLED" 0.025 0.010
    "$PYTHON" docs/studies/detection.py "$TASK" "$WORK/$SET.corpus" "$WORK/$SET.store" "$WORK/$TASK.$FOLDS" "$FOLDS" "$INSTALLED"
done
