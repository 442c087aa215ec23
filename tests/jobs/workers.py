"""Work for executor tests; a module of its own because spawned workers import it by name."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from tymbal.errors import AudioError, DiskFullError
from tymbal.jobs import Worked


@dataclass(frozen=True)
class Square:
    """Squares whole numbers; some numbers go wrong in every way there is."""

    crash: tuple[int, ...] = ()
    crash_once: str = ""
    broken: tuple[int, ...] = ()
    defect: tuple[int, ...] = ()
    full: tuple[int, ...] = ()
    unprepared: bool = False
    slow_s: float = 0.0
    stuck: tuple[int, ...] = ()

    def prepare(self) -> None:
        if self.unprepared:
            raise AudioError("no model", where="model.bin", mend="Place it there.")

    def __call__(self, item: int) -> Worked[tuple[int, int]]:
        if item in self.crash:
            os._exit(3)
        if self.crash_once and item == 5 and not Path(self.crash_once).exists():
            Path(self.crash_once).touch()
            os._exit(3)
        if item in self.broken:
            raise AudioError("cannot be read", where=f"{item}.wav")
        if item in self.defect:
            raise ZeroDivisionError("oops")
        if item in self.full:
            raise DiskFullError("no room", where="x")
        time.sleep(60 if item in self.stuck else self.slow_s)
        return Worked((item * item, os.getpid()), audio_s=float(item))


class Unloadable:
    """Pickles, but cannot be unpickled in a worker."""

    def __reduce__(self) -> tuple[object, ...]:
        return (os.listdir, ("/no/such/place/at/all",))

    def prepare(self) -> None: ...

    def __call__(self, item: int) -> int:
        return item
