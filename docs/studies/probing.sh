#!/bin/sh
# The probing study: encoders x last or all layers x heads on four real tasks. Prints what docs/studies/probing.md quotes.
# Usage: TYMBAL_DATA=../shared/data docs/studies/probing.sh WORK     (run it again to go on after a stop)
# WORK gets the corpora, the stores and the sweep; the plan is docs/studies/probing.toml.
set -eu
WORK=${1:?give a folder for corpora, stores and the sweep}
DATA=$(cd "${TYMBAL_DATA:-../shared/data}" && pwd)
HERE=$(cd "$(dirname "$0")" && pwd)
PYTHON=${PYTHON:-$(pwd)/.venv/bin/python}
export COLUMNS=150 OMP_NUM_THREADS=1
mkdir -p "$WORK"
cd "$WORK"

tymbal() {
    printf '\n$ tymbal %s\n' "$*"
    "$PYTHON" -m tymbal "$@"
}

$PYTHON - "$DATA" <<'CODE'
import shutil, sys
from pathlib import Path
import polars as pl
data = Path(sys.argv[1])
clips = pl.read_csv(data / "esc50_subset/clips.csv").filter(pl.col("esc10"))  # ESC-10 only, published folds
Path("esc10/audio").mkdir(parents=True, exist_ok=True)
for recording in clips["recording"]:
    if not (Path("esc10") / recording).exists():
        shutil.copy2(data / "esc50_subset" / recording, Path("esc10") / recording)
clips.write_csv("esc10/clips.csv")
recordings = pl.read_csv(data / "bengalese_finch_song/recordings.csv")
day = pl.col("recording").str.extract(r"_(\d{6})_\d{4}\.")  # gy6or6_baseline_230312_0809.141.flac: 23 March 2012
recordings.select("recording", pl.coalesce(day, "recording").alias("day")).write_csv("finches.csv")
CODE

tymbal index esc10 --metadata esc10/clips.csv --label label --split-by src_file --folds fold -o esc10.corpus --quiet
tymbal index "$DATA/cat_meows" --metadata "$DATA/cat_meows/clips.csv" --label individual \
    --split-by individual+session --folds 5 -o cats.corpus --quiet
tymbal index "$DATA/bengalese_finch_song" --annotations "$DATA/bengalese_finch_song/annotations.csv" \
    --metadata finches.csv --label label --split-by day --folds 5 -o finches.corpus --quiet
tymbal index "$DATA/zebra_finch_distance_calls" --metadata "$DATA/zebra_finch_distance_calls/clips.csv" \
    --label individual --split-by individual+date --folds 5 -o zebra.corpus --quiet
cp "$HERE/probing.toml" plan.toml # paths in a plan start from its folder
tymbal sweep plan.toml -o probing --quiet
cat probing/results.md
