"""Tables of docs/studies/pretraining.md: python tables.py losses RUN... | spread RUN... | sweep|last FOLDER AGAINST"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import torch

from tymbal.encoders import load_encoder
from tymbal.encoders.pictures import PictureEncoder
from tymbal.encoders.source import open_encoder
from tymbal.evaluation import holm, paired_difference
from tymbal.pretraining import Crops, SourceConfig, open_source
from tymbal.pretraining.objectives.contract import flat, masked_mean
from tymbal.probes.sweep.places import file_name
from tymbal.probes.sweep.words import number, p_value


def row(*cells: object) -> None:
    """One row of a table."""
    print(f"| {' | '.join(str(cell) for cell in cells)} |")


def losses(runs: Sequence[str]) -> None:
    """What every run was, and its loss in the first epoch and the last."""
    row("run", "parameters", "updates", "hours of sound", "loss, first epoch", "last")
    row(*["---"] * 6)
    for run in runs:
        found = json.loads((Path(run) / "pretraining.json").read_text(encoding="utf-8"))
        loss = found["training_loss"]
        hours = sum(source["hours"] for source in found["sources"])
        size = f"{found['parameters'] / 1e6:.2f} M"
        row(Path(run).name, size, found["steps"], f"{hours:.2f}", f"{loss[0]:.4g}", f"{loss[-1]:.4g}")


def gap(task: Mapping[str, Any], a: str, b: str) -> str:
    """The picked probe of encoder a less that of b, with its interval and p by Holm's method within the task."""
    for found in task["encoder_differences"]:
        if {found["a"], found["b"]} == {a, b}:
            sign = 1 if found["a"] == a else -1
            ends = [None if found[name] is None else sign * found[name] for name in ("low", "high")]
            low, high = ends if sign == 1 else ends[::-1]
            turned = {"value": sign * found["value"], "low": low, "high": high}
            holm = "" if found["p_holm"] is None else f", {p_value(found['p_holm'])}"
            return number(turned, "+") + holm
    return "–"


def sweep(folder: str, against: str | None = None) -> None:
    """Every encoder's picked probe, last layer and all, and its paired difference from encoder `against`."""
    results = json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))
    row("task", "units", "encoder", "last", "all", "picked inside", *([f"less {against}"] if against else []))
    row(*["---"] * (7 if against else 6))
    for name in results["order"]["tasks"]:
        task = results["tasks"][name]
        for encoder in results["order"]["encoders"]:
            if encoder not in task["encoders"]:
                continue
            found = task["encoders"][encoder]
            by_layers = found["families"]["ridge"]["by_layers"]
            cells = [
                number(by_layers["last"]),
                number(by_layers.get("all", by_layers["last"])),
                number(found["picked"]),
            ]
            more = [gap(task, encoder, against) if encoder != against else ""] if against else []
            row(name, f"{task['units']} × {task['unit_name']}", encoder, *cells, *more)


def scored(folder: str, task: str, encoder: str, probe: str) -> pl.DataFrame:
    """What one probe predicted, in the order of the examples."""
    table = pl.read_parquet(Path(folder) / "studies" / file_name(task) / file_name(encoder) / "predictions.parquet")
    return table.filter(pl.col("probe") == probe).sort("event_id")


def last(folder: str, against: str) -> None:
    """The last layer of every encoder less that of encoder `against`: paired, p by Holm's method within the task."""
    results = json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))
    for name in results["order"]["tasks"]:
        base = scored(folder, name, against, "ridge-last")
        others = [encoder for encoder in results["order"]["encoders"] if encoder != against]
        found = []
        for encoder in others:
            own = scored(folder, name, encoder, "ridge-last")
            assert own["event_id"].equals(base["event_id"])
            sides = own["predicted"].to_list(), base["predicted"].to_list()
            unit_name = results["tasks"][name]["unit_name"]
            found.append(
                paired_difference(
                    results["metric"],
                    own["reference"].to_list(),
                    *sides,
                    groups=own["unit"].to_list(),
                    unit_name=unit_name,
                )
            )
        for encoder, each, p in zip(others, found, holm([each.p or 1.0 for each in found]), strict=True):
            row(
                name, encoder, f"{number({'value': each.value, 'low': each.low, 'high': each.high}, '+')}, {p_value(p)}"
            )


def spread(runs: Sequence[str]) -> None:
    """Whether a run collapsed: how clips lie apart in the last layer's mean over time, for 256 crops of 2 s.

    The mean cosine of two clips; the directions in use, (sum of the covariance's eigenvalues)² / sum of squares; the
    first principal component's share of the variance, and its correlation with the mean of the picture: the level.
    """
    torch.manual_seed(0)
    sources = [open_source(SourceConfig(f"{name}.pictures"), Path()) for name in ("wild", "esc")]
    pictures, real, _ = Crops(sources, frames=200, examples=256).batch(torch.arange(256))
    level = (pictures * real.unsqueeze(-1)).sum((1, 2)) / real.sum(1)
    row(
        "run",
        "mean cosine of two clips",
        "directions in use",
        "of",
        "share of the first",
        "its correlation with the level",
    )
    row(*["---"] * 6)
    config = json.loads((Path(runs[0]) / "pretraining.json").read_text(encoding="utf-8"))["recipe"]["encoder_config"]
    named = {Path(run).name: load_encoder(Path(run) / "encoder.safetensors") for run in runs}
    first = open_encoder("meltransformer", random_weights=True, **config).encoder
    for name, encoder in {"untrained": first, **named}.items():
        assert isinstance(encoder, PictureEncoder)
        with torch.no_grad():
            values, mask = flat(list(encoder.look(pictures, real).values())[-1])
        clips = masked_mean(values, mask)
        unit = torch.nn.functional.normalize(clips, dim=1)
        cosine = float(((unit @ unit.T).sum() - len(unit)) / (len(unit) * (len(unit) - 1)))
        covariance = torch.cov(clips.T)
        directions = float(covariance.trace().square() / covariance.square().sum())
        left, singular, _ = torch.linalg.svd(clips - clips.mean(0), full_matrices=False)
        share = float(singular[0].square() / singular.square().sum())
        heard = abs(float(torch.corrcoef(torch.stack([left[:, 0], level]))[0, 1]))
        row(name, f"{cosine:.3f}", f"{directions:.1f}", clips.shape[1], f"{share:.2f}", f"{heard:.2f}")


if __name__ == "__main__":
    if sys.argv[1] == "losses":
        losses(sys.argv[2:])
    elif sys.argv[1] == "last":
        last(*sys.argv[2:])
    elif sys.argv[1] == "spread":
        spread(sys.argv[2:])
    else:
        sweep(*sys.argv[2:])
