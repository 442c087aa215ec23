"""`tymbal convert`: label files of one format to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tymbal.annotations.convert import Conversion, convert_tables
from tymbal.cli.common import EXIT_OK, EXIT_SOME_FAILED, Json, Quiet, say, say_failures, say_json
from tymbal.errors import AnnotationError, Fault


def convert(
    tables: Annotated[list[Path], Parameter(negative="", help="The label files.")],
    *,
    to: Annotated[str, Parameter(help="Format to write: raven, audacity, csv, birdnet, dcase, textgrid or voxaboxen.")],
    output: Annotated[
        Path,
        Parameter(name=["--output", "-o"], help="A file, or a folder (a path without extension): one file per table."),
    ],
    from_: Annotated[
        str | None,
        Parameter(name="--from", help="Format of the tables. Default: recognised; crowsetta:NAME needs that package."),
    ] = None,
    label_column: Annotated[
        str | None, Parameter(help="Column that holds the labels. Default: the format's own, else the likely one.")
    ] = None,
    clean: Annotated[
        bool,
        Parameter(negative="", help="Leave out impossible events, correct what can be. Default: rows as they are."),
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Turn annotation tables of one format into another; a table that cannot be read is listed, the rest go on."""
    done = convert_tables(tables, output, to=to, read_as=from_, label_column=label_column, clean=clean)
    if json:
        say_json(
            {
                "tables": done.converted,
                "failures": done.failures,
                "written": done.written,
                "events": sum(one.events for one in done.converted),
            }
        )
    elif not quiet:
        _report(done)
    say_failures([(failure.item, failure.message) for failure in done.failures])
    if done.failures:
        return EXIT_SOME_FAILED if done.converted else AnnotationError.exit_code
    return EXIT_OK


def _report(done: Conversion) -> None:
    faults: list[Fault] = [fault for one in done.converted for fault in one.faults]
    events = sum(one.events for one in done.converted)
    formats = sorted({one.format for one in done.converted})
    say(f"read {len(done.converted)} tables ({', '.join(formats) or 'none'}) with {events:,} events")
    for fault in faults[:50]:
        say(f"  {fault.code}: {fault.message}")
    if len(faults) > 50:
        say(f"  ... and {len(faults) - 50} more faults (--json lists all)")
    for path in done.written[:10]:
        say(f"wrote {path}")
    if len(done.written) > 10:
        say(f"... and {len(done.written) - 10} more files")
