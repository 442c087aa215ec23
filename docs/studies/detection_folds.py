"""The detector of both directions, and activity cut at a level or where it changes most, on the folds of the page on
Voxaboxen's recipe: every zebra finch held out in turn.

Run: docs/studies/detection_voxaboxen.sh WORK, then
    .venv/bin/python docs/studies/detection_folds.py WORK/zebra.corpus WORK/zebra.store WORK/zebra.folds [both|sebb]

One network of both directions and one of activity per fold (width 64, 8 epochs, the second setting of
docs/studies/detection.md). "segments" and "sebb" are the latter, each calibrated on the same birds held out.
FOLDER gets FOLD.METHOD.parquet and FOLD.json, its recordings: what detection_voxaboxen.py compares with.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import torch
from detection_voxaboxen import LAYERS, folds_of, tell

from tymbal.corpus import Corpus
from tymbal.detection import Detector, DetectorConfig, NetworkConfig, read_examples
from tymbal.detection.config import TRAINING
from tymbal.detection.detector import hold_out
from tymbal.detection.fitting import Fitted, calibrated_on
from tymbal.features import FeatureStore

CONFIG = DetectorConfig(
    layers=LAYERS,
    classes=False,
    network=NetworkConfig(width=64),
    training=replace(TRAINING, epochs=8, patience=None),
)


def fit_fold(corpus: Corpus, store: FeatureStore, birds: dict[str, str], train: list[str], kind: str) -> list[Detector]:
    """The detectors of one fold: "both" alone, or "segments" and "sebb" with one network."""
    first = Detector(CONFIG, method="both" if kind == "both" else "segments")
    first.fit(store, corpus, recordings=train, groups=birds)
    if kind == "both":
        return [first]
    seen, _ = read_examples(store, corpus, LAYERS, CONFIG, recordings=train)
    second = Detector(CONFIG, method="sebb")
    second.labels_, second.layers_ = first.labels_, first.layers_
    second.encoder_checksum_, second.provenance_ = first.encoder_checksum_, first.provenance_
    calibration, _ = calibrated_on(first.network(), hold_out(seen, birds, CONFIG)[1], second.config)
    second.fitted_ = Fitted(first.fitted_.tensors, calibration)
    return [first, second]


def main() -> None:
    """Work the folds that are not done, then print the tables."""
    corpus, store, folder = Corpus.open(sys.argv[1]), FeatureStore.open(sys.argv[2]), Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    birds = dict(corpus.recordings.select("recording", "individual").rows())
    found: dict[str, pl.DataFrame] = {}
    for kind in sys.argv[4:] or ("both", "sebb"):
        names = ["both"] if kind == "both" else ["segments", "sebb"]
        parts: dict[str, list[pl.DataFrame]] = {name: [] for name in names}
        for fold, (train, test) in folds_of("birds", birds).items():
            paths = {name: folder / f"{fold}.{name}.parquet" for name in names}
            if not all(path.exists() for path in paths.values()):
                start = time.process_time()
                detectors = fit_fold(corpus, store, birds, train, kind)
                for name, detector in zip(names, detectors, strict=True):
                    detector.predict(store, recordings=test).write_parquet(paths[name])
                told = [detector.calibration_.level for detector in detectors]
                (folder / f"{fold}.json").write_text(json.dumps(test))
                print(fold, names, told, f"{time.process_time() - start:.1f} CPU s", flush=True)
            for name, path in paths.items():
                parts[name].append(pl.read_parquet(path))
        found |= {name: pl.concat(each) for name, each in parts.items()}
    pairs = [(a, b) for a, b in (("both", "segments"), ("both", "sebb"), ("sebb", "segments")) if {a, b} <= set(found)]
    tell(corpus, birds, found, pairs, one=True)


if __name__ == "__main__":
    main()
