#!/bin/sh
# The haystacks, once, with the held-out sets: after the last change of a default, on a clean commit.
# Usage: TYMBAL_DATA=../shared/data docs/studies/haystack.sh [shipped|WEIGHTS.safetensors]
# Prints what docs/studies/haystack.md quotes; haystack.log keeps date and commit.
set -eu
DATA=${TYMBAL_DATA:-../shared/data}
PYTHON=${PYTHON:-.venv/bin/python}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
if [ -n "$(git status --porcelain src)" ]; then
    echo "src has changes that are not committed: commit them first" >&2
    exit 1
fi
exec "$PYTHON" docs/studies/haystack.py --data "$DATA" ${1:+--network "$1"}
