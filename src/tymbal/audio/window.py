"""A read-only file made of pieces: bytes in memory and stretches of a file, without copying the stretches."""

from __future__ import annotations

import io
import os
import pathlib
from bisect import bisect_right
from collections.abc import Sequence

Path = str | os.PathLike[str]
Piece = bytes | tuple[int, int]  # bytes, or (first byte, byte after the last) of the file


def file_size(path: Path) -> int:
    """Bytes of the file."""
    return pathlib.Path(path).stat().st_size


class SplicedFile(io.RawIOBase):
    """The pieces of `path` one after the other, seekable, as a decoder wants them."""

    def __init__(self, path: Path, pieces: Sequence[Piece]) -> None:
        super().__init__()
        self._file = open(path, "rb")  # noqa: SIM115  closed with this object
        self._pieces = [piece for piece in pieces if (len(piece) if isinstance(piece, bytes) else piece[1] - piece[0])]
        self._starts = [0]
        for piece in self._pieces:
            length = len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
            self._starts.append(self._starts[-1] + length)
        self._at = 0

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return self._starts[-1]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move as any file does; positions before the start are the start."""
        base = {0: 0, 1: self._at, 2: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` as far as the pieces go; the number of bytes written."""
        view, done = memoryview(buffer).cast("B"), 0
        while done < len(view) and self._at < self.size:
            number = bisect_right(self._starts, self._at) - 1
            piece, inside = self._pieces[number], self._at - self._starts[number]
            count = min(len(view) - done, self._starts[number + 1] - self._at)
            if isinstance(piece, bytes):
                view[done : done + count] = piece[inside : inside + count]
            else:
                self._file.seek(piece[0] + inside)
                data = self._file.read(count)
                if not data:  # the file shrank while it was read
                    break
                count = len(data)
                view[done : done + count] = data
            done, self._at = done + count, self._at + count
        return done

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes, all that are left without one."""
        count = self.size - self._at if size is None or size < 0 else min(size, max(0, self.size - self._at))
        data = bytearray(count)
        return bytes(data[: self.readinto(memoryview(data))])

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
