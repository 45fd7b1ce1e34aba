"""Reading UBJSON as XGBoost writes it. Arrays of numbers are counted and passed over: only their place matters here."""

from __future__ import annotations

import struct
from typing import Any, Final

from apps.models.errors import BrokenArtifact

MOST_DEPTH = 32
MOST_ITEMS = 5_000_000
_SIZES: Final = {"i": "b", "U": "B", "I": ">h", "l": ">i", "L": ">q", "d": ">f", "D": ">d"}
_INTEGERS: Final = "iUIlL"


class Numbers:
    """A typed array that was passed over."""

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count = count


def parse(data: memoryview) -> Any:
    """Raises `BrokenArtifact`."""
    reader = _Reader(data)
    value = reader.value(reader.mark(), 0)
    if reader.place != len(data):
        raise BrokenArtifact("has something behind its end")
    return value


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.place = 0
        self._items = 0

    def take(self, size: int) -> memoryview:
        if not 0 <= size <= len(self.data) - self.place:
            raise BrokenArtifact("is cut off, or not UBJSON")
        piece = self.data[self.place : self.place + size]
        self.place += size
        return piece

    def _next(self) -> bytes:
        return bytes(self.data[self.place : self.place + 1])

    def mark(self) -> str:
        return chr(self.take(1)[0])

    def value(self, mark: str, depth: int) -> Any:
        self._items += 1
        if depth > MOST_DEPTH or self._items > MOST_ITEMS:
            raise BrokenArtifact("is too large or too deep")
        if mark in _SIZES:
            return self._number(mark)
        match mark:
            case "{":
                return self._object(depth)
            case "[":
                return self._array(depth)
            case "S":
                return self._text()
            case "T" | "F":
                return mark == "T"
            case "Z":
                return None
            case _:
                raise BrokenArtifact("is not UBJSON: an unknown mark")

    def _number(self, mark: str) -> Any:
        pattern = _SIZES[mark]
        return struct.unpack(pattern, self.take(struct.calcsize(pattern)))[0]

    def _length(self) -> int:
        mark = self.mark()
        if mark not in _INTEGERS:
            raise BrokenArtifact("is not UBJSON: a length is no integer")
        return int(self._number(mark))

    def _text(self) -> str:
        return bytes(self.take(self._length())).decode("utf-8", "replace")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._next() != b"}":
            name = self._text()
            found[name] = self.value(self.mark(), depth + 1)
        self.take(1)
        return found

    def _array(self, depth: int) -> Any:
        head = self._next()
        if head == b"$":
            self.take(1)
            pattern = _SIZES.get(self.mark())
            if pattern is None or self.mark() != "#":
                raise BrokenArtifact("is not UBJSON: an array without a type or length")
            count = self._length()
            self.take(count * struct.calcsize(pattern))
            return Numbers(count)
        if head == b"#":
            self.take(1)
            return [
                self.value(self.mark(), depth + 1) for _ in range(min(self._length(), MOST_ITEMS))
            ]
        items = []
        while (mark := self.mark()) != "]":
            items.append(self.value(mark, depth + 1))
        return items
