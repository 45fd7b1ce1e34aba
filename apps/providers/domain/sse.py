"""Streams cut into their events: server-sent events and lines of JSON. Bytes in any pieces, events out; bounded.

Lines are found in the bytes, before any decoding: neither CR nor LF is ever part of a longer UTF-8 character, so a
character that two pieces share needs no care.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from apps.providers.errors import UpstreamInvalid

MOST_BYTES = 8 * 1024 * 1024
"""Of one event: an image that a model drew comes whole, in base64."""
_FIELD_NAME = re.compile(rb"[A-Za-z_-]{1,40}")
_BOM = b"\xef\xbb\xbf"


class Lines:
    """The lines of a stream, whichever of CR, LF and CRLF ends them."""

    __slots__ = ("_begun", "_most", "_skips_lf", "_waiting")

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._begun: list[bytes] = []
        self._waiting = 0
        self._skips_lf = False

    def feed(self, data: bytes) -> list[bytes]:
        if (
            self._waiting > self._most
        ):  # seen a piece late, so that the whole lines before it were given
            raise UpstreamInvalid("The provider's stream has a line that never ends.")
        if self._skips_lf and data:
            self._skips_lf = False
            if data.startswith(b"\n"):
                data = data[1:]
        if b"\r" in data:
            # A CR ends its line now; the LF that may follow it belongs to the same end.
            self._skips_lf = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n" not in data:
            # Kept in parts: a long line that drips in byte by byte is put together once.
            self._begun.append(data)
            self._waiting += len(data)
            return []
        if self._begun:
            data = b"".join((*self._begun, data))
        lines = data.split(b"\n")
        rest = lines.pop()
        self._begun = [rest] if rest else []
        self._waiting = len(rest)
        return lines

    def close(self) -> bytes:
        """The line that had no end."""
        rest = b"".join(self._begun)
        self._begun = []
        return rest


class SseParser:
    """Server-sent events as (name, data). Comments, ids and retry times say nothing to us."""

    __slots__ = ("_data", "_lines", "_most", "_name", "_size", "_started")

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._lines = Lines(most)
        self._data: list[bytes] = []
        self._size = 0
        self._name = b""
        self._started = False

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The events that this piece completes. Raises `UpstreamInvalid` for what is no such stream, in its turn."""
        for line in self._lines.feed(data):
            if not line:
                if self._data:
                    yield self._complete()
                self._name = b""
            elif line.startswith(b"data: ") and self._started:
                self._add(line[6:])
            else:
                self._take(line)

    def close(self) -> Iterator[tuple[bytes, bytes]]:
        """What the stream ended in the middle of: some leave out the last blank line."""
        if line := self._lines.close():
            self._take(line)
        if self._data:
            yield self._complete()

    def _complete(self) -> tuple[bytes, bytes]:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data = []
        self._size = 0
        return self._name, data

    def _take(self, line: bytes) -> None:
        if not self._started:
            self._started = True
            line = line.removeprefix(_BOM)
        if line and not line.startswith(b":"):
            self._take_field(line)

    def _take_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"event":
                self._name = value
            case b"data":
                self._add(value)
            case b"error":  # llama.cpp's own field, where others write `data:`
                self._name = b"error"
                self._add(value)
            case _ if _FIELD_NAME.fullmatch(name) is None or name == line:
                raise UpstreamInvalid("The provider's stream holds something that is no event.")

    def _add(self, value: bytes) -> None:
        self._size += len(value) + 1
        if self._size > self._most:
            raise UpstreamInvalid("The provider's stream has an event that never ends.")
        self._data.append(value)


class NdjsonParser:
    """One JSON value a line; blank lines are nothing."""

    __slots__ = ("_lines",)

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._lines = Lines(most)

    def feed(self, data: bytes) -> list[bytes]:
        return [line for line in self._lines.feed(data) if line.strip()]

    def close(self) -> list[bytes]:
        line = self._lines.close()
        return [line] if line.strip() else []
