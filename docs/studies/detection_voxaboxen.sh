#!/bin/sh
# Voxaboxen's recipe on zebra finches by bird and Bengalese finches by type. Prints what the study's page quotes.
# Usage: TYMBAL_DATA=../shared/data docs/studies/detection_voxaboxen.sh WORK [ZEBRA_BOTH [BENGALESE_BOTH]]
# ZEBRA_BOTH, BENGALESE_BOTH: folders with *.both.parquet to compare with. Run it again to go on after a stop.
set -eu
WORK=${1:?give a folder for corpora, stores and results}
PYTHON=${PYTHON:-.venv/bin/python}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
mkdir -p "$WORK"
for SET in zebra bengalese; do
    DATA=${TYMBAL_DATA:-../shared/data}/${SET}_finch_song
    FOLDS=8 TASK=birds COMPARED=${2:--}
    if [ $SET = bengalese ]; then FOLDS=4 TASK=types COMPARED=${3:--}; fi
    "$PYTHON" -m tymbal index "$DATA" --annotations "$DATA/annotations.csv" --metadata "$DATA/recordings.csv" --complete \
        --split-by individual --split-name bird --folds $FOLDS -o "$WORK/$SET.corpus" --quiet
    "$PYTHON" -m tymbal embed "$WORK/$SET.corpus" --encoder spectral --layers log_mel -o "$WORK/$SET.store" --quiet
    "$PYTHON" docs/studies/detection_voxaboxen.py "$WORK/$SET.corpus" "$WORK/$SET.store" "$WORK/$SET.voxaboxen" $TASK "$COMPARED"
done
