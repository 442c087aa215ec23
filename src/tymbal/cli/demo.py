"""`tymbal demo`: the whole road on the recordings that ship with Tymbal."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import tymbal
from tymbal.cli.common import EXIT_OK, Json, Quiet, Workers, say, say_json
from tymbal.errors import CorpusError

STEPS = (
    ("Make a corpus: recordings, labels, a split by session, and an audit of both", "index"),
    ("Run an encoder without weights over it, five layers at once", "embed"),
    ("Fit probes: last or all layers, linear or attention; pick inside the training folds, test once", "probe"),
    ("Draw the report", "report"),
    ("Another job: four spinetail calls are marked, find the rest; nothing is trained", "find"),
)


def demo(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("demo-output"),
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """The whole road on shipped recordings: which of 11 cats is meowing? And a search for calls from four examples.

    Each step is printed as the command it is.

    Parameters
    ----------
    out
        Folder for everything the demo makes; run it again and it goes on where it stopped.
    """
    from tymbal.cli.main import main

    began = time.monotonic()
    commands = dict(zip((verb for _, verb in STEPS), _commands(examples_directory(), out), strict=True))
    for number, (what, verb) in enumerate(STEPS, 1):
        command = commands[verb]
        if not quiet:
            say()
            say(f"[{number}/{len(STEPS)}] {what}")
            say(f"$ tymbal {shlex.join(command)}")
        shared = ["--quiet"] if quiet else []
        if workers is not None and verb != "report":
            shared += ["--workers", str(workers)]
        code = main([*command, *shared])
        if code != EXIT_OK:
            return code
    page, found = (out / "report.html").resolve(), (out / "found" / "report.html").resolve()
    if json:
        say_json({"report": page, "found": found, "seconds": round(time.monotonic() - began, 1)})
    else:
        say()
        say(f"Done in {time.monotonic() - began:.0f} s. Open the reports in a browser:")
        say(f"  {page}")
        say(f"  {found}")
    return EXIT_OK


def _commands(examples: Path, out: Path) -> list[list[str]]:
    meows = examples / "cat_meows"
    corpus, store, run = str(out / "corpus"), str(out / "store"), str(out / "run")
    spinetail = examples / "spinetail"
    find = f"--examples {shlex.quote(str(spinetail / 'spinetail.audacity.txt'))} --label SP --shots 4"
    index = f"--annotations {shlex.quote(str(meows / 'meows.csv'))} --label individual --split-by session"
    probe = "--label individual --unit-name session --seeds 2 --inner-folds 2 --epochs 40"
    return [
        ["index", str(meows), *shlex.split(index), "-o", corpus],
        ["embed", corpus, *shlex.split("--encoder spectral --layers all"), "-o", store],
        ["probe", store, "--corpus", corpus, *shlex.split(probe), "-o", run],
        ["report", run, "-o", str(out / "report.html")],
        ["find", str(spinetail), *shlex.split(find), "-o", str(out / "found")],
    ]


def examples_directory() -> Path:
    """The recordings that ship with Tymbal: inside an installed package, or beside the source."""
    package = Path(tymbal.__file__).parent
    for folder in (package / "_examples", package.parents[1] / "examples"):
        if (folder / "cat_meows" / "meows.csv").is_file():
            return folder
    raise CorpusError(
        "the example recordings are not there", where=package, mend="Reinstall tymbal, or run from a source checkout."
    )
