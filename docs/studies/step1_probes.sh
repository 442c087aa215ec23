#!/bin/sh
# The three studies of step 1: ESC-10, cats, Bengalese finch syllables. Prints what docs/studies/step1-probes.md quotes.
# Usage: TYMBAL_DATA=../shared/data docs/studies/step1_probes.sh WORK [esc10|cats|finches|all]
# Run it again to go on after a stop. About half an hour on two quiet cores.
set -eu
WORK=${1:?give a folder for corpora, stores and runs}
WHICH=${2:-all}
DATA=${TYMBAL_DATA:-../shared/data}
PYTHON=${PYTHON:-.venv/bin/python}
export COLUMNS=150 OMP_NUM_THREADS=1
mkdir -p "$WORK"

tymbal() {
    printf '\n$ tymbal %s\n' "$*"
    "$PYTHON" -m tymbal "$@"
}

esc10() { # the 400 clips of ESC-10 only, with their published folds
    $PYTHON - "$DATA/esc50_subset" "$WORK/esc10" <<'CODE'
import shutil, sys
from pathlib import Path
import polars as pl
source, target = Path(sys.argv[1]), Path(sys.argv[2])
clips = pl.read_csv(source / "clips.csv").filter(pl.col("esc10"))
(target / "audio").mkdir(parents=True, exist_ok=True)
for recording in clips["recording"]:
    if not (target / recording).exists():
        shutil.copy2(source / recording, target / recording)
clips.write_csv(target / "clips.csv")
CODE
    tymbal index "$WORK/esc10" --metadata "$WORK/esc10/clips.csv" --label label --split-by src_file --folds fold \
        -o "$WORK/esc10.corpus" --quiet
    tymbal embed "$WORK/esc10.corpus" -o "$WORK/esc10.store" --quiet
    tymbal probe "$WORK/esc10.store" --corpus "$WORK/esc10.corpus" --label label --metric accuracy \
        --unit-name "source recording" -o "$WORK/esc10.run"
}

cats() { # 11 cats, told by meows of sessions never trained on; and what a random split would have claimed
    for scheme in session context random; do
        case $scheme in
            session) by=individual+session ;;
            context) by=individual+context+session ;;
            random) by=event ;;
        esac
        tymbal index "$DATA/cat_meows" --metadata "$DATA/cat_meows/clips.csv" --label individual --split-by $by \
            --folds 5 --split-name by_$scheme -o "$WORK/cats.corpus" --quiet
    done
    tymbal embed "$WORK/cats.corpus" -o "$WORK/cats.store" --quiet
    for scheme in session context; do
        tymbal probe "$WORK/cats.store" --corpus "$WORK/cats.corpus" --label individual --split by_$scheme \
            --class-weight balanced --unit-name session -o "$WORK/cats.$scheme"
    done
    tymbal probe "$WORK/cats.store" --corpus "$WORK/cats.corpus" --label individual --split by_random \
        --heads ridge,logistic --class-weight balanced --unit-name meow -o "$WORK/cats.random"
}

finches() { # syllables within each bird; a day is held out where the file names tell days, else recordings
    $PYTHON - "$DATA/bengalese_finch_song" "$WORK/finches.csv" <<'CODE'
import sys
from pathlib import Path
import polars as pl
recordings = pl.read_csv(Path(sys.argv[1]) / "recordings.csv")
day = pl.col("recording").str.extract(r"_(\d{6})_\d{4}\.")  # gy6or6_baseline_230312_0809.141.flac: 23 March 2012
table = recordings.select("recording", pl.coalesce(day, "recording").alias("day"))
table.write_csv(sys.argv[2])
CODE
    tymbal index "$DATA/bengalese_finch_song" --annotations "$DATA/bengalese_finch_song/annotations.csv" \
        --metadata "$WORK/finches.csv" --label label --split-by day --folds each -o "$WORK/finches.corpus" --quiet
    tymbal embed "$WORK/finches.corpus" -o "$WORK/finches.store" --quiet
    for bird in BF02 Bird0 bl26lb16 gy6or6; do
        case $bird in
            BF02 | Bird0) unit=recording ;; # their file names tell no day
            *) unit=day ;;
        esac
        tymbal probe "$WORK/finches.store" --corpus "$WORK/finches.corpus" --label label --where individual=$bird \
            --heads linear,attention --frames 16 --inner-folds 3 --unit-name $unit -o "$WORK/finches.$bird"
    done
}

case $WHICH in
    all) esc10; cats; finches ;;
    *) "$WHICH" ;;
esac
