"""Probe a recording: container, rate, length, faults, start time and recorder, without decoding the sound.

Two exceptions, both named in docs/decisions/0004: formats that only the second decoder reads (M4A and the like) and
Ogg files with damaged pages are run through once to count their samples.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import PurePath

from tymbal.audio import flac, metadata, mpeg, ogg, pcm, riff, sniff, stamps
from tymbal.audio.info import AudioInfo
from tymbal.audio.metadata import Notes
from tymbal.audio.repair import FlacSource, OggStream, place_runs
from tymbal.audio.sources import (
    AvStream,
    LinearSource,
    PcmSource,
    SndfileSource,
    SndfileStream,
    Source,
    count_samples,
    open_sound,
)
from tymbal.audio.window import Path, Piece, file_size
from tymbal.errors import AudioError, Fault

Opener = Callable[[], Source]
_SEEKABLE = frozenset(
    ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM")
)


def probe(path: Path) -> AudioInfo:
    """What the file at `path` holds and what is wrong with it.

    Raises AudioError, naming file, fault and mend, where no sound can be taken from it.
    """
    return plan(path)[0]


def plan(path: Path) -> tuple[AudioInfo, Opener]:
    """The probe of a file, and how to open its samples for reading."""
    container, begin = sniff.sniff(path)
    try:
        info, opener = _PLANS.get(container, _plan_second)(path, container, begin)
    except OSError as error:
        raise AudioError(
            f"the file cannot be read ({error.strerror or error})", where=path, mend="Check the disk and try again."
        ) from error
    pcm.check_geometry(path, info.channels, info.sample_rate_hz)
    faults = list(info.faults)
    extension = sniff.lying_extension(path, container)
    if extension is not None:
        faults.insert(0, Fault("extension", f"the name ends in {extension}, the file is {info.container}"))
    if info.samples == 0 and all(fault.code != "no_samples" for fault in faults):
        faults.append(Fault("no_samples", "the header is there, but no sound follows it"))
    start = info.start or stamps.from_name(PurePath(os.fsdecode(path)).stem)
    return replace(info, faults=tuple(faults), start=start), opener


def _info(path: Path, container: str, codec: str, numbers: tuple[int, int, int], notes: Notes) -> AudioInfo:
    """`numbers` are rate (Hz), channels and samples."""
    return AudioInfo(
        path=os.fsdecode(path),
        container=container,
        codec=codec,
        sample_rate_hz=numbers[0],
        channels=numbers[1],
        samples=numbers[2],
        faults=tuple(notes.faults),
        start=notes.start,
        recorder=notes.recorder,
        metadata=notes.items,
        time_expansion=notes.time_expansion,
    )


def _plan_riff(path: Path, container: str, begin: int) -> tuple[AudioInfo, Opener]:
    found = riff.parse(path)
    layout, codec, faults = pcm.layout_of(path, found)
    with open(path, "rb") as file:
        notes = metadata.read_riff(file, found)
    notes.faults = [*found.faults, *faults, *notes.faults]
    form = found.format
    if layout is not None and form is not None:
        name = "WAVEX" if form.extensible and found.form == "WAV" else found.form
        info = _info(path, name, codec, (form.sample_rate_hz, form.channels, layout.frames), notes)
        return info, partial(PcmSource, path, layout)
    try:
        return _plan_sndfile(path, container, begin, notes=notes)
    except AudioError as error:
        raise AudioError(
            f"the sound is coded as {codec}, which cannot be decoded here",
            where=path,
            mend="The header may be damaged; otherwise convert the file to WAV or FLAC with the program that wrote it.",
        ) from error


def _plan_sndfile(path: Path, container: str, begin: int, *, notes: Notes | None = None) -> tuple[AudioInfo, Opener]:
    notes = notes or Notes()
    with open_sound(path) as sound:
        kind, codec = str(sound.format), str(sound.subtype)
        rate, channels, samples = int(sound.samplerate), int(sound.channels), int(sound.frames)
        comment = sound.comment or ""
    if comment:
        notes.items["comment.COMMENT"] = comment
        notes.start = notes.start or metadata.comment_start(notes, comment)
    if container in ("AIFF", "AU"):
        _check_length(path, container, notes)
    if codec == "ALAC_32":  # libsndfile 1.2.2 decodes it to other samples than were encoded
        notes.fault("second_decoder", "libsndfile decodes 32-bit ALAC wrongly: it was read by the second decoder")
        start = partial(AvStream, path, untrimmed=True)
        start().close()
        return _info(path, kind, codec, (rate, channels, samples), notes), partial(
            LinearSource, path, channels, samples, start
        )
    info = _info(path, kind, codec, (rate, channels, samples), notes)
    if codec in _SEEKABLE:
        return info, partial(SndfileSource, path)
    return info, partial(LinearSource, path, channels, samples, partial(SndfileStream, path))


def _check_length(path: Path, container: str, notes: Notes) -> None:
    head, size = sniff.read_head(path, 12), file_size(path)
    if container == "AIFF":
        claimed = int.from_bytes(head[4:8], "big") + 8
    else:
        order = "big" if head[:4] == b".snd" else "little"
        offset, data = (int.from_bytes(head[at : at + 4], order) for at in (4, 8))  # type: ignore[arg-type]
        claimed = 0 if data == 0xFFFFFFFF else offset + data
    if claimed > size + 1:
        notes.fault("truncated", f"the header claims {claimed} bytes, the file has {size}")


def _plan_flac(path: Path, container: str, begin: int) -> tuple[AudioInfo, Opener]:
    stream, at_frame = flac.read_info(path, begin)
    notes = metadata.read_comments(stream.comments)
    if begin:
        notes.fault("leading_tag", f"an ID3 tag of {begin} bytes stands before the FLAC header, where none belongs")
    if not at_frame:
        notes.fault("metadata_length", "a FLAC metadata block states a wrong length; the first frame was searched for")
    first = flac.first_frame(path, stream)
    if first is None:
        if stream.total:
            what = f"the FLAC header promises {stream.total} samples, but no frame of sound follows"
            raise AudioError(what, where=path, mend="It was cut short: fetch the file again.")
        codec = f"PCM_{stream.bits}"
        return _info(path, "FLAC", codec, (stream.sample_rate_hz, stream.channels, 0), notes), partial(
            FlacSource, path, stream, 0, pieces=None, by_frames=True
        )
    samples, honest = _flac_length(path, stream, first, notes)
    sizes = {stream.min_block, stream.max_block}  # wrong ones make the decoder seek to wrong places
    honest = honest and at_frame and first.bits == stream.bits
    honest = honest and (first.variable or sizes == {first.samples} or samples == first.samples)
    mixed = any(fault.code == "bit_depth" for fault in notes.faults)
    if first.bits != stream.bits:
        notes.fault("bit_depth", f"the header says {stream.bits} bits, the frames have {first.bits}; those count")
    if first.samples > stream.max_block:
        notes.fault("block_size", f"frames have {first.samples} samples, the header allows {stream.max_block}")
    codec = "PCM_S8" if first.bits == 8 else f"PCM_{first.bits}"
    actual = replace(stream, channels=first.channels, sample_rate_hz=first.sample_rate_hz)
    info = _info(path, "FLAC", codec, (first.sample_rate_hz, first.channels, samples), notes)
    # A header that lies is replaced by one that tells the truth; only mixed depths need every frame by itself.
    front = None if honest else (flac.stream_header(first, samples), (first.offset, file_size(path)))
    return info, partial(FlacSource, path, actual, samples, pieces=front, by_frames=mixed)


def _flac_length(path: Path, stream: flac.StreamInfo, first: flac.Frame, notes: Notes) -> tuple[int, bool]:
    """Readable samples per channel, and whether that is what the header says."""
    last, complete = flac.last_frame(path, stream, first.samples)
    if last is None:  # the end is not FLAC: only an index of all frames tells how far the sound goes
        frames = flac.index(path, stream, first.samples)
        end = frames[-1].end if frames else first.end
    elif last.end == stream.total and last.channels == first.channels:
        return stream.total, True
    else:
        end = last.end if complete else last.first
    if last is not None and (last.channels != first.channels or not stream.total):
        end = _uniform_end(path, stream, first, end, notes)
    if stream.total == 0:
        notes.fault("length_unknown", f"the header leaves the length open; {end} samples were counted from the frames")
    elif end < stream.total:
        notes.fault("truncated", f"the header promises {stream.total} samples, the file ends after {end}")
    else:
        notes.fault("length_wrong", f"the header promises {stream.total} samples, the frames hold {end}; all are read")
    return end, False


def _uniform_end(path: Path, stream: flac.StreamInfo, first: flac.Frame, end: int, notes: Notes) -> int:
    """Where channels or rate change on the way, only the part before can be one recording."""
    for frame in flac.index(path, stream, first.samples):
        if (frame.channels, frame.sample_rate_hz) != (first.channels, first.sample_rate_hz):
            notes.fault(
                "format_changes",
                f"at sample {frame.first} the stream changes from {first.channels} channels at {first.sample_rate_hz}"
                f" Hz to {frame.channels} at {frame.sample_rate_hz} Hz; it was read up to there",
            )
            return frame.first
        if frame.bits != first.bits and all(fault.code != "bit_depth" for fault in notes.faults):
            notes.fault("bit_depth", f"from sample {frame.first} on, frames have {frame.bits} bits after {first.bits}")
    return end


def _plan_ogg(path: Path, container: str, begin: int) -> tuple[AudioInfo, Opener]:
    layout = ogg.walk(path, check=True)
    if layout is None or not layout.runs or layout.header_stop <= layout.runs[0].start - 1 or not layout.runs[0].stop:
        raise AudioError("the Ogg header pages are damaged", where=path, mend="Fetch the file again.")
    if layout.runs[0].stop == layout.runs[0].start:
        raise AudioError(
            "pages of the Ogg codec header are damaged, without which nothing can be decoded",
            where=path,
            mend="Fetch the file again.",
        )
    info, opener = _plan_sndfile(path, container, begin)
    notes = Notes(dict(info.metadata), list(info.faults), info.start, info.recorder)
    if layout.chained_at is not None:
        notes.fault("chained", f"another stream begins at byte {layout.chained_at}; only the first was read")
    elif layout.other_streams:
        notes.fault("other_streams", f"{layout.other_streams} other streams run beside the first and were left out")
    if not layout.ended:
        notes.fault("truncated", "the last page is missing: the file was cut short and is read as far as it goes")
    samples = info.samples
    if not layout.whole:
        samples, opener = _mend_ogg(path, layout, info, notes)
    numbers = (info.sample_rate_hz, info.channels, samples)
    return _info(path, info.container, info.codec, numbers, notes), opener


def _mend_ogg(path: Path, layout: ogg.OggLayout, info: AudioInfo, notes: Notes) -> tuple[int, Opener]:
    head = sniff.read_head(path, 400)
    at = head.find(b"OpusHead")
    skip = int.from_bytes(head[at + 10 : at + 12], "little") if layout.codec == "OPUS" and at != -1 else 0
    clock_hz = 48000 if layout.codec == "OPUS" else info.sample_rate_hz
    ends = [max(0, (run.end_granule or 0) - skip) * info.sample_rate_hz // clock_hz for run in layout.runs]
    placed = place_runs(path, layout, ends, skip * info.sample_rate_hz // clock_hz)
    if not placed:
        raise AudioError("no page of sound is whole", where=path, mend="Fetch the file again.")
    samples = max(ends[-1], *(start + length for start, length, _ in placed))
    reached, lost = 0, 0
    for begin, length, _ in placed:
        lost, reached = lost + max(0, begin - reached), max(reached, begin + length)
    lost += samples - reached
    notes.fault(
        "damaged",
        f"{max(layout.bad_pages, len(layout.runs) - 1)} pages are damaged or missing: {lost} of {samples} samples read"
        " as zeros, the rest at its right time",
    )
    start = partial(OggStream, path, layout, placed, samples, info.channels)
    return samples, partial(LinearSource, path, info.channels, samples, start)


def _plan_mp3(path: Path, container: str, begin: int) -> tuple[AudioInfo, Opener]:
    layout = mpeg.walk(path, begin, file_size(path))
    if layout is None or layout.frames <= (1 if layout.tag else 0):
        raise AudioError("no frame of MPEG sound was found", where=path, mend="It was cut short: fetch it again.")
    notes = Notes()
    sound_frames = layout.frames - (1 if layout.tag else 0)
    if layout.start > begin:
        notes.fault("leading_bytes", f"{layout.start - begin} other bytes stand before the first frame")
    if layout.claimed_frames is not None and sound_frames < layout.claimed_frames:
        what = f"the header promises {layout.claimed_frames} frames, {sound_frames} are whole"
        notes.fault("truncated", f"{what}: the file was cut short and is read as far as it goes")
    elif layout.partial_last:
        notes.fault("truncated", "the last frame is cut short and was left out")
    elif layout.stray_bytes > 1:
        notes.fault("trailing_bytes", f"{layout.stray_bytes} bytes from byte {layout.stop} on are no MPEG frames")
    if layout.channels_change:
        notes.fault("format_changes", "some frames have another number of channels than the first")
    header, total = layout.header, sound_frames * layout.header.samples
    whole = layout.has_delay and sound_frames == layout.claimed_frames
    if whole:
        plain = layout.start == begin and layout.stop == file_size(path)
        pieces: list[Piece] | None = None if plain else [(layout.start, layout.stop)]
        skip = 0
        samples = total - layout.delay - layout.padding
    else:
        front, skip = mpeg.true_front(layout, sound_frames)
        pieces = [front, (layout.sound_start, layout.stop)]
        samples = total - (layout.delay + mpeg.DECODER_DELAY if layout.has_delay else 0)
    start = partial(SndfileStream, path, pieces, skip=skip, listen=True)
    samples = max(0, samples)
    info = _info(
        path, "MP3", f"MPEG_LAYER_{'I' * header.layer}", (header.sample_rate_hz, header.channels, samples), notes
    )
    return info, partial(LinearSource, path, header.channels, samples, start)


def _plan_second(path: Path, container: str, begin: int) -> tuple[AudioInfo, Opener]:
    if container == "RIFF":
        form = sniff.read_head(path, 12)[8:12]
        what = (
            f"the RIFF file holds {form.decode('latin-1')!r}, not WAVE" if len(form) == 4 else "the file ends at once"
        )
        raise AudioError(what, where=path, allowed="RIFF/WAVE", mend="Extract the sound, or fetch the file again.")
    stream = AvStream(path)
    rate, channels, codec = stream.sample_rate_hz, stream.channels, stream.codec
    samples = count_samples(stream)
    if samples == 0:
        raise AudioError("no sound could be decoded", where=path, mend="Fetch the file again, or leave it out.")
    notes = Notes()
    notes.fault(
        "second_decoder", f"{container} was read by the second decoder (FFmpeg), as libsndfile does not know it"
    )
    info = _info(path, container, codec, (rate, channels, samples), notes)
    return info, partial(LinearSource, path, channels, samples, partial(AvStream, path))


_PLANS: dict[str, Callable[[Path, str, int], tuple[AudioInfo, Opener]]] = {
    "WAV": _plan_riff,
    "W64": _plan_riff,
    "FLAC": _plan_flac,
    "OGG": _plan_ogg,
    "MP3": _plan_mp3,
    "AIFF": _plan_sndfile,
    "AU": _plan_sndfile,
    "CAF": _plan_sndfile,
    "NIST": _plan_sndfile,
    "VOC": _plan_sndfile,
}
