"""From the grids of a plan to the probes of one encoder, each with its place in tables and figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tymbal.config import digest
from tymbal.errors import ConfigError
from tymbal.probes.config import ProbeConfig, choose_layers
from tymbal.probes.heads import SolvedHead, get_head
from tymbal.probes.study.config import seeds_of
from tymbal.probes.sweep.config import ProbeGrid, SweepPlan


@dataclass(frozen=True)
class Entry:
    """One probe of a sweep.

    family : the grid that it is of. layers : "last", "all", or names joined by "+"; taps : those layers.
    fusion, learning_rate : None where there is nothing to fuse, or nothing is trained.
    """

    name: str
    family: str
    layers: str
    taps: tuple[str, ...]
    fusion: str | None
    learning_rate: float | None
    config: ProbeConfig

    @property
    def is_all(self) -> bool:
        """Whether it takes every layer of several."""
        return self.layers == "all"

    @property
    def is_last(self) -> bool:
        """Whether it takes the last layer alone."""
        return self.layers == "last"


def expand(plan: SweepPlan, encoder: str, layers: tuple[str, ...]) -> dict[str, Entry]:
    """Every probe of the plan for an encoder called `encoder` that has `layers`, by name; equal ones count once.

    Raises ConfigError where two grids make probes of one name, DataError for a layer that the encoder has not.
    """
    found: dict[str, Entry] = {}
    contents: dict[str, str] = {}
    for number, grid in enumerate(plan.probes):
        if grid.encoders and encoder not in grid.encoders:
            continue
        for entry in _entries(plan, grid, layers):
            known = contents.setdefault(digest(entry.config), entry.name)
            if known != entry.name:
                continue
            if entry.name in found and found[entry.name] != entry:
                raise ConfigError(
                    f"another grid makes a probe {entry.name!r} too",
                    where=f"probes[{number}]",
                    mend="Give this grid a `name` of its own.",
                )
            found[entry.name] = entry
    if not found:
        raise ConfigError(f"no probes are for encoder {encoder!r}", where="probes", mend="See `encoders` of each grid.")
    return found


def count(plan: SweepPlan, entries: dict[str, Entry]) -> int:
    """How many probes the table will hold: every seed of every entry."""
    return sum(len(seeds_of(entry.config, plan.seeds)) for entry in entries.values())


def _entries(plan: SweepPlan, grid: ProbeGrid, layers: tuple[str, ...]) -> Iterator[Entry]:
    solved = isinstance(get_head(grid.head), SolvedHead)
    for taps in _taps(grid, layers):
        label = _label(taps, layers)
        single = len(taps) == 1
        for fusion in (grid.fusions[:1] if single else grid.fusions) or (None,):
            for rate in grid.learning_rates or (None,):
                config = plan.probe(grid, taps, fusion=fusion, learning_rate=rate)
                name = f"{grid.title}-{label}"
                name += f"-{fusion}" if len(grid.fusions) > 1 and not single else ""
                name += f"-lr{rate:g}" if len(grid.learning_rates) > 1 else ""
                yield Entry(
                    name,
                    grid.title,
                    label,
                    taps,
                    None if single or (solved and not grid.fusions) else config.fusion,
                    None if solved else config.training.learning_rate,
                    config,
                )


def _taps(grid: ProbeGrid, layers: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The choices of layers in the order of the grid, each once."""
    chosen: list[tuple[str, ...]] = []
    for wanted in grid.layers:
        chosen += [(name,) for name in layers] if wanted == "each" else [choose_layers(wanted, layers)]
    return list(dict.fromkeys(chosen))


def _label(taps: tuple[str, ...], layers: tuple[str, ...]) -> str:
    if taps == layers[-1:]:
        return "last"
    return "all" if taps == layers else "+".join(taps)
