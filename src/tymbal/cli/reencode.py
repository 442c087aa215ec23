"""`tymbal reencode`: all recordings of a folder through one rate, depth and codec."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from tymbal.cli.common import EXIT_OK, EXIT_SOME_FAILED, Json, Quiet, Workers, count, say, say_failures, say_json


def reencode(
    recordings: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    codec: Literal["vorbis", "mp3", "none"] = "vorbis",
    sample_rate: int | None = None,
    noise: float | None = None,
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Bring all recordings to mono, one rate, 16 bits and the marks of one codec, where labels go with their format.

    The results are FLAC files under the same names, so tables of annotations still fit. Then: tymbal index FOLDER
    with the same tables, and tymbal audit again.

    Parameters
    ----------
    recordings
        Folder of recordings, searched recursively; it is left as it is.
    out
        Folder for the results.
    codec
        The lossy codec that every recording goes through once, or none for rate, channels and depth alone.
    sample_rate
        Rate of all results in Hz; by default the lowest among the recordings.
    noise
        White noise so many decibels below each recording's own power: 20 fills what an earlier codec emptied.
    """
    from tymbal.corpus import reencode as run
    from tymbal.jobs import make_progress

    progress = make_progress(quiet=quiet)
    done = run(
        recordings,
        out,
        codec=codec,
        sample_rate_hz=sample_rate,
        noise_db=noise,
        workers=workers,
        progress=progress,
    )
    if json:
        told = {"out": str(out), "sample_rate_hz": done.sample_rate_hz, "codec": done.codec}
        say_json({**told, "recordings": list(done.names), "notes": list(done.notes), "failures": done.failures})
    elif not quiet:
        through = "" if done.codec == "none" else f", all through {done.codec}"
        say(f"{count(len(done.names), 'recording')} at {done.sample_rate_hz} Hz, mono, 16 bits{through}, in {out}")
        for note in done.notes:
            say(f"note: {note}")
    say_failures([(failure.item, failure.message) for failure in done.failures])
    return EXIT_SOME_FAILED if done.failures else EXIT_OK
