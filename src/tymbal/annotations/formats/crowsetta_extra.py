"""Whatever else crowsetta reads, through the optional package: format "crowsetta:NAME", such as "crowsetta:timit"."""

from __future__ import annotations

from typing import Any

import polars as pl

from tymbal.annotations.source import Reading, Source
from tymbal.errors import require

PREFIX = "crowsetta:"


def read(source: Source, name: str) -> Reading:
    """Read `source` with crowsetta's format `name`.

    Raises MissingExtraError where crowsetta is not installed and AnnotationError where it does not know the format or
    refuses the file.
    """
    crowsetta: Any = require("crowsetta", "crowsetta")
    schema: Any = require("pandera.errors", "crowsetta")  # what crowsetta checks its tables with
    known = crowsetta.formats.as_list()
    if name not in known:
        raise source.error(f"crowsetta knows no format {name!r}", allowed=", ".join(known), mend="Choose one of these.")
    try:
        found = crowsetta.Transcriber(format=name).from_file(str(source.path)).to_annot()
    except (
        *(ValueError, TypeError, KeyError, IndexError, AttributeError, OSError),
        *(schema.SchemaError, schema.SchemaErrors),
    ) as error:
        said = " ".join(str(error).split())[:200]
        raise source.error(
            f"crowsetta could not read it as {name!r}: {said}", mend="Check the format's name and the file."
        ) from error
    rows: list[tuple[str | None, float | None, float | None, float | None, float | None, str]] = []
    untimed = 0
    for annotation in found if isinstance(found, list) else [found]:
        recording = None if annotation.notated_path is None else str(annotation.notated_path)
        for box in getattr(annotation, "bboxes", None) or ():
            rows.append((recording, box.onset, box.offset, box.low_freq, box.high_freq, str(box.label)))
        sequence = getattr(annotation, "seq", None)
        for part in () if sequence is None else sequence if isinstance(sequence, list) else [sequence]:
            if part.onsets_s is None:
                untimed += len(part.labels)
                continue
            for onset, offset, label in zip(part.onsets_s, part.offsets_s, part.labels, strict=True):
                rows.append((recording, float(onset), float(offset), None, None, str(label)))
    if untimed:
        source.fault("samples", f"{untimed} segments have times in samples only; left out")
    names = ("recording", "onset_s", "offset_s", "low_hz", "high_hz", "label")
    schema = {at: pl.String() if at in ("recording", "label") else pl.Float64() for at in names}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return Reading({}, {at: frame[at] for at in names})
