"""Lines of a file of text, none of them longer than can be held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from apps.models.errors import BrokenFile

MOST_ROW: Final = 1024 * 1024
"""Bytes of one row, which may go over several lines."""
_BOM = b"\xef\xbb\xbf"


class Source(Protocol):
    def readline(self, size: int, /) -> bytes: ...


class Lines:
    """Iterates text. `begin_row` says that what was given out is done with."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.used = 0
        """Bytes of the row so far."""
        self.number = 0
        self.bytes_read = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._source.readline(MOST_ROW + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.bytes_read += len(line)
        self.used += len(line)
        if self.used > MOST_ROW:
            raise BrokenFile(f"Line {self.number}: the row has more than {MOST_ROW} bytes.")
        if self.number == 1:
            line = line.removeprefix(_BOM)
        if b"\0" in line:
            raise BrokenFile(f"Line {self.number} is no text.")
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise BrokenFile(f"Line {self.number} is not UTF-8.") from None

    def begin_row(self) -> None:
        self.used = 0
