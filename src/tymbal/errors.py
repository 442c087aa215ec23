"""The one error root.

Every error a user can meet says what was wrong, where, what is allowed and what to do; `exit_code` is what the
command line ends with. Nothing here imports anything.
"""

from __future__ import annotations

from dataclasses import dataclass


def counted(number: int, noun: str) -> str:
    """`1 epoch`, `1,200 epochs`: of nouns that take an s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class TymbalError(Exception):
    """Root of all errors Tymbal raises on purpose.

    Parameters
    ----------
    what : the fault, one sentence without the final stop.
    where : the file, table row, parameter or argument at fault.
    allowed : what would have been accepted.
    mend : what to do next.
    parameter : the argument or field at fault as it is called in Python; a front end may call it otherwise (`told`).
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        allowed: object = None,
        mend: str | None = None,
        parameter: str | None = None,
    ) -> None:
        self.what, self.where, self.allowed, self.mend = what, where, allowed, mend
        self.parameter = parameter
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The whole message on one line: where: what (allowed: ...). Mend."""
        what = self.what
        if self.parameter is not None and self.where is None and not self._named:
            what = f"{self.parameter}: {what}"
        return self._line(what, self.where)

    def told(self, name: str) -> str:
        """The message for people who know the parameter at fault as `name` ("--segment"), and no class of Python."""
        what = f"{name}{self.what[len(self.parameter or '') :]}" if self._named else f"{name}: {self.what}"
        return self._line(what, None if isinstance(self.where, str) else self.where)

    @property
    def _named(self) -> bool:
        """Whether the fault begins with the name of the parameter."""
        return self.parameter is not None and self.what.startswith(f"{self.parameter} ")

    def _line(self, what: str, where: object) -> str:
        what = what.removesuffix(".")
        head = f"{where}: {what}" if where is not None else what
        if self.allowed is not None:
            head += f" (allowed: {self.allowed})"
        return f"{head}. {self.mend}" if self.mend else head

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments: the default pickling of exceptions would lose them between processes.
        return (_rebuild, (type(self), self.what, self.where, self.allowed, self.mend, self.parameter))


def _rebuild(
    kind: type[TymbalError], what: str, where: object, allowed: object, mend: str | None, parameter: str | None
) -> TymbalError:
    return kind(what, where=where, allowed=allowed, mend=mend, parameter=parameter)


class UsageError(TymbalError, ValueError):
    """An argument or option that cannot be accepted."""

    exit_code = 2


class InputPathError(TymbalError):
    """A path that the system does not let us read or write."""

    exit_code = 3


class ConfigError(UsageError):
    """A configuration file that does not fit its dataclass."""


class MissingExtraError(TymbalError, ImportError):
    """An optional dependency is not installed; the mend is the exact pip line."""

    exit_code = 2


class AudioError(TymbalError):
    """A file that cannot be read as sound."""

    exit_code = 3


class AnnotationError(TymbalError):
    """A table or label file that cannot be read as events."""

    exit_code = 3


class CorpusError(TymbalError):
    """A corpus that is missing, damaged or does not hold what was asked of it."""

    exit_code = 3


class RecordingChangedError(CorpusError):
    """A recording that is gone, or is not the file that was indexed."""


class EncoderError(TymbalError):
    """An encoder that is unknown, or input that it cannot take."""

    exit_code = 3


class StoreError(TymbalError):
    """A feature store that is missing, damaged, or made with other settings."""

    exit_code = 3


class SettingsError(StoreError):
    """A feature store made with other settings than those asked for."""

    exit_code = 2


class DataError(TymbalError, ValueError):
    """Arrays, labels or splits that a method cannot work with (one class, no examples, a leaking split)."""

    exit_code = 3


class TrainingError(TymbalError):
    """A run that cannot go on: the loss or its gradient is no longer a number. `examples` were in the batch."""

    examples: tuple[int, ...] = ()


class NothingDoneError(TymbalError):
    """A job that would have ended without a single result: never silently."""

    exit_code = 5


class DiskFullError(TymbalError):
    """A write failed for want of room; what was finished is kept and the same command resumes."""

    exit_code = 6


@dataclass(frozen=True)
class Fault:
    """Something wrong in an input that could be read all the same.

    `code` is stable and short ("truncated", "nan_samples"); `message` is one sentence that a user can act on.
    """

    code: str
    message: str


def require(module: str, extra: str) -> object:
    """Import an optional module, or raise `MissingExtraError` with the exact pip line for `extra`."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"this needs the optional package {module!r}, which is not installed here",
            mend=f"Install it with: pip install 'tymbal[{extra}]'",
        ) from error
