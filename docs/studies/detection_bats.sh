#!/bin/sh
# Bats at 375 and 500 kHz, one recording left out. Prints what docs/studies/detection-bats-owls.md quotes of them.
# Usage: TYMBAL_DATA=../shared/data docs/studies/detection_bats.sh WORK
# Run it again to go on after a stop.
set -eu
WORK=${1:?give a folder for corpus, store and results}
DATA=${TYMBAL_DATA:-../shared/data}/bats_neotropical
PYTHON=${PYTHON:-.venv/bin/python}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
"$PYTHON" docs/studies/detection_bats.py "$DATA" "$WORK"
