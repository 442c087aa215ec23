"""What every verb shares: where words go, how results look to machines, how parameters are kept."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, convert

from tymbal import __version__
from tymbal.config import dumps, to_plain
from tymbal.errors import TymbalError, UsageError, counted
from tymbal.jobs.atomic import write_text

count = counted  # `1 epoch`, `1,200 epochs`
WIDE = 400  # columns of a table that is not shown on a terminal
EXIT_OK = 0
EXIT_SOME_FAILED = 4  # the job ended, but some files could not be worked; they were listed


def whole(kind: Any, tokens: Any) -> Any:
    """Converts as cyclopts does, but takes 2.5 for no whole number: it would be cut to 2 without a word."""
    if kind in (int, int | None) and not isinstance(tokens, dict):
        for token in tokens:
            if not re.fullmatch(r"[+-]?\d+", token.value.strip()):
                raise ValueError(f"{token.value!r} is no whole number")
    return convert(kind, tokens)


Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object to standard output.")]
Quiet = Annotated[bool, Parameter(name="--quiet", negative="", help="No progress and no summary, errors only.")]
Workers = Annotated[int | None, Parameter(help="Worker processes. Default: one per core; 1 works in this process.")]


@dataclass(frozen=True)
class Task:
    """What is learned from a corpus, and how it is judged: the same of probes and of fine-tuning.

    Parameters
    ----------
    label
        The column that holds the label; by default the one named when indexing.
    split
        The name of a split of the corpus; its folds are tested one after the other. A fold called validation is what
        choices and early stopping watch; else whole groups of the training folds are.
    metric
        What is picked by, and the headline: accuracy, balanced_accuracy, map, cmap, auroc, top1. By default
        balanced_accuracy, for windows cmap.
    unit
        Column of the highest independent unit, which intervals resample; by default the groups of the split.
    unit_name
        What such a unit is called.
    where
        COLUMN=VALUE, examples to keep.
    least_groups
        Leave out labels that occur in fewer groups of the split.
    """

    label: str | None = None
    split: str = "folds"
    metric: str | None = None
    unit: str | None = None
    unit_name: str | None = None
    where: str | None = None
    least_groups: int = 2

    def of(self, default_label: str | None, *, windows: bool = False) -> Task:
        """The same with a label and a metric where none was given: the corpus's own, and the usual one."""
        return replace(
            self,
            label=self.label or default_label or "label",
            metric=self.metric or ("cmap" if windows else "balanced_accuracy"),
        )


USUAL_TASK = Task()


def say(text: str = "", *, result: bool = False) -> None:
    """One line for people, to standard error, so that standard output stays clean for --json and pipes.

    To standard output where it is the `result` of a command, to be piped.
    """
    print(one_line(text), file=sys.stdout if result else sys.stderr)


def one_line(text: str) -> str:
    """Line breaks, tabs and bytes that are no text made visible: one file, one line, on every terminal."""
    shown = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in shown)


# What Python calls otherwise than the command line does, units aside.
OPTION_OF = {
    "audited": ("audit",),
    "baseline_layer": ("baseline",),
    "by": ("split_by",),
    "dim": ("width",),
    "encoder": ("name",),
    "gain_db": ("gain",),
    "groups": ("group",),
    "head": ("heads",),
    "name": ("split_name",),
    "read_as": ("from",),
    "sample_rate_hz": ("rate",),
    "scheme": ("split", "split_name"),
    "segment_s": ("window",),
    "snr_db": ("snr",),
    "source": ("encoder", "name"),
    "stratify": ("label",),
}
UNITS = ("_s", "_hz", "_db")


def option_of(parameter: str | None, options: Mapping[str, str]) -> str | None:
    """Which of a verb's `options` (name: how it is shown) sets a parameter of Python; --segment sets segment_s."""
    if parameter is None:
        return None
    plain = next((parameter.removesuffix(unit) for unit in UNITS if parameter.endswith(unit)), parameter)
    for name in (*OPTION_OF.get(parameter, ()), plain, f"{plain}s"):
        option = "--" + name.replace("_", "-")
        if option in options:
            return options[option]
    return None


def spoken(error: TymbalError, options: Mapping[str, str]) -> tuple[str, int]:
    """An error as one line for users of the command line, and the exit code: options by name, no name of Python.

    A value that an option cannot take is wrong usage, whichever room found out.
    """
    option = option_of(error.parameter, options)
    return (str(error), error.exit_code) if option is None else (error.told(option), UsageError.exit_code)


def say_json(value: object) -> None:
    """One JSON object for machines, to standard output; infinities and NaN become null.

    Bytes of file names that are no text are written as backslash escapes.
    """
    text = json.dumps(_finite(to_plain(value)), ensure_ascii=False, indent=1, sort_keys=True)
    print(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def say_table(
    header: Sequence[str], rows: Sequence[Sequence[object]], *, limit: int = 50, result: bool = False
) -> None:
    """A plain aligned table for people; past `limit` rows the rest is counted, not shown.

    It goes to standard error, or to standard output where it is the `result` of a command, to be piped. Cells are cut
    to the terminal's width; where there is no terminal nothing is cut.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows[:limit]:
        table.add_row(*(one_line(str(cell)) for cell in row))
    stream = sys.stdout if result else sys.stderr
    width = None if stream.isatty() else WIDE
    Console(file=stream, width=width, soft_wrap=False, markup=False, highlight=False).print(table)
    if len(rows) > limit:
        say(f"... and {len(rows) - limit} more rows")


def say_failures(failures: Sequence[tuple[str, str]], *, kept_in: Path | None = None, limit: int = 20) -> None:
    """The files that failed and why, last thing a job prints: pairs of (item, message)."""
    if not failures:
        return
    say(f"{len(failures)} failed:")
    for item, message in failures[:limit]:
        named = item in message.partition(": ")[0]  # most messages begin with the file they are about
        say(f"  {message}" if named else f"  {item}: {message}")
    if len(failures) > limit:
        say(f"  ... and {len(failures) - limit} more")
    if kept_in is not None:
        say(f"all of them are in {kept_in}")


def save_parameters(out: Path, verb: str, parameters: Mapping[str, object]) -> Path:
    """Keep the parameters of a run as OUT/VERB.toml; `tymbal VERB --config` reads them again."""
    path = Path(out) / f"{verb}.toml"
    head = f"# Saved by tymbal {__version__} in the folder {Path.cwd()}\n# From there: tymbal {verb} --config {path}\n"
    write_text(path, head + dumps({verb: {name.replace("_", "-"): value for name, value in parameters.items()}}))
    return path
