"""`tymbal corpus`: write a corpus as a dataset to publish, and check one that was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tymbal.cli.common import EXIT_OK, EXIT_SOME_FAILED, Json, Quiet, Workers, count, say, say_failures, say_json
from tymbal.errors import UsageError

if TYPE_CHECKING:
    from tymbal.corpus.packing import Packed


@dataclass(frozen=True)
class Rights:
    """Who may do what with recordings whose metadata do not tell (columns licence, author or recordist, source_url).

    Parameters
    ----------
    licence
        Such as CC-BY-4.0.
    author
        Who made them.
    source_url
        Where they come from.
    allow_unlicensed
        Pack although recordings without a licence are among them: for yourself, not to publish.
    """

    licence: Annotated[str | None, Parameter(name=["--licence", "--license"])] = None
    author: str | None = None
    source_url: str | None = None
    allow_unlicensed: Annotated[bool, Parameter(negative="")] = False


NO_RIGHTS = Rights()


def corpus(
    action: Literal["pack", "check"],
    corpus: Path,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    audio: Literal["copy", "flac"] = "copy",
    rights: Annotated[Rights, Parameter(name="*")] = NO_RIGHTS,
    title: str | None = None,
    root: Path | None = None,
    audit: bool = True,
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Write a corpus as a dataset that can be published and read back, or check one.

    tymbal corpus pack CORPUS -o DATASET --licence CC-BY-4.0; tymbal corpus check DATASET.

    Parameters
    ----------
    action
        Pack writes sound, tables, licences, checksums and a datasheet; check reads every file of a dataset.
    corpus
        A corpus made by `tymbal index` for pack, a dataset for check.
    out
        Folder of the dataset.
    audio
        Copy every byte, or code as FLAC what that keeps without loss.
    title
        Of the datasheet.
    root
        Where the recordings are now, if they have moved.
    audit
        Quote in the datasheet what the audit finds; --no-audit does not listen to the recordings.
    """
    if action == "check":
        return _check(corpus, quiet, json)
    if out is None:
        raise UsageError("corpus pack needs -o DATASET")
    from tymbal.corpus import Corpus
    from tymbal.corpus.packing import Terms, pack
    from tymbal.jobs import make_progress

    packed = pack(
        Corpus.open(corpus, root=root),
        out,
        audio=audio,
        terms=Terms(rights.licence, rights.author, rights.source_url),
        allow_unlicensed=rights.allow_unlicensed,
        title=title,
        audited=audit,
        workers=workers,
        progress=make_progress(quiet=quiet),
    )
    return _tell(packed, out, quiet, json)


def _tell(packed: Packed, out: Path, quiet: bool, json: bool) -> int:
    recordings, events = packed.corpus.recordings, packed.corpus.events
    if json:
        told = {
            "dataset": str(out),
            "recordings": recordings.height,
            "events": events.height,
            "digest": packed.corpus.digest,
        }
        say_json(
            {**told, "renamed": dict(packed.renamed), "unlicensed": packed.unlicensed, "failures": packed.failures}
        )
    elif not quiet:
        size = float(recordings["size_bytes"].sum()) / 1e6
        say(f"{count(recordings.height, 'recording')} ({size:,.1f} MB), {count(events.height, 'event')}, in {out}")
        if packed.resumed:
            say("it was whole already; nothing was written")
        if packed.renamed:
            old, new = next(iter(packed.renamed.items()))
            say(f"{count(len(packed.renamed), 'recording')} got another name, such as {old}: {new}")
        if packed.unlicensed:
            say(f"not to be published: {count(len(packed.unlicensed), 'recording')} without a licence (LICENSES.csv)")
        say(f"next: fill in what {out / 'DATASHEET.md'} asks for")
    if not json:
        say_failures([(each.item, each.message) for each in packed.failures], kept_in=out / "failures.parquet")
    return EXIT_SOME_FAILED if packed.failures else EXIT_OK


def _check(dataset: Path, quiet: bool, json: bool) -> int:
    from tymbal.corpus.packing import read_packed

    found = read_packed(dataset)
    if json:
        told = {"dataset": str(dataset), "recordings": found.recordings.height, "events": found.events.height}
        say_json({**told, "digest": found.digest})
    elif not quiet:
        held = f"{count(found.recordings.height, 'recording')}, {count(found.events.height, 'event')}"
        say(f"every file is as packed: {held}")
    return EXIT_OK
