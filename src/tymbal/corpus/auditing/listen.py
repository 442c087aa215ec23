"""The measures of a corpus's recordings: made once per content, kept in the corpus."""

from __future__ import annotations

import polars as pl

from tymbal.corpus.auditing.measure import MEASURES, Measure, SoundFile
from tymbal.corpus.corpus import Corpus, read_table, write_table
from tymbal.corpus.tally import Folder, tally
from tymbal.jobs import Failure, Progress, Silent, make_executor

KEPT = "measures.parquet"  # in the corpus folder
SHORT_S = 900.0  # of sound that is heard in this process: starting others takes longer


def measures(
    corpus: Corpus, *, workers: int | None = 1, progress: Progress | None = None
) -> tuple[pl.DataFrame, list[Failure]]:
    """One row of MEASURES per recording that can be decoded, sorted by path; and what could not be.

    What was measured before under the same content hash is taken from the corpus; a killed run resumes.
    """
    wanted = corpus.recordings.select("recording", "content_hash")
    file = corpus.path / KEPT
    kept = read_table(file) if file.is_file() else pl.DataFrame(schema=MEASURES)
    known = kept.drop("recording").unique("content_hash", keep="first", maintain_order=True)
    found = wanted.join(known, on="content_hash", how="inner", maintain_order="left").select(list(MEASURES))
    missing = wanted.join(known.select("content_hash"), on="content_hash", how="anti", maintain_order="left")
    if missing.is_empty():
        return found.sort("recording"), []
    once = missing.unique("content_hash", keep="first", maintain_order=True)
    items = [SoundFile(name, content) for name, content in once.iter_rows()]
    folder = Folder(corpus.path / "work" / "audit")
    length_s = float(corpus.recordings.join(once, on="recording", how="semi")["duration_s"].sum())
    executor = make_executor(1 if length_s <= SHORT_S else workers)
    work = Measure(corpus.root.as_posix())
    told = progress or Silent()
    result = tally("audit: listening", items, work, folder, schema=MEASURES, executor=executor, progress=told)
    fresh = result.table.drop("recording")
    added = missing.join(fresh, on="content_hash", how="inner", maintain_order="left").select(list(MEASURES))
    table = pl.concat([found, added]).sort("recording")
    write_table(file, table)
    folder.clear()
    if folder.path.parent.is_dir() and not any(folder.path.parent.iterdir()):
        folder.path.parent.rmdir()
    return table, result.failures
