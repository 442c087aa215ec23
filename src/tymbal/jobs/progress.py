"""Progress: one live panel on a terminal, plain lines elsewhere, silence where nobody asked."""

from __future__ import annotations

import sys
import time
from typing import Protocol, TextIO

PLAIN_EVERY_S = 10.0


class Progress(Protocol):
    """What a job tells while it runs. `resumed` items were done before this run started."""

    def start(self, title: str, total: int, *, resumed: int = 0) -> None: ...

    def advance(self, items: int, *, audio_s: float = 0.0, failures: int = 0) -> None: ...

    def finish(self) -> None: ...


class Silent:
    """No output."""

    def start(self, title: str, total: int, *, resumed: int = 0) -> None:
        pass

    def advance(self, items: int, *, audio_s: float = 0.0, failures: int = 0) -> None:
        pass

    def finish(self) -> None:
        pass


class _Counter:
    def __init__(self) -> None:
        self.title, self.total, self.resumed, self.done = "", 0, 0, 0
        self.audio_s, self.failures, self.began = 0.0, 0, time.monotonic()

    def begin(self, title: str, total: int, resumed: int) -> None:
        self.__init__()  # type: ignore[misc]
        self.title, self.total, self.resumed = title, total, resumed

    def count(self, items: int, audio_s: float, failures: int) -> None:
        self.done += items
        self.audio_s += audio_s
        self.failures += failures

    def text(self) -> str:
        """Items done, times real time, time left, items of earlier runs, failures."""
        elapsed = max(time.monotonic() - self.began, 1e-6)
        parts = [f"{self.done + self.resumed}/{self.total}"]
        if self.audio_s:
            parts.append(f"{self.audio_s / elapsed:,.0f}x real time")
        left = self.total - self.resumed - self.done
        if self.done and left:
            parts.append(f"{_clock(elapsed / self.done * left)} left")
        if self.resumed:
            parts.append(f"{self.resumed} done before")
        if self.failures:
            parts.append(f"{self.failures} failed")
        return ", ".join(parts)


class PlainLines:
    """A line at the start, one every ten seconds, one at the end: for log files and notebooks."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._counter = _Counter()
        self._last = 0.0

    def start(self, title: str, total: int, *, resumed: int = 0) -> None:
        self._counter.begin(title, total, resumed)
        self._last = time.monotonic()

    def advance(self, items: int, *, audio_s: float = 0.0, failures: int = 0) -> None:
        self._counter.count(items, audio_s, failures)
        if time.monotonic() - self._last >= PLAIN_EVERY_S:
            self._last = time.monotonic()
            self._say()

    def finish(self) -> None:
        self._say(f" in {_clock(time.monotonic() - self._counter.began)}")

    def _say(self, tail: str = "") -> None:
        self._stream.write(f"{self._counter.title}: {self._counter.text()}{tail}\n")
        self._stream.flush()


class RichPanel:
    """One live line with a bar: items, times real time, time left, failures."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
        self._bar = Progress(*columns, console=Console(stderr=True))  # standard output belongs to --json
        self._counter = _Counter()
        self._task = self._bar.add_task("", total=1, text="")

    def start(self, title: str, total: int, *, resumed: int = 0) -> None:
        self._counter.begin(title, total, resumed)
        self._bar.start()
        self._bar.reset(self._task, description=title, total=total, completed=resumed, text=self._counter.text())

    def advance(self, items: int, *, audio_s: float = 0.0, failures: int = 0) -> None:
        self._counter.count(items, audio_s, failures)
        self._bar.update(self._task, advance=items, text=self._counter.text())

    def finish(self) -> None:
        self._bar.update(self._task, text=self._counter.text())
        self._bar.stop()


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def make_progress(*, quiet: bool = False) -> Progress:
    """A live panel where standard error is a terminal, plain lines elsewhere."""
    if quiet:
        return Silent()
    return RichPanel() if sys.stderr.isatty() else PlainLines()
