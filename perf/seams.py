"""Where the grid of segments falls: the same recording detected in from several starts, and what that changes.

Run: .venv/bin/python perf/seams.py [ENCODER ...]     (default spectral tymbal-small; about 4 CPU minutes, one thread)

Zebra finch song (`zebra_finch_song` under TYMBAL_DATA, default ../shared/data): a detector is trained on six of eight
birds (20 epochs, one class). The recordings of the other two, end on end, are one recording with a seam of segments
every two seconds, and a part of a segment of sound is put before it, which moves every seam over it: by whole frames,
where nothing but the seams changes, and by a part of a frame too, which moves the frames' places in the calls.
Told for each: F1 at IoU 0.5 and 0.8 from the second second on (the sound before it ends at any place in a call), and
how many boxes of the first start have one of IoU above 0.8 again. Results go to perf/results/seams.txt by hand.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402 - after the number of threads is set
import polars as pl  # noqa: E402
import soundfile  # noqa: E402

from tymbal.audio import AudioReader  # noqa: E402
from tymbal.corpus import Corpus, index  # noqa: E402
from tymbal.detection import Boxes, Detector, DetectorConfig, detect_sound, f1_score  # noqa: E402
from tymbal.encoders.source import open_encoder  # noqa: E402
from tymbal.evaluation.detection import match_boxes  # noqa: E402
from tymbal.features import embed  # noqa: E402

DATA = Path(os.environ.get("TYMBAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
SEGMENT_S, FROM_S = 2.0, 1.0
MOVED_S = (
    0.0,
    0.28,
    0.57,
    0.86,
    1.14,
    1.71,
    0.285,
    0.575,
    0.865,
    1.145,
    1.715,
)  # spectral's hop is 10 ms, tymbal-small's 20
HELD = ("g19o3U", "R3549")  # an adult and a juvenile


def measure(name: str, folder: Path) -> None:
    """Train on six birds, detect in the others from several starts, and print what differs."""
    finches = DATA / "zebra_finch_song"
    tables, metadata = finches / "annotations.csv", finches / "recordings.csv"
    corpus = index(
        finches, out=folder / "corpus", annotations=tables, metadata=metadata, coverage="complete", workers=1
    )
    encoder = open_encoder(name).encoder
    store = embed(corpus, encoder, folder / name, segment_s=SEGMENT_S, workers=1)
    birds = dict(corpus.recordings.select("recording", "individual").rows())
    config = DetectorConfig(classes=False, training=replace(DetectorConfig().training, epochs=20))
    taught = [recording for recording, bird in birds.items() if bird not in HELD]
    detector = Detector(config).fit(store, corpus, recordings=taught, groups=birds)
    sound, truth, rate = _end_on_end(corpus, [recording for recording, bird in birds.items() if bird in HELD])
    print(
        f"{name}: {len(truth)} events in {len(sound) / rate:.0f} s, {len(sound) / rate / SEGMENT_S:.0f} segments of "
        f"{SEGMENT_S:g} s, detector trained on {detector.notes_['events']} events"
    )
    first, truth = Boxes.none(), truth.take(truth.onset_s > FROM_S)
    for moved_s in MOVED_S:
        moved = round(moved_s * rate)
        soundfile.write(folder / "moved.wav", np.concatenate([sound[:moved], sound]), rate, subtype="PCM_16")
        boxes, _ = detect_sound(detector, encoder, folder / "moved.wav", channel=1)
        boxes = Boxes.make(boxes.onset_s - moved_s, boxes.offset_s - moved_s, score=boxes.score, label=boxes.label)
        boxes = boxes.take(boxes.onset_s > FROM_S)
        first = boxes if moved_s == 0 else first
        again = len(match_boxes(first.edges_s, boxes.edges_s, minimum_iou=0.8).iou)
        f1 = [f1_score([truth], [boxes], 0.0, iou) for iou in (0.5, 0.8)]
        print(
            f"  moved by {1000 * moved_s:5.0f} ms: F1@0.5 {f1[0]:.4f}, F1@0.8 {f1[1]:.4f}, {len(boxes)} boxes, "
            f"{again} of the first {len(first)} again",
            flush=True,
        )


def _end_on_end(corpus: Corpus, recordings: list[str]) -> tuple[np.ndarray, Boxes, int]:
    parts, events, at_s, rate = [], [], 0.0, 0
    for recording in recordings:
        with AudioReader(corpus.file(recording), channel=1) as reader:
            parts.append(reader.read(0, reader.samples))
            rate = reader.sample_rate_hz
        own = corpus.events.filter(pl.col("recording") == recording)
        events.append(Boxes.make(own["onset_s"].to_numpy() + at_s, own["offset_s"].to_numpy() + at_s))
        at_s += len(parts[-1]) / rate
    return np.concatenate(parts), Boxes.join(events).sorted(), rate


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        for each in sys.argv[1:] or ["spectral", "tymbal-small"]:
            measure(each, Path(place))
