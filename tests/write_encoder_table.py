"""The table of layers in docs/how-to/encoders.md, made from the registry.

    .venv/bin/python tests/write_encoder_table.py

writes it anew; a test compares. `spectral`, which takes any rate, is described at 32 kHz.
"""

from __future__ import annotations

import re
from pathlib import Path

from tymbal.encoders.overview import layer_table

PAGE = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "encoders.md"
MARKED = re.compile(r"(?<=<!-- layers -->\n).*?(?=<!-- end -->)", re.DOTALL)


def with_table(page: str) -> str:
    """The page with the table as the code gives it now."""
    new, found = MARKED.subn(lambda _: layer_table(), page)
    if found != 1:
        raise SystemExit(f"{PAGE}: one place marked <!-- layers --> … <!-- end --> is needed, found {found}")
    return new


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
