"""What a worker does with a stretch of a recording: read, encode, trim, pool, store type."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tymbal.audio import AudioReader
from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.encoders.windows import RateLayout, SoundWindow, encode_sound, real_frames
from tymbal.errors import AudioError, EncoderError, Fault, RecordingChangedError, StoreError
from tymbal.features.plan import Stretch
from tymbal.features.pooling import pool_segment
from tymbal.features.settings import EmbedConfig
from tymbal.jobs import Failure, Worked, guarded


@dataclass(frozen=True)
class LayerRows:
    """Rows of one layer for one unit: values (rows, bands*dim) and the centre of row 0 on the recording's clock."""

    values: NDArray[Any]
    first_center_s: float


@dataclass(frozen=True)
class UnitRows:
    """One embedded unit: its bounds in seconds and its rows, layer by layer in the order of the plan."""

    start_s: float
    end_s: float
    layers: tuple[LayerRows, ...]


@dataclass(frozen=True)
class UnitFailure:
    """One unit that could not be embedded."""

    start_s: float
    end_s: float
    failure: Failure


@dataclass(frozen=True)
class StretchRows:
    """The units of a stretch, in order, each embedded or failed."""

    units: tuple[UnitRows | UnitFailure, ...]


@dataclass(frozen=True)
class _Unit:
    stretch: Stretch
    start: int
    end: int

    @property
    def name(self) -> str:
        return self.stretch.name


class EmbedWork:
    """Embeds stretches with one encoder; picklable, so that every worker process holds its own.

    Every unit is encoded alone, in one thread: its numbers depend on the plan, not on neighbours, workers or resumes.
    """

    def __init__(
        self, encoder: Encoder, config: EmbedConfig, layouts: Mapping[int, RateLayout], device: str = "cpu"
    ) -> None:
        self._encoder, self._config, self._layouts = encoder, config, dict(layouts)
        self._device = torch.device(device)
        self._encoders: dict[int, Encoder] = {}
        self._checked: tuple[str, str] | None = None

    def prepare(self) -> None:
        """One thread for torch: sums in several threads depend on how many there are."""
        torch.set_num_threads(1)

    def __call__(self, stretch: Stretch) -> Worked[StretchRows]:
        """Embed every unit of `stretch`; a unit that fails is a row of its failures.

        Raises RecordingChangedError, AudioError where the whole file cannot be used.
        """
        self._check_unchanged(stretch)
        segment = self._layouts[stretch.rate_hz].segment_samples
        units: list[UnitRows | UnitFailure] = []
        audio_s = 0.0
        # A fresh reader per stretch: what it found wrong must not depend on what its worker read before.
        with AudioReader(Path(stretch.path), channel=stretch.channel, sample_rate_hz=stretch.rate_hz) as reader:
            for number in range(stretch.first, stretch.first + stretch.units):
                start, end = stretch.bounds(number, segment)
                outcome = guarded(lambda unit: Worked(self._embed(reader, unit)), _Unit(stretch, start, end))
                if outcome.worked is not None:
                    units.append(outcome.worked.value)
                    audio_s += (end - start) / stretch.rate_hz
                elif outcome.failure is not None:
                    units.append(UnitFailure(start / stretch.rate_hz, end / stretch.rate_hz, outcome.failure))
            faults = tuple(reader.faults)
        failures = tuple(unit.failure for unit in units if isinstance(unit, UnitFailure))
        return Worked(StretchRows(tuple(units)), audio_s, faults, failures)

    def _check_unchanged(self, stretch: Stretch) -> None:
        key = (stretch.path, stretch.content_hash)
        if self._checked == key:
            return
        try:
            found = Path(stretch.path).stat()
        except OSError as error:
            raise RecordingChangedError(
                f"the recording cannot be reached any more ({error.strerror or error})",
                where=stretch.path,
                mend="Bring it back, or index the folder again.",
            ) from error
        changed = found.st_size != stretch.size_bytes
        if not changed and found.st_mtime_ns != stretch.mtime_ns:  # copies lose their time stamp: ask the bytes
            from tymbal.corpus.identify import content_hash  # seldom needed, and slow to import in every worker

            changed = content_hash(Path(stretch.path)) != stretch.content_hash
        if changed:
            raise RecordingChangedError(
                f"the file is not the one that was indexed ({found.st_size:,} bytes, indexed {stretch.size_bytes:,})",
                where=stretch.path,
                mend="Run `tymbal index` again, then embed again.",
            )
        self._checked = key

    def _embed(self, reader: AudioReader, unit: _Unit) -> UnitRows:
        stretch = unit.stretch
        plan = self._layouts[stretch.rate_hz]
        window = plan.window(unit.start, unit.end, stretch.delivered)
        sound = reader.read(window.first, window.last - window.first)
        end = min(unit.end, window.first + len(sound))
        if end <= unit.start:
            raise AudioError(
                f"no sound from {unit.start / stretch.rate_hz:.3f} s on, although the file was indexed as longer",
                where=stretch.recording,
                mend="Index it again.",
            )
        outputs = self._encode(sound, stretch.rate_hz)
        window = replace(window, end=end, is_last=end == stretch.delivered)
        layers = tuple(self._rows(spec, outputs[spec.name], window, stretch) for spec in plan.layers)
        return UnitRows(unit.start / stretch.rate_hz, end / stretch.rate_hz, layers)

    def _encode(self, sound: NDArray[np.float32], rate_hz: int) -> dict[str, LayerOutput]:
        encoder = self._encoders.get(rate_hz)
        if encoder is None:
            encoder = self._encoder
            if self._device.type != "cpu":  # the caller's own stays where it is
                encoder = copy.deepcopy(encoder).to(self._device)
            # What a rate brings (windows, filters) is made on the CPU.
            encoder = self._encoders[rate_hz] = encoder.at_rate(rate_hz).to(self._device)
        return encode_sound(encoder, sound, self._device)

    def _rows(self, spec: LayerSpec, output: LayerOutput, window: SoundWindow, stretch: Stretch) -> LayerRows:
        start, end, rate = window.start, window.end, stretch.rate_hz
        owned = window.owned(spec.grid, real_frames(output, spec.name, self._encoder.name), rate)
        values = output.values[0, owned].reshape(owned.stop - owned.start, spec.bands * spec.dim).float().numpy()
        grid = window.grid(spec.grid, owned, rate)
        if self._config.frames is not None and len(values):
            segment = self._layouts[rate].segment_samples
            bins = -(-(end - start) * self._config.frames // segment)
            width_s = segment / rate / self._config.frames
            values, grid = pool_segment(values, grid, start / rate, width_s, bins)
        return LayerRows(_stored(values, self._config.dtype, spec.name, start / rate), grid.first_center_s)


def _stored(values: NDArray[np.float32], dtype: str, layer: str, start_s: float) -> NDArray[Any]:
    if not np.isfinite(values).all():
        raise EncoderError(
            f"layer {layer!r} gives NaN or infinity in the segment at {start_s:g} s",
            mend="Look at the sound there; if it is sound, the encoder is at fault.",
        )
    if dtype == "float32":
        return np.ascontiguousarray(values, dtype="<f4")
    with np.errstate(over="ignore"):
        narrow = np.ascontiguousarray(values, dtype="<f2")
    if not np.isfinite(narrow).all():
        raise StoreError(
            f"layer {layer!r} reaches {np.abs(values).max():.6g} in the segment at {start_s:g} s, "
            "more than float16 holds",
            allowed="up to 65504",
            mend="Embed into a new store in float32 (--dtype float32).",
        )
    return narrow


def fault_rows(stretch: Stretch, faults: tuple[Fault, ...]) -> list[list[Any]]:
    """What was odd about a stretch, as rows (recording, channel, code, message)."""
    return [[stretch.recording, stretch.channel, fault.code, fault.message] for fault in faults]
