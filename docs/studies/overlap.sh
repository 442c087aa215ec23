#!/bin/sh
# Overlap: mixtures of held-out zebra finches at set ratios. Prints what docs/studies/overlap.md quotes.
# Usage: TYMBAL_DATA=../shared/data docs/studies/overlap.sh WORK [EPOCHS]
# Run it again to go on after a stop.
set -eu
WORK=${1:?give a folder for corpora, stores and results}
EPOCHS=${2:-8}
DATA=$(cd "${TYMBAL_DATA:-../shared/data}/zebra_finch_song" && pwd)
PYTHON=${PYTHON:-.venv/bin/python}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
mkdir -p "$WORK/all"
# Two birds a fold, of like density: two pairs of adults, two of juveniles.
awk -F, 'NR==1 {print "recording,pair"; next} {print $1 "," ($4 ~ /g4p5U|g19o3U/ ? "A" : $4 ~ /g17y2U|g19o10U/ ? "B" : $4 ~ /R3625|R3428/ ? "C" : "D")}' \
    "$DATA/recordings.csv" > "$WORK/pairs.csv"
"$PYTHON" -m tymbal index "$DATA" --annotations "$DATA/annotations.csv" --metadata "$DATA/recordings.csv" "$WORK/pairs.csv" \
    --complete --split-by individual --split-name pair --folds pair -o "$WORK/zebra.corpus" --quiet
"$PYTHON" -m tymbal synth mixtures "$WORK/zebra.corpus" --split pair --recordings 4 --per-level 4 --snr 0,10 --seed 0 \
    --licence Apache-2.0 --source-url https://github.com/nianlonggu/WhisperSeg --workers 1 -o "$WORK/zebra.mixtures"
# Recordings and mixtures as one corpus, for training on both.
ln -sfn "$DATA/audio" "$WORK/all/audio"
ln -sfn "$(cd "$WORK/zebra.mixtures/audio" && pwd)" "$WORK/all/mixtures"
"$PYTHON" -m tymbal index "$WORK/all" --annotations "$DATA/annotations.csv" "$WORK/zebra.mixtures/events.csv" \
    --metadata "$DATA/recordings.csv" "$WORK/pairs.csv" "$WORK/zebra.mixtures/recordings.csv" --complete --no-audit \
    -o "$WORK/all.corpus" --quiet
"$PYTHON" -m tymbal embed "$WORK/all.corpus" --encoder spectral --layers log_mel -o "$WORK/all.store" --workers 1 --quiet
"$PYTHON" docs/studies/overlap.py "$WORK/all.corpus" "$WORK/all.store" "$WORK/overlap.e$EPOCHS" "$EPOCHS"
