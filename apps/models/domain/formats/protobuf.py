"""Walking protobuf without a schema: fields of a message as (number, value), where a value is an integer or a slice.

Enough to look through an ONNX file of any size without copying it, and to stop at the first byte that does not fit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from apps.models.errors import BrokenArtifact

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MOST_FIELDS = 5_000_000
"""Of one message: past that it is made to keep us busy."""
Field = tuple[int, int, int | memoryview]
"""Number, wire type, value."""


def fields(message: memoryview) -> Iterator[Field]:
    """Raises `BrokenArtifact` where it ends in the middle of a field, or holds none."""
    place, end = 0, len(message)
    for _ in range(MOST_FIELDS):
        if place == end:
            return
        tag, place = varint(message, place)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise BrokenArtifact("is not an ONNX model: a field has no number")
        if wire == VARINT:
            value, place = varint(message, place)
            yield number, wire, value
        elif wire == BYTES:
            size, place = varint(message, place)
            if size > end - place:
                raise BrokenArtifact("is cut off, or not an ONNX model")
            yield number, wire, message[place : place + size]
            place += size
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
            if size > end - place:
                raise BrokenArtifact("is cut off, or not an ONNX model")
            (bits,) = struct.unpack_from("<Q" if wire == FIXED64 else "<I", message, place)
            yield number, wire, bits
            place += size
        else:
            raise BrokenArtifact("is not an ONNX model: a field is of an unknown kind")
    raise BrokenArtifact("has too many fields")


def varint(message: memoryview, place: int) -> tuple[int, int]:
    """The integer that begins here, and where the next thing begins."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise BrokenArtifact("is cut off, or not an ONNX model")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise BrokenArtifact("is not an ONNX model: a number is too long")


def message(value: int | memoryview) -> memoryview:
    """A field that has to be a message or bytes."""
    if isinstance(value, int):
        raise BrokenArtifact("is not an ONNX model: a field is of another kind")
    return value


def number(value: int | memoryview) -> int:
    """A field that has to be an integer."""
    if not isinstance(value, int):
        raise BrokenArtifact("is not an ONNX model: a field is of another kind")
    return value - 2**64 if value >= 2**63 else value


def text(value: int | memoryview, longest: int = 1000) -> str:
    raw = message(value)
    if len(raw) > longest:
        raise BrokenArtifact("has a name that is too long")
    return bytes(raw).decode("utf-8", "replace")
