#!/bin/sh
# Studies of pre-training. Prints what docs/studies/pretraining.md quotes.
# Usage: TYMBAL_DATA=../shared/data docs/studies/pretraining.sh WORK [recordings|settings|objectives|cnn|means|songs|stages|layers|views]
# WORK gets recordings, corpora, pictures, runs and sweeps. Run it again to go on after a stop.
set -eu
WORK=${1:?give a folder for corpora, pictures, runs and sweeps}
PART=${2:-all}
DATA=$(cd "${TYMBAL_DATA:-../shared/data}" && pwd)
HERE=$(cd "$(dirname "$0")" && pwd)/pretraining
PYTHON=${PYTHON:-$(pwd)/.venv/bin/python}
export COLUMNS=150 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
mkdir -p "$WORK"
cd "$WORK"

tymbal() {
    printf '\n$ tymbal %s\n' "$*"
    "$PYTHON" -m tymbal "$@"
}
wanted() { [ "$PART" = all ] || [ "$PART" = "$1" ]; }

cp "$HERE"/*.toml . # paths in recipes and plans start from their folder
if wanted recordings || [ ! -f recordings.done ]; then
    "$PYTHON" "$HERE/recordings.py" "$DATA"
    tymbal index wild --metadata wild.csv --label label -o wild.corpus --no-audit --quiet
    tymbal index esc --metadata esc.csv --label label -o esc.corpus --no-audit --quiet
    tymbal index esc10 --metadata esc10.csv --label label --split-by src_file --folds fold -o esc10.corpus --quiet
    tymbal index "$DATA/cat_meows" --metadata "$DATA/cat_meows/clips.csv" --label individual \
        --split-by individual+session --folds 5 -o cats.corpus --quiet
    tymbal index "$DATA/bengalese_finch_song" --annotations syllables.csv \
        --metadata finches.csv --label label --split-by day --folds 5 -o finches.corpus --quiet
    tymbal index "$DATA/zebra_finch_song" --annotations "$DATA/zebra_finch_song/annotations.csv" --coverage songs.csv \
        --metadata "$DATA/zebra_finch_song/recordings.csv" --label label --split-by individual --folds each \
        -o songs.corpus --quiet
    tymbal index "$DATA/spoken_digits" --metadata "$DATA/spoken_digits/clips.csv" --label digit \
        --split-by individual --folds each -o digits.corpus --quiet
    for corpus in wild esc; do
        tymbal embed $corpus.corpus --encoder picture -o $corpus.pictures --workers 1 --quiet
    done
    touch recordings.done
fi

OBJECTIVES="autoencoding random_projection byol frames_and_utterance multilabel contrastive"
if wanted settings || wanted objectives; then
    for recipe in $OBJECTIVES; do
        tymbal pretrain $recipe.toml -o runs/$recipe --quiet
    done
fi

if wanted settings; then # what settings were chosen by: no table of the other parts holds it
    tymbal sweep digits.toml -o digits --no-audit --workers 1 --quiet
    "$PYTHON" "$HERE/tables.py" sweep digits untrained
fi

if wanted objectives; then
    tymbal sweep objectives.toml -o objectives --no-audit --workers 1 --quiet
    (cd runs && "$PYTHON" "$HERE/tables.py" losses $OBJECTIVES)
    "$PYTHON" "$HERE/tables.py" spread $(for recipe in $OBJECTIVES; do echo runs/$recipe; done)
    "$PYTHON" "$HERE/tables.py" sweep objectives untrained
    "$PYTHON" "$HERE/tables.py" last objectives untrained
fi

if wanted cnn; then
    for recipe in $OBJECTIVES; do
        tymbal pretrain cnn_$recipe.toml -o runs/cnn_$recipe --quiet
    done
    tymbal sweep cnn.toml -o cnn --no-audit --workers 1 --quiet
    (cd runs && "$PYTHON" "$HERE/tables.py" losses $(for recipe in $OBJECTIVES; do echo cnn_$recipe; done))
    "$PYTHON" "$HERE/tables.py" sweep cnn untrained
    "$PYTHON" "$HERE/tables.py" last cnn untrained
fi

if [ "$PART" = means ]; then # left out of `all`; after objectives and cnn
    for recipe in autoencoding frames_and_utterance multilabel; do # three times as long
        sed 's/^epochs = 20$/epochs = 60/' $recipe.toml >long_$recipe.toml
        tymbal pretrain long_$recipe.toml -o runs/long_$recipe --quiet
    done
    (cd runs && "$PYTHON" "$HERE/tables.py" losses long_autoencoding long_frames_and_utterance long_multilabel)
    for plan in means cnn_means; do
        tymbal sweep $plan.toml -o $plan --no-audit --workers 1 --quiet
        "$PYTHON" "$HERE/tables.py" sweep $plan untrained
        "$PYTHON" "$HERE/tables.py" last $plan untrained
    done
fi

if [ "$PART" = songs ]; then # left out of `all`
    tymbal sweep songs.toml -o songs --no-audit --workers 1 --quiet
    "$PYTHON" "$HERE/tables.py" sweep songs untrained
fi

if wanted stages; then
    for mix in animal mixed; do
        for stage in ssl start post; do
            tymbal pretrain ${stage}_$mix.toml -o runs/${stage}_$mix --quiet
        done
    done
    tymbal sweep stages.toml -o stages --no-audit --workers 1 --quiet
    (cd runs && "$PYTHON" "$HERE/tables.py" losses ssl_animal ssl_mixed start_animal start_mixed post_animal post_mixed)
    "$PYTHON" "$HERE/tables.py" sweep stages untrained
    for against in untrained "SSL, animals" "SSL, animals and general" "SSL + post-training, animals"; do
        "$PYTHON" "$HERE/tables.py" last stages "$against"
    done
fi

if wanted layers; then
    tymbal pretrain cnn_random_projection.toml -o runs/cnn_random_projection --quiet
    tymbal pretrain transformer.toml -o runs/transformer --quiet
    tymbal sweep layers.toml -o layers --no-audit --workers 1 --quiet
    (cd runs && "$PYTHON" "$HERE/tables.py" losses cnn_random_projection transformer)
    cat layers/results.md
fi

if wanted views; then
    "$PYTHON" "$HERE/views.py" views.png
fi
