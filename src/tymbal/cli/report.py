"""`tymbal report`: a run as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tymbal.cli.common import EXIT_OK, Json, Quiet, count, save_parameters, say, say_failures, say_json


def report(
    run: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("report.html"),
    corpus: Path | None = None,
    examples: int = 12,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Draw a run as one self-contained HTML page: results, pictures and sounds, nothing fetched from anywhere.

    Its parameters are kept beside it in report.toml.

    Parameters
    ----------
    run
        The directory that `tymbal probe`, `finetune`, `sweep`, `diagnose` or `bench boxes` wrote, or scores of
        detections.
    out
        The page to write.
    corpus
        Where the corpus lies now, if it has moved since the run.
    examples
        How many right examples to show, and how many wrong ones.
    """
    from tymbal.report import write_report

    made = write_report(run, out, corpus=corpus, examples=examples)
    save_parameters(out.parent, "report", {"run": run, "out": out, "corpus": corpus, "examples": examples})
    if json:
        say_json(made)
    elif not quiet:
        if made.placeholders:
            say(f"{count(made.placeholders, 'example')} without picture or sound; the page says why")
        say_failures(made.failed)
        say(f"report: {made.path} ({made.size_bytes / 1e6:.1f} MB)")
    return EXIT_OK
