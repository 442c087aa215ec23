"""`tymbal inspect PATH...`: what recordings hold and what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tymbal import audio
from tymbal.cli.common import EXIT_OK, EXIT_SOME_FAILED, Json, Quiet, Workers, say, say_json, say_table
from tymbal.errors import AudioError, NothingDoneError
from tymbal.jobs import Failure, make_progress

Deep = Annotated[bool, Parameter(name="--deep", negative="", help="Decode everything and look at every sample.")]


def inspect(*paths: Path, deep: Deep = False, workers: Workers = None, json: Json = False, quiet: Quiet = False) -> int:
    """Say what recordings hold and what is wrong with them: rate, channels, length, codec, start time, faults.

    Ends with 0 when every file can be read, 4 when some cannot, 3 when none can.

    Parameters
    ----------
    paths
        Recordings, or folders that are walked for them. Default: the current folder.
    """
    files, ignored = _files(paths)
    progress = make_progress(quiet=quiet or json)
    found, failed = audio.survey(files, deep=deep, workers=workers, progress=progress)
    if json:
        say_json({"recordings": [_plain(info) for info in found], "failures": [_failure(row) for row in failed]})
    else:
        if not quiet:
            _show(found, [path for path in paths if path.is_dir()], ignored)
        for failure in failed:
            say(failure.message)
    if not failed:
        return EXIT_OK
    return EXIT_SOME_FAILED if found else AudioError.exit_code


def _files(paths: tuple[Path, ...]) -> tuple[list[Path], int]:
    files, ignored = [], 0
    for path in paths or (Path(),):
        if path.is_dir():
            names, other = audio.find_recordings(path)
            files += [path / name for name in names]
            ignored += other
        else:
            files.append(path)
    if not files:
        raise NothingDoneError(
            f"no recordings were found ({ignored} other files)",
            where=", ".join(os.fspath(path) for path in paths) or ".",
            mend="Give recordings or a folder that holds some.",
        )
    return files, ignored


def _show(found: list[audio.AudioInfo], folders: list[Path], ignored: int) -> None:
    rows = []
    for info in found:
        start = f"{info.start.text} ({info.start.source})" if info.start else "-"
        faults = ", ".join(fault.code for fault in info.faults) or "-"
        rows.append(
            (
                _below(info.path, folders),
                f"{info.sample_rate_hz} Hz",
                info.channels,
                f"{info.duration_s:.3f} s",
                f"{info.container} {info.codec}",
                start,
                info.recorder or "-",
                faults,
            )
        )
    if rows:
        say_table(
            ("recording", "rate", "channels", "duration", "codec", "start", "recorder", "faults"),
            rows,
            limit=len(rows),
            result=True,
        )
    for info in found:
        for fault in info.faults:
            say(f"{info.path}: {fault.code}: {fault.message}", result=True)
    if ignored:
        say(f"{ignored} other file{'s' * (ignored != 1)} left out")


def _below(path: str, folders: list[Path]) -> str:
    """The path as seen from the folder it was found in: names stay readable in a narrow table."""
    for folder in folders:
        if Path(path).is_relative_to(folder):
            return Path(path).relative_to(folder).as_posix()
    return path


def _plain(info: audio.AudioInfo) -> dict[str, object]:
    start = info.start
    return {
        "path": info.path,
        "container": info.container,
        "codec": info.codec,
        "sample_rate_hz": info.sample_rate_hz,
        "channels": info.channels,
        "samples": info.samples,
        "duration_s": info.duration_s,
        "start_time": start.text if start else None,
        "start_time_has_offset": start.has_offset if start else None,
        "start_time_source": start.source if start else None,
        "recorder": info.recorder,
        "time_expansion": info.time_expansion,
        "metadata": dict(info.metadata),
        "faults": [{"code": fault.code, "message": fault.message} for fault in info.faults],
    }


def _failure(failure: Failure) -> dict[str, object]:
    return {"path": failure.item, "error": failure.error, "message": failure.message}
