"""BirdsongRecognition XML (Koumura and Okanoya 2016, doi:10.1371/journal.pone.0159188): notes within sequences.

Positions and lengths are in samples, a note's position counted from its sequence's. The file does not tell the
sample rate; 32 kHz is that of the published set, and taking it is reported.
"""

from __future__ import annotations

import polars as pl

from tymbal.annotations.formats.base import Format
from tymbal.annotations.source import Reading, Source
from tymbal.annotations.tables import make_coverage

_RATE_HZ = 32_000


def sniff(source: Source) -> float:
    """1 for XML whose root is Sequences."""
    head = "".join(source.first_lines[:3])[:400]
    return 1.0 if "<Sequences>" in head else 0.0


def read(source: Source) -> Reading:
    """Read all notes; each sequence was annotated without gaps and is coverage. AnnotationError for damaged XML."""
    import xml.etree.ElementTree as ET

    mend = "Check that the file is whole and of the BirdsongRecognition set."
    if "<!DOCTYPE" in source.text or "<!ENTITY" in source.text:  # entities can grow without bound
        raise source.error("XML with a document type is refused", mend="Remove the <!DOCTYPE> part.")
    rows: list[tuple[str, float, float, str]] = []
    spans: list[tuple[str, float, float]] = []
    try:
        for sequence in ET.fromstring(source.text.encode()).iter("Sequence"):
            file, begin = sequence.findtext("WaveFileName") or "", _samples(sequence.findtext("Position"))
            spans.append((file, begin, begin + _samples(sequence.findtext("Length"))))
            for note in sequence.iter("Note"):
                onset = begin + _samples(note.findtext("Position"))
                label = note.findtext("Label") or ""
                rows.append((file, onset, onset + _samples(note.findtext("Length")), label))
    except (ET.ParseError, ValueError) as error:
        raise source.error(f"damaged XML: {error}", mend=mend) from error
    source.fault("assumed_rate", f"the file gives times in samples; {_RATE_HZ:,} Hz was taken for granted")
    schema = {"recording": pl.String(), "onset_s": pl.Float64(), "offset_s": pl.Float64(), "label": pl.String()}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    frame = frame.with_columns(pl.col("onset_s", "offset_s") / _RATE_HZ)
    covered = pl.DataFrame(
        spans, schema={name: schema[name] for name in ("recording", "onset_s", "offset_s")}, orient="row"
    )
    covered = covered.select("recording", start_s=pl.col("onset_s") / _RATE_HZ, end_s=pl.col("offset_s") / _RATE_HZ)
    return Reading({}, {name: frame[name] for name in frame.columns}, None, make_coverage(covered))


def _samples(text: str | None) -> float:
    if text is None:
        raise ValueError("a Position or Length is missing")
    return float(int(text))


FORMAT = Format("birdsong-xml", (".xml",), sniff, read, "BirdsongRecognition XML (Koumura), 32 kHz", many=True)
