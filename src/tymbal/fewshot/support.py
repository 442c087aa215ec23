"""The support: pictures of the examples and of the sound around them, and what each frame of them is known to be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tymbal.audio import AudioReader
from tymbal.fewshot.picture import AnyScale, Picture, picture_between
from tymbal.fewshot.prompt import Prompt, Shot

CONTEXT_S = (5.0, 30.0)  # looked at around the examples, at least and at most
CONTEXT_EVENTS = 40.0  # the same in median examples
MOST_FRAMES = 60_000  # of all stretches together
ENOUGH_EVENTS = 5.0  # median examples of other sound: with less, sound that nobody may have gone through is looked at


@dataclass(frozen=True)
class Place:
    """Frames start ... stop - 1 of stretch number `stretch`."""

    stretch: int
    start: int
    stop: int

    @property
    def frames(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Stretch:
    """One picture; `free` (frames,) marks what is no example, not unknown, and inside what was looked at."""

    picture: Picture
    free: NDArray[np.bool_]
    sure: NDArray[np.bool_]  # frames that are surely something else
    doubtful: NDArray[np.bool_]  # frames after the last example of the recording: perhaps nobody went through them


@dataclass(frozen=True, eq=False)
class Support:
    """Stretches of sound and where the examples lie in them."""

    stretches: tuple[Stretch, ...]
    places: tuple[Place, ...]

    @property
    def median_frames(self) -> float:
        """Frames of a median example."""
        return float(np.median([place.frames for place in self.places]))

    @property
    def shortest(self) -> int:
        return min(place.frames for place in self.places)

    @property
    def longest(self) -> int:
        return max(place.frames for place in self.places)

    def pixels(self, place: Place, before: int = 0, after: int = 0) -> NDArray[np.float32]:
        """Pixels of a place and so many frames around it; frames that were not recorded are at the floor."""
        pixels = self.stretches[place.stretch].picture.pixels
        start, stop = place.start - before, place.stop + after
        inside = pixels[max(start, 0) : stop]
        return np.pad(inside, ((max(-start, 0), max(stop - len(pixels), 0)), (0, 0)))


def without(support: Support, boxes: Sequence[tuple[int, int, int]]) -> Support:
    """The same support where (stretch, start, stop) are unknown."""
    free = [stretch.free.copy() for stretch in support.stretches]
    for stretch, start, stop in boxes:
        free[stretch][max(start, 0) : max(stop, 0)] = False
    pairs = zip(support.stretches, free, strict=True)
    return replace(support, stretches=tuple(replace(s, free=now, sure=s.sure & now) for s, now in pairs))


def gone_through(support: Support) -> Support:
    """The same support where sound after the last example of a recording is unknown, if enough other sound is known.

    There calls may follow that nobody marked; taken for other sound, they would push thresholds above their like.
    """
    known = [stretch.free & ~stretch.doubtful for stretch in support.stretches]
    if sum(int(each.sum()) for each in known) < ENOUGH_EVENTS * support.median_frames:
        return support
    pairs = zip(support.stretches, known, strict=True)
    return replace(support, stretches=tuple(replace(s, free=now, sure=s.sure & now) for s, now in pairs))


def look(prompt: Prompt, scale: AnyScale) -> Support:
    """Read the examples of a prompt and what lies around them; memory is bounded whatever their number and spread."""
    by_file: dict[tuple[str, int | None], list[int]] = defaultdict(list)
    for number, shot in enumerate(prompt.shots):
        by_file[(shot.recording, shot.channel)].append(number)
    context_s = _context_s(prompt.shots, scale)
    stretches: list[Stretch] = []
    places: list[Place | None] = [None] * len(prompt.shots)
    for (path, channel), numbers in sorted(by_file.items(), key=lambda item: (item[0][0], item[0][1] or 0)):
        shots = [prompt.shots[number] for number in numbers]
        with AudioReader(path, channel, scale.sample_rate_hz) as reader:
            for begin, end, inside in _spans(shots, context_s):
                picture = picture_between(reader, scale, begin, end)
                for number in inside:
                    places[numbers[number]] = _place(len(stretches), shots[number], picture)
                stretches.append(_stretch(picture, prompt, path, channel))
    stretches += _counterexamples(prompt, scale, set(by_file))
    return Support(tuple(stretches), tuple(place for place in places if place is not None))


def _context_s(shots: Sequence[Shot], scale: AnyScale) -> float:
    median_s = float(np.median([shot.duration_s for shot in shots]))
    wanted = float(np.clip(CONTEXT_EVENTS * median_s, *CONTEXT_S))
    room_s = MOST_FRAMES * scale.hop / scale.sample_rate_hz
    return max(min(wanted, room_s / 2 / len(shots)), 1.5 * median_s)


def _spans(shots: Sequence[Shot], context_s: float) -> list[tuple[float, float, list[int]]]:
    """(begin, end, numbers of the examples inside) of stretches that hold every example and some sound around it."""
    order = sorted(range(len(shots)), key=lambda each: shots[each].onset_s)
    spans: list[tuple[float, float, list[int]]] = []
    for number in order:
        shot = shots[number]
        begin, end = shot.onset_s - context_s, shot.offset_s + context_s
        if spans and begin <= spans[-1][1]:
            last = spans[-1]
            spans[-1] = (last[0], max(last[1], end), [*last[2], number])
        else:
            spans.append((max(begin, 0.0), end, [number]))
    return spans


def _place(stretch: int, shot: Shot, picture: Picture) -> Place:
    start, stop = _frames(shot, picture)
    return Place(stretch, start, stop)


def _frames(shot: Shot, picture: Picture) -> tuple[int, int]:
    """Frames of a shot in a picture, at least two where there are."""
    found = picture.grid.inside(shot.onset_s, shot.offset_s, picture.first + picture.frames)
    start = min(max(found.start - picture.first, 0), picture.frames - 1)
    stop = max(found.stop - picture.first, start + 2)
    if stop > picture.frames:
        return max(0, picture.frames - 2), picture.frames
    return start, stop


def _stretch(picture: Picture, prompt: Prompt, path: str, channel: int | None) -> Stretch:
    free = np.ones(picture.frames, bool)
    sure = np.zeros(picture.frames, bool)
    begin_s, end_s = picture.grid.center_s(picture.first), picture.grid.center_s(picture.first + picture.frames - 1)

    def here(shots: Sequence[Shot]) -> list[tuple[int, int]]:  # the mix holds what any channel holds
        return [
            _frames(shot, picture)
            for shot in shots
            if shot.recording == path and (shot.channel == channel or None in (shot.channel, channel))
            if shot.offset_s > begin_s and shot.onset_s < end_s
        ]

    own = [shot.offset_s for shot in prompt.shots if (shot.recording, shot.channel) == (path, channel)]
    times = picture.grid.centers_s(picture.first + picture.frames)[picture.first :]
    doubtful = times > max(own, default=-1.0)
    for start, stop in here(prompt.negatives):
        sure[start:stop] = True
    for start, stop in [*here(prompt.shots), *here(prompt.unknown)]:
        free[start:stop] = False
        sure[start:stop] = False
    sure &= free
    return Stretch(picture, free, sure, doubtful & ~sure)


def _counterexamples(prompt: Prompt, scale: AnyScale, seen: set[tuple[str, int | None]]) -> list[Stretch]:
    """Stretches around counter-examples of recordings that hold no example, the first 20."""
    found: list[Stretch] = []
    for shot in [each for each in prompt.negatives if (each.recording, each.channel) not in seen][:20]:
        with AudioReader(shot.recording, shot.channel, scale.sample_rate_hz) as reader:
            pad = max(shot.duration_s, 0.5)
            picture = picture_between(reader, scale, shot.onset_s - pad, shot.offset_s + pad)
        found.append(_stretch(picture, prompt, shot.recording, shot.channel))
    return found
