"""A corpus and a run that most tests of the report look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.report.fixture import make_corpus, make_run, small_rows

LABELS = ["<script>alert(1)</script>", 'O\'Neil & "Zoë"', "brève", "never heard"]
RATES = [("a/One.WAV", 22_050), ("a/bat <1>.wav", 250_000), ("a/low.wav", 1_000), ("tail.wav", 48_000)]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUN directory: 3 labels with examples and one without, 12 sessions, 4 recordings at 1 to 250 kHz, one gone."""
    folder = tmp_path_factory.mktemp("report")
    corpus = make_corpus(folder, RATES)
    names = [name for name, _ in RATES]
    rows = small_rows(LABELS, lambda number: [*names, "gone.wav"][number % 5], count=60, units=12)
    run = make_run(
        folder / "run", rows, LABELS, corpus=corpus, task={"label": "label", "scheme": "s", "unit_name": "session"}
    )
    (folder / "recordings" / "tail.wav").write_bytes(b"RIFFxxxxWAVE torn")
    return run
