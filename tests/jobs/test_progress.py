"""What the user sees while a job runs."""

from __future__ import annotations

import io
import sys

import pytest

from tymbal.jobs import PlainLines, RichPanel, Silent, make_progress, progress


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress.time, "monotonic", made.monotonic)
    return made


def test_plain_lines_come_every_ten_seconds_and_at_the_end(clock: Clock) -> None:
    stream = io.StringIO()
    lines = PlainLines(stream)
    lines.start("embed", 20, resumed=5)
    for _ in range(3):
        clock.now += 4
        lines.advance(2, audio_s=400.0, failures=1)
    clock.now += 60
    lines.finish()
    first, last = stream.getvalue().splitlines()
    assert first == "embed: 11/20, 100x real time, 0:18 left, 5 done before, 3 failed"
    assert last == "embed: 11/20, 17x real time, 1:48 left, 5 done before, 3 failed in 1:12"


def test_a_second_job_starts_from_nothing(clock: Clock) -> None:
    stream = io.StringIO()
    lines = PlainLines(stream)
    lines.start("one", 1)
    lines.advance(1, audio_s=5.0, failures=1)
    lines.start("two", 3)
    clock.now += 3600
    lines.finish()
    assert stream.getvalue() == "two: 0/3 in 1:00:00\n"


def test_the_choice_follows_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(make_progress(quiet=True), Silent)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert isinstance(make_progress(), PlainLines)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(make_progress(), RichPanel)


def test_the_panel_shows_the_counts(clock: Clock) -> None:
    panel = RichPanel()
    screen = io.StringIO()
    panel._bar.live.console.file = screen
    panel.start("embed", 4, resumed=1)
    clock.now += 2
    panel.advance(2, audio_s=100.0, failures=1)
    panel.finish()
    task = panel._bar.tasks[0]
    assert (task.description, task.total, task.completed) == ("embed", 4, 3)
    assert task.fields["text"] == "3/4, 50x real time, 0:01 left, 1 done before, 1 failed"
    assert "3/4" in screen.getvalue()
