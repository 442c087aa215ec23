"""Recordings and tables of docs/studies/pretraining.sh, into this folder: python recordings.py DATA

`wild` and `esc` are trained on; `esc10` and what the script indexes from DATA are tested on. A recording of Freesound
of which ESC-10 holds a part is not trained on.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import polars as pl

WILD = {  # set: the table of its recordings, or its only pattern
    "soundscape_24h": "recordings.csv",
    "borneo_sulawesi": "recordings.csv",
    "frog_presence": "recordings.csv",
    "bird_soundscape": "recordings.csv",
    "reef_fish": "clips.csv",
    "orca_call_catalogue": "clips.csv",
}


def copied(source: Path, target: Path) -> None:
    """A copy, unless it is there."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def wild(data: Path) -> None:
    """Animals and their places: six sets, with the labels that recordings have."""
    rows = []
    for name, table in WILD.items():
        for row in pl.read_csv(data / name / table).iter_rows(named=True):
            copied(data / name / row["recording"], Path("wild") / name / row["recording"])
            label = row.get("label")
            rows.append((f"{name}/{row['recording']}", label and f"{name}: {label}"))
    pl.DataFrame(rows, schema=["recording", "label"], orient="row").write_csv("wild.csv")


def esc(data: Path) -> None:
    """ESC-10 to test on; the rest of the ESC-50 clips, less those of a source of ESC-10, to train on."""
    clips = pl.read_csv(data / "esc50_subset/clips.csv")
    tested, rest = clips.filter("esc10"), clips.filter(~pl.col("esc10"))
    rest = rest.filter(~pl.col("src_file").is_in(tested["src_file"].unique().to_list()))
    assert not set(rest["src_file"]) & set(tested["src_file"])
    for name, part in (("esc10", tested), ("esc", rest)):
        for recording in part["recording"]:
            copied(data / "esc50_subset" / recording, Path(name) / recording)
        part.write_csv(f"{name}.csv")


def finches(data: Path) -> None:
    """Syllables named with their bird, by day (where no day is known, by recording); what was listened to of songs."""
    birds = data / "bengalese_finch_song"
    events = pl.read_csv(birds / "annotations.csv").filter(pl.col("label") != "unlabelled")
    syllable = pl.concat_str("individual", "label", separator=" ").alias("label")
    events.select("recording", "begin_time_s", "end_time_s", syllable).write_csv("syllables.csv")
    day = pl.col("recording").str.extract(r"_(\d{6})_\d{4}\.")  # gy6or6_baseline_230312_0809.141.flac: 23 March 2012
    recordings = pl.read_csv(birds / "recordings.csv")
    recordings.select("recording", "individual", pl.coalesce(day, "recording").alias("day")).write_csv("finches.csv")
    songs = pl.read_csv(data / "zebra_finch_song/recordings.csv")
    songs.select("recording", pl.lit(0.0).alias("start_s"), pl.col("duration_s").alias("end_s")).write_csv("songs.csv")


if __name__ == "__main__":
    wild(Path(sys.argv[1]))
    esc(Path(sys.argv[1]))
    finches(Path(sys.argv[1]))
