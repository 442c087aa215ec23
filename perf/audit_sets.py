"""What `tymbal audit` says of every set of real recordings, and how alike the closest different recordings are.

Run: .venv/bin/python perf/audit_sets.py [SET ...]     (sets under TYMBAL_DATA, default ../shared/data)
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tymbal.corpus import Corpus, audit, index
from tymbal.corpus.auditing.duplicates import LEAST_LIKENESS, Pair, candidates, listen
from tymbal.corpus.auditing.listen import measures

DATA = Path(os.environ.get("TYMBAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
SETS: dict[str, tuple[str | None, str | None, str | None]] = {  # annotations, metadata, label
    "bats_neotropical": ("annotations.csv", "recordings.csv", "label"),
    "bengalese_finch_song": ("annotations.csv", "recordings.csv", "label"),
    "bird_soundscape": (None, "recordings.csv", None),
    "boobook_owl": ("annotations.csv", "recordings.csv", "label"),
    "borneo_sulawesi": (None, "recordings.csv", "label"),
    "cat_meows": (None, "clips.csv", "individual"),
    "esc50_subset": (None, "clips.csv", "label"),
    "fasd13_fewshot": ("annotations.csv", "recordings.csv", "label"),
    "frog_presence": (None, "recordings.csv", "label"),
    "hermit_hummingbirds": (None, "clips.csv", "song_type"),
    "microphone_array": (None, "recordings.csv", None),
    "monk_parakeet_calls": (None, "clips.csv", "individual_or_group"),
    "orca_call_catalogue": (None, "clips.csv", "label"),
    "reef_fish": (None, "clips.csv", "label"),
    "soundscape_24h": (None, "recordings.csv", None),
    "spinetail": ("annotations.csv", None, "label"),
    "spoken_digits": (None, "clips.csv", "individual"),
    "template_survey": ("annotations.csv", "recordings.csv", "label"),
    "ultrasonic_misc": ("annotations.csv", "recordings.csv", "label"),
    "zebra_finch_distance_calls": (None, "clips.csv", "individual"),
    "zebra_finch_song": ("annotations.csv", "recordings.csv", "individual"),
}


def look(name: str, folder: Path) -> None:
    """Index and audit one set and print every finding."""
    annotations, metadata, label = SETS[name]
    told = {}
    if annotations is not None:
        told["annotations"] = DATA / name / annotations
    if metadata is not None:
        told["metadata"] = DATA / name / metadata
    corpus = index(DATA / name, out=folder / name, label=label, workers=1, **told)  # type: ignore[arg-type]
    print(f"== {name}: {corpus.recordings.height} recordings, label {label}")
    for finding in audit(corpus, label=label, workers=1):
        print(f"{finding.severity:7s} {finding.code}: {finding.message}")
    print(f"likeness of candidate pairs: {likenesses(corpus)}")


def likenesses(corpus: Corpus) -> str:
    """The likeness of all candidate pairs, those above the threshold and the highest below it."""
    heard, _ = measures(corpus)
    durations = dict(zip(corpus.recordings["recording"], corpus.recordings["duration_s"], strict=True))
    distinct = heard.unique("sample_hash", keep="first", maintain_order=True)
    pairs = [Pair(each, durations[each.first], durations[each.second]) for each in candidates(distinct)]
    found = sorted((listen(each, corpus.root) for each in pairs), reverse=True)
    above = [value for value in found if value >= LEAST_LIKENESS]
    below = [value for value in found if value < LEAST_LIKENESS]
    text = f"{len(above)} at or above {LEAST_LIKENESS}"
    text += f" (least {above[-1]:.2f})" if above else ""
    return text + f", {len(below)} below" + (f" (greatest {below[0]:.2f})" if below else "")


def main() -> None:
    """All sets named, or all."""
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or SETS:
            look(name, Path(folder))


if __name__ == "__main__":
    main()
