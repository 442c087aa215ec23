#!/bin/sh
# Boobook owls by site, after re-encoding. Prints what docs/studies/detection-bats-owls.md quotes of them.
# Usage: TYMBAL_DATA=../shared/data docs/studies/detection_owls.sh WORK
# Run it again to go on after a stop.
set -eu
WORK=${1:?give a folder for corpora, store and results}
DATA=${TYMBAL_DATA:-../shared/data}/boobook_owl
PYTHON=${PYTHON:-.venv/bin/python}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
mkdir -p "$WORK"
"$PYTHON" -m tymbal index "$DATA/audio" --annotations "$DATA/annotations.csv" --metadata "$DATA/recordings.csv" \
    --label label -o "$WORK/owls.raw" 2>&1 | grep -i "goes with" || echo "nothing goes with the label"
"$PYTHON" -m tymbal reencode "$DATA/audio" -o "$WORK/owls.audio" --codec vorbis --sample-rate 8000 --noise 20
"$PYTHON" -m tymbal index "$WORK/owls.audio" --annotations "$DATA/annotations.csv" --metadata "$DATA/recordings.csv" \
    --label label -o "$WORK/owls.recoded" 2>&1 | grep -i "goes with" || echo "nothing goes with the label"
"$PYTHON" docs/studies/detection_owls.py "$DATA" "$WORK" codec
"$PYTHON" docs/studies/detection_owls.py "$DATA" "$WORK" test
