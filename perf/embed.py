"""index + embed on real recordings, in times real time per CPU second, and where the time goes.

Run: .venv/bin/python perf/embed.py [FOLDER ...]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import soundfile
import torch

from machine import probe_line
from tymbal.audio import AudioReader
from tymbal.corpus import Corpus, index
from tymbal.encoders import create_encoder
from tymbal.features import FeatureStore, embed
from tymbal.jobs import atomic

DATA = Path(os.environ.get("TYMBAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
SEGMENT_S = 10.0


def cpu(function: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds of one call in this process."""
    wall, start = time.perf_counter(), time.process_time()
    function()
    return time.process_time() - start, time.perf_counter() - wall


def decode_all(corpus: Corpus) -> list[tuple[int, np.ndarray]]:  # type: ignore[type-arg]
    """Every segment of every recording, with its rate."""
    found = []
    for recording in corpus.recordings["recording"]:
        with AudioReader(corpus.root / recording) as reader:
            found += [
                (reader.sample_rate_hz, block) for block in reader.blocks(round(SEGMENT_S * reader.sample_rate_hz))
            ]
    return found


def main() -> None:
    torch.set_num_threads(1)
    print(probe_line())
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(name) for name in sys.argv[1:]]
        for root in places or [DATA / "soundscape_24h", DATA / "esc50_subset", make_long(Path(folder) / "generated")]:
            run(root, Path(folder) / f"out-{root.name}")


def make_long(root: Path) -> Path:
    """Two recordings of ten minutes at 32 kHz, so that recordings of many segments are measured too."""
    root.mkdir()
    for number in range(2):
        noise = np.random.default_rng(number).normal(size=32_000 * 600) * 0.05
        soundfile.write(root / f"long{number}.wav", noise, 32_000, "PCM_16")
    return root


def run(root: Path, out: Path) -> None:
    """Index and embed one folder, and print where the time went."""
    corpora: list[Corpus] = []
    index_s, _ = cpu(lambda: corpora.append(index(root, out=out / "corpus", workers=1)))
    corpus = corpora[0]
    sound_s = float(corpus.recordings["duration_s"].sum())
    rates = sorted(corpus.recordings["sample_rate_hz"].unique().to_list())
    codecs = sorted(corpus.recordings["codec"].unique().to_list())
    print(f"{root.name}: {corpus.recordings.height} recordings, {sound_s / 60:.1f} minutes, {codecs} at {rates} Hz")
    segments: list[tuple[int, np.ndarray]] = []  # type: ignore[type-arg]
    decode_s, _ = cpu(lambda: segments.extend(decode_all(corpus)))
    encoder = create_encoder("spectral")

    def encode() -> None:
        for rate, block in segments:
            with torch.inference_mode():
                encoder.at_rate(rate)(torch.from_numpy(block)[None])

    encode()  # builds the encoder of each rate
    encode_s, _ = cpu(encode)
    for margin_s in (0.0, None):
        measure(corpus, out / f"store-{margin_s}", sound_s, (index_s, decode_s, encode_s), margin_s)


def measure(
    corpus: Corpus, out: Path, sound_s: float, parts: tuple[float, float, float], margin_s: float | None
) -> None:
    """Print one line for embedding with a margin (None: the default)."""
    index_s, decode_s, encode_s = parts
    written: list[float] = []
    write = atomic.write_bytes

    def timed(path: Path, data: bytes) -> None:
        start = time.process_time()
        write(path, data)
        written.append(time.process_time() - start)

    import tymbal.features.write as module

    module.write_bytes = timed  # type: ignore[assignment]
    stores: list[FeatureStore] = []
    embed_s, wall_s = cpu(
        lambda: stores.append(
            embed(corpus, create_encoder("spectral"), out, workers=1, margin_s=margin_s, segment_s=SEGMENT_S)
        )
    )
    module.write_bytes = write
    size = sum(path.stat().st_size for path in out.rglob("*.npy"))
    what = "default margin" if margin_s is None else "no margin"
    print(
        f"embed, all layers, {what} {stores[0].manifest.margin_samples}: {sound_s / embed_s:.0f} x real time per CPU s "
        f"(wall {sound_s / wall_s:.0f} x); index + embed {sound_s / (index_s + embed_s):.0f} x; "
        f"{size / 1e6:.0f} MB written\n"
        f"  index {index_s:.2f} CPU s; embed {embed_s:.2f} CPU s; encoder alone, same segments, {encode_s:.2f} "
        f"({sound_s / encode_s:.0f} x); ratio {embed_s / encode_s:.2f}; "
        f"decoding alone {decode_s:.2f} ({decode_s / embed_s:.0%} of embed); writing {sum(written):.2f} "
        f"({sum(written) / embed_s:.0%})"
    )


if __name__ == "__main__":
    main()
