"""Miniature copies of public sets in their official layout: the same names, columns and quirks, a few tones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import soundfile

RATE = 2000


def tone(path: Path, seconds: float, *, hz: float = 200.0, rate: int = RATE, seed: int = 0) -> Path:
    """A tone in noise; FLAC, Ogg or WAV by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * rate)) / rate
    noise = 0.05 * np.random.default_rng(seed).standard_normal(len(time))
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hz * time) + noise, rate)
    return path


def table(path: Path, rows: Sequence[Mapping[str, object]], separator: str = ",") -> Path:
    """A table with a header, cells as they are; those that hold the separator in quotes."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def cell(value: object) -> str:
        text = "" if value is None else str(value)
        return f'"{text}"' if separator in text else text

    lines = [separator.join(rows[0]), *(separator.join(cell(value) for value in row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def watkins(data: Path, species: Sequence[str] = ("Walrus", "Killer_Whale"), each: int = 10) -> Path:
    """Clips of `species`, ten of each, and the two Weddell seals that BEANS leaves out."""
    rows = []
    for number in range(each * len(species)):
        name = species[number % len(species)]
        path = f"{name}/{number:03}.wav"
        tone(data / "watkins" / path, 3.5 if number == 0 else 0.5, hz=150 + 250 * (number % len(species)), seed=number)
        rows.append({"path": path, "species": name})
    for number in range(2):
        path = f"Weddell_Seal/{number}.wav"
        tone(data / "watkins" / path, 0.5)
        rows.insert(3, {"path": path, "species": "Weddell_Seal"})
    table(data / "watkins/annotations.csv", rows)
    return data


def cbi(data: Path, recordists: str = "abcde") -> Path:
    """Two species, four recordings of every recordist, one of them longer than ten seconds."""
    rows = []
    for number, recordist in enumerate(recordists * 4):
        species = ("aldfly", "ameavo")[number % 2]
        name = f"XC{number:03}.ogg"
        tone(data / "cbi/train_audio" / species / name, 12.0 if number == 0 else 0.5, hz=150 + 300 * (number % 2))
        rows.append({"ebird_code": species, "filename": name, "recordist": recordist})
    table(data / "cbi/train.csv", rows)
    return data


def esc50(data: Path, each: int = 2, kinds: Mapping[str, float] | None = None) -> Path:
    """Kinds of tones in five folds; the file name begins with the fold."""
    kinds = kinds or {"dog": 200.0, "rain": 600.0}
    rows = []
    for fold in range(1, 6):
        for target, (category, hz) in enumerate(kinds.items()):
            for take in range(each):
                name = f"{fold}-{100 * fold + 10 * target + take}-A-{target}.wav"
                tone(data / "esc50/audio" / name, 1.0, hz=hz, seed=100 * fold + 10 * target + take)
                rows.append(
                    {
                        "filename": name,
                        "fold": fold,
                        "target": target,
                        "category": category,
                        "esc10": "True",
                        "src_file": 100 * fold + 10 * target + take,
                        "take": "A",
                    }
                )
    table(data / "esc50/meta/esc50.csv", rows)
    return data


def dcase(data: Path) -> Path:
    """Two recordings of five chunks each; the last chunk of the second is shorter than a window."""
    root = data / "dcase/Development_Set"
    tone(root / "Training_Set/BV/long.wav", 270.0)
    tone(root / "Validation_Set/PB/short.wav", 241.5)
    classes = ("AMRE", "BBWA", "AGGM", "Q")
    events = {
        "Training_Set/BV/long": [
            (1.5, 3.0, {"AMRE": "POS"}),
            (58.5, 61.0, {"BBWA": "POS", "AMRE": "UNK"}),
            (10.0, 12.0, {"AGGM": "POS"}),
            (200.0, 200.0, {"AMRE": "POS"}),
            (245.0, 255.0, {"AMRE": "POS"}),
        ],
        "Validation_Set/PB/short": [(240.5, 250.0, {"Q": "POS"}), (0.0, 1.0, {"Q": "NEG"})],
    }
    for name, rows in events.items():
        listed = []
        for onset, offset, values in rows:
            cells = {each: values.get(each, "NEG") for each in classes}
            listed.append({"Audiofilename": f"{Path(name).name}.wav", "Starttime": onset, "Endtime": offset, **cells})
        table(root / f"{name}.csv", listed)
    return data


def enabirds(data: Path) -> Path:
    """One recording of 300 s with a Raven table, and a chunk that the official script left in wav/."""
    folder = data / "enabirds"
    tone(folder / "Recording_1/Recording_1_Segment_01.wav", 300.0)
    tone(folder / "wav/Recording_1_Segment_01.000.wav", 1.0)
    rows = [
        {"Selection": 1, "View": "Spectrogram 1", "Begin Time (s)": 2.0, "End Time (s)": 4.0, "Species": "EATO"},
        {"Selection": 2, "View": "Spectrogram 1", "Begin Time (s)": 181.0, "End Time (s)": 181.5, "Species": "XXXX"},
    ]
    table(folder / "Recording_1/Recording_1_Segment_01.Table.1.selections.txt", rows, separator="\t")
    return data


def gibbons(data: Path, files: int = 11) -> Path:
    """Files of four chunks, of which the first and the fourth count."""
    folder = data / "hainan_gibbons"
    for number in range(files):
        tone(folder / f"Train/HGSM3AC_{number:02}.wav", 185.0, rate=200)
        rows = [
            {"Start": 10, "End": 14, "Type": 2},
            {"Start": 70, "End": 75, "Type": 3},  # in the second chunk, which does not count
            {"Start": 181, "End": 183, "Type": 0},  # no label of the set: counts as 1
        ]
        table(folder / f"Train_Labels/g_HGSM3AC_{number:02}.data", rows)
    return data


def rfcx(data: Path, files: int = 10) -> Path:
    """Recordings of 20 s; events at exactly 20 % of a window, just above, and covering one."""
    for number in range(files):
        tone(data / f"rfcx/train/r{number:02}.flac", 20.0, hz=150 + 100 * (number % 2), seed=number)
    rows = []
    for number in range(files):
        rows += [
            {"recording_id": f"r{number:02}", "species_id": number % 2, "t_min": 8.0, "t_max": 20.0},
            {"recording_id": f"r{number:02}", "species_id": 2, "t_min": 9.0, "t_max": 14.0},
            {"recording_id": f"r{number:02}", "species_id": 3, "t_min": 7.9, "t_max": 20.0},
        ]
    table(data / "rfcx/train_tp.csv", rows)
    return data


def hiceas(data: Path) -> Path:
    """Three lists of recordings with paths as the official scripts see them."""
    for fold, count in (("train", 3), ("valid", 1), ("test", 2)):
        lines = []
        for number in range(count):
            name = f"{fold}{number}.wav"
            tone(data / "hiceas/wav" / name, 24.0, seed=number)
            events = [{"st": 12.0, "ed": 14.0, "label": 1}] if number % 2 else []
            lines.append(json.dumps({"path": f"data/hiceas/wav/{name}", "length": 24.0, "annotations": events}))
        (data / f"hiceas/{fold}.jsonl").write_text("\n".join(lines) + "\n")
    return data


def birdset(data: Path, name: str, species: Sequence[str], *, files: int = 5) -> Path:
    """A test set: focal recordings of each species and soundscape segments with none, one and two species."""
    folder = data / name
    focal, segments = [], []
    for number in range(files * len(species)):
        code = species[number % len(species)]
        path = f"XC{number:03}.ogg"
        tone(folder / f"{name}_train_shard_0001" / path, 12.0, hz=_HZ[code], rate=4000, seed=number)
        events = [[1.0, 2.0], [4.0, 5.0], [9.0, 11.0]] if number < len(species) else [[1.0, 2.0]]
        clusters = [0, NOISE, 0] if number < len(species) else [NOISE]
        focal.append(
            {
                "filepath": f"{name}/{path}",
                "ebird_code": code,
                "ebird_code_multilabel": [code],
                "detected_events": events,
                "event_cluster": clusters,
            }
        )
    for number in range(3 * len(species)):
        code = species[number % len(species)]
        path = f"{name}_{number // 3 + 1:03}_20200101_050000_{5 * (number % 3):03}_{5 * (number % 3) + 5:03}.ogg"
        tone(folder / f"{name}_test5s_shard_0001" / path, 5.0, hz=_HZ[code], rate=4000, seed=number)
        both = [[], [code], sorted({code, species[0]})][number % 3]
        segments.append({"filepath": path, "ebird_code_multilabel": both})
    pl.DataFrame(focal).write_parquet(folder / f"{name}_metadata_train.parquet")
    pl.DataFrame(segments).write_parquet(folder / f"{name}_metadata_test_5s.parquet")
    return data


def pool(data: Path, name: str, species: Sequence[str], *, files: int = 4) -> Path:
    """A training pool: focal recordings of many species."""
    rows = []
    for number in range(files * len(species)):
        code = species[number % len(species)]
        tone(data / name / f"{name}_shard_0001/XC9{number:03}.ogg", 6.0, hz=_HZ[code], rate=4000, seed=number)
        rows.append(
            {"filepath": f"XC9{number:03}.ogg", "ebird_code": code, "detected_events": [[0.5, 1.0], [3.0, 4.0]]}
        )
    table = pl.DataFrame(rows).with_columns(pl.lit([0, 0]).alias("event_cluster"))
    table.write_parquet(data / name / f"{name}_metadata.parquet")
    return data


NOISE = -1
_HZ = {"amerob": 300.0, "norcar": 700.0, "veery": 1200.0, "sora": 1700.0}


def individuals(data: Path, folder: str, names: Sequence[str]) -> Path:
    """Clips of individuals in two tables, one for each year; a year sounds a little different."""
    raw = data / folder / "v0.1.0/raw"
    for year, file in enumerate(("acrossyear_fg_train.csv", "acrossyear_fg_test.csv")):
        rows = []
        for take in range(4):
            for number, name in enumerate(names):
                path = f"audio/{name}_{year}_{take}.wav"
                tone(raw / path, 0.6, hz=200 + 90 * number + 10 * year, rate=4000, seed=100 * year + 10 * take + number)
                rows.append({"wavfilename": Path(path).name, "individual_id": name, "local_path": path})
        table(raw / file, rows)
    return data


def bengalese_finch(data: Path, types: int = 3) -> Path:
    """Syllables of one bird."""
    raw, rows = data / "bengalese_finch/v0.1.0/raw", []
    for number in range(8 * types):
        path = f"wav/Bird0/{number:03}.wav"
        tone(raw / path, 0.3, hz=200 + 400 * (number % types), rate=4000, seed=number)
        rows.append({"local_path": path, "call_type": number % types, "individual_id": "Bird0"})
    table(raw / "Bird0.csv", rows)
    return data
