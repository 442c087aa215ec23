"""Checks of the house that no linter makes: imports only along the road, and importing Tymbal is free.

Run by `make check`; prints one line per fault and exits 1 where there is one.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "tymbal"
ROAD = (
    "errors units config, jobs, audio annotations, corpus, evaluation, training, recurrent, encoders, features, "
    "synthesis, probes, detection, fewshot, pretraining, discovery, explain, benchmarks, report, review, field, "
    "scale, cli"
)
RANK = {room: rank for rank, stop in enumerate(ROAD.split(",")) for room in stop.split()}
MAX_IMPORT_S = 0.3


def imported_rooms(path: Path) -> Iterator[tuple[str, int]]:
    """Rooms that one module imports anywhere in it, with the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "tymbal" else [node.module]
            )
        for name in names:
            parts = name.split(".")
            if parts[0] == "tymbal" and len(parts) > 1:
                yield parts[1], node.lineno


def road_faults() -> Iterator[str]:
    """Modules off the road, and imports that point rightward along it."""
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if room in {"__init__", "__main__"}:
            continue
        if room not in RANK:
            yield f"{path}: room {room!r} is not on the road of docs/design.md"
            continue
        for target, line in imported_rooms(path):
            if target in RANK and RANK[target] > RANK[room]:
                yield f"{path}:{line}: {room} imports {target}, against the road"


def import_faults() -> Iterator[str]:
    """`import tymbal` within MAX_IMPORT_S and without torch; the table rooms without torch too."""
    timed = "import time; t = time.perf_counter(); import tymbal; print(time.perf_counter() - t)"
    seconds = min(float(_python(timed)) for _ in range(3))
    if seconds > MAX_IMPORT_S:
        yield f"import tymbal takes {seconds:.2f} s, allowed {MAX_IMPORT_S}"
    for module in ("tymbal", "tymbal.audio", "tymbal.annotations", "tymbal.corpus", "tymbal.cli.main"):
        if _python(f"import sys, {module}; print('torch' in sys.modules)") != "False":
            yield f"import {module} imports torch"


def _python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    faults = [*road_faults(), *import_faults()]
    print("\n".join(faults) or "house: imports follow the road, import tymbal is free")
    sys.exit(1 if faults else 0)
