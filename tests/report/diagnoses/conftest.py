"""A diagnosis with everything in it, made of features with known answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.probes.diagnostics.planted import CONFIG, all_made, context_of

from tymbal.config import to_plain
from tymbal.probes import DIAGNOSTICS

N = 96


@pytest.fixture(scope="session")
def diagnosed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a diagnosis of two layers; sites carry part of the label, a column has markup in its name."""
    random = np.random.default_rng(0)
    truth, site = np.arange(N) % 3, np.arange(N) // 6 % 8
    values = 2.5 * np.eye(3, 6)[truth] + 2.0 * random.normal(size=(8, 6))[site] + random.normal(size=(N, 6))
    config = replace(CONFIG, columns=("site <b>",), permutations=49, shuffles=1, inner_folds=2, orders=1)
    context = context_of(
        {"label": values, "noise": random.normal(size=(N, 6))},
        [f"k{each}" for each in truth],
        groups=[f"g{row // 6:02d}" for row in range(N)],
        columns={"site <b>": [f"s{each}" for each in site]},
        config=config,
    )
    task = {"label": "call_type", "scheme": "folds", "unit_name": "site", "units": 16, "examples": N}
    results = {
        "task": {**task, "labels": ["k0", "k1", "k2"], "notes": ["labels in few groups are left out: k9"]},
        "config": to_plain(config),
        "provenance": {"encoder": "spectral", "encoder_checksum": "c0ffee", "tymbal_version": "0"},
        "diagnostics": {
            name: {"title": DIAGNOSTICS[name].title, **each}
            for name, each in all_made(list(DIAGNOSTICS), context).items()
        },
    }
    out = tmp_path_factory.mktemp("diagnosed")
    (out / "diagnostics.json").write_text(json.dumps(results, allow_nan=False))
    return out
