"""Fit time of every head on 400 clips × 5 layers beside scikit-learn's own ridge and logistic on the same numbers.

Run: .venv/bin/python perf/probes.py        (about two minutes; CPU seconds, one thread)
"""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
import torch
from sklearn.linear_model import LogisticRegressionCV, RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from machine import cpu_time, probe_line
from tymbal.features import Examples
from tymbal.probes import HEADS, CachedExamples, Probe, ProbeConfig

CLIPS, CLASSES, FRAMES = 400, 10, 32
DIMS = {"log_mel": 64, "pcen_mel": 64, "mfcc": 60, "modulation": 160, "scattering": 252}  # those of `spectral`


def main() -> None:
    """Print CPU seconds of each fit and ratios to scikit-learn's."""
    rng = np.random.default_rng(0)
    truth = np.arange(CLIPS) % CLASSES
    features, masks = {}, {}
    for name, dim in DIMS.items():
        centers = 0.3 * rng.normal(size=(CLASSES, dim))
        values = centers[truth][:, None] + rng.normal(size=(CLIPS, 1, dim)) + rng.normal(size=(CLIPS, FRAMES, dim))
        features[name], masks[name] = values.astype(np.float32), np.ones((CLIPS, FRAMES), dtype=bool)
    table = pl.DataFrame({"event_id": [str(clip) for clip in range(CLIPS)]})
    cached, labels = CachedExamples(Examples(features, masks, table)), [str(number) for number in truth]
    parts = [cached.statistics(name, ("mean", "std", "max"), "standard") for name in DIMS]
    values = np.concatenate(parts, axis=1)
    print(probe_line())
    print(f"{CLIPS} clips, {CLASSES} classes, {len(DIMS)} layers, {values.shape[1]} statistics, {FRAMES} frames\n")
    torch.set_num_threads(1)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peers = {
            "ridge": make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-2, 5, 15))),
            "logistic": make_pipeline(
                StandardScaler(), LogisticRegressionCV(Cs=np.logspace(-3, 1, 7), cv=3, max_iter=300)
            ),
        }
        slow = {name: cpu_time(lambda peer=peer: peer.fit(values, labels), repeat=2) for name, peer in peers.items()}
        for head in HEADS:
            probe = Probe(ProbeConfig(head=head))
            probe.fit(cached, labels)  # the frames are laid on one axis once, here
            seconds = cpu_time(lambda probe=probe: probe.fit(cached, labels), repeat=2)
            told = f"{head:<15} {seconds:7.3f} CPU s"
            if head in slow:
                told += f"   scikit-learn {slow[head]:7.3f} CPU s   {slow[head] / seconds:5.1f} times as long"
            else:
                told += f"   {probe.notes_['epochs']} epochs, {1000 * seconds / probe.notes_['epochs']:.1f} ms an epoch"
            print(told)


if __name__ == "__main__":
    main()
