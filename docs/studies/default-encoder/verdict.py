"""Tables of finished sweeps, every encoder against `spectral`; with --primary the verdict of the plan.

    .venv/bin/python docs/studies/default-encoder/verdict.py SWEEP... [--primary TASK TASK]

Run by docs/studies/default_encoder.sh.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tymbal.evaluation import holm

BASE, LEVEL = "spectral", 0.05


def against(task: dict[str, Any], encoder: str) -> dict[str, Any]:
    """Value, interval and p of encoder minus BASE."""
    for row in task["encoder_differences"]:
        if {row["a"], row["b"]} == {BASE, encoder}:
            sign = 1 if row["a"] == encoder else -1
            bounds = [None if row[end] is None else sign * row[end] for end in ("low", "high")]
            return {"value": sign * row["value"], "bounds": bounds[::sign], "p": row["p"]}
    raise SystemExit(f"no difference of {encoder} and {BASE}: {task['not_compared']}")


def interval(low: float | None, high: float | None, form: str = ".3f") -> str:
    return "" if low is None else f" [{low:{form}}, {high:{form}}]"


def units_of(found: dict[str, Any]) -> str:
    return ", ".join(f"{name} {'–' if value is None else f'{value:.3f}'}" for name, value in found["per_unit"].items())


def table(tasks: dict[str, Any], encoders: list[str]) -> None:
    print("| task | units | encoder | picked probe | score | minus spectral |\n|---|---|---|---|---|---|")
    for name, task in tasks.items():
        for encoder in encoders:
            found = task["encoders"][encoder]["picked"]
            probes = found["choices"].values()
            most = max(sorted(set(probes)), key=list(probes).count)
            gap = "" if encoder == BASE else against(task, encoder)
            shown = f"{gap['value']:+.3f}{interval(*gap['bounds'], '+.3f')}" if gap else ""
            score = f"{found['value']:.3f}{interval(found['low'], found['high'])}"
            print(f"| {name} | {task['units']} {task['unit_name']} | {encoder} | {most} | {score} | {shown} |")
    print("\nUnit by unit:")
    for name, task in tasks.items():
        for encoder in encoders:
            if units := units_of(task["encoders"][encoder]["picked"]):
                print(f"- {name}, {encoder}: {units}")


def main(arguments: list[str]) -> None:
    at = arguments.index("--primary") if "--primary" in arguments else len(arguments)
    sweeps = [json.loads((Path(each) / "results.json").read_text(encoding="utf-8")) for each in arguments[:at]]
    tasks = {name: task for sweep in sweeps for name, task in sweep["tasks"].items()}
    encoders = sweeps[0]["order"]["encoders"]
    print()
    table(tasks, encoders)
    print()
    primary = arguments[at + 1 :]
    if not primary:
        for encoder in encoders:
            mean = sum(task["encoders"][encoder]["picked"]["value"] for task in tasks.values()) / len(tasks)
            print(f"mean of {len(tasks)}: {encoder} {mean:.3f}")
        return
    gaps = [against(tasks[name], "trained") for name in primary]
    adjusted = holm([1.0 if gap["p"] is None else gap["p"] for gap in gaps])
    shown = [gap["value"] > 0 and p < LEVEL for gap, p in zip(gaps, adjusted, strict=True)]
    for name, gap, p in zip(primary, gaps, adjusted, strict=True):
        print(f"{name}: {gap['value']:+.3f}{interval(*gap['bounds'], '+.3f')}, Holm-corrected p {p:.4f}")
    print(f"better than {BASE} on both primary tests: {'yes' if all(shown) else 'no'}")


if __name__ == "__main__":
    main(sys.argv[1:])
