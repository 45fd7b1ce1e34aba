"""The Redis protocol, version 2: a command as bytes, bytes as answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from redis.exceptions import NoScriptError, OutOfMemoryError, ResponseError

END: Final = b"\r\n"
ERRORS: Final[dict[str, type[ResponseError]]] = {
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
}


class Incomplete(Exception):
    """The bytes end before the answer does: no error, the rest is on its way."""


def pack(parts: Iterable[str | int]) -> bytes:
    """Write a command and its arguments."""
    texts = [str(part).encode() for part in parts]
    return b"*%d\r\n%b" % (
        len(texts),
        b"".join([b"$%d\r\n%b\r\n" % (len(text), text) for text in texts]),
    )


def unpack(data: bytes, start: int) -> tuple[Any, int]:
    """Read one answer; it and where the next begins. What Redis refused is an exception, returned."""
    end = data.find(END, start)
    if end < 0:
        raise Incomplete
    kind, text, after = data[start : start + 1], data[start + 1 : end], end + 2
    match kind:
        case b":":
            return int(text), after
        case b"*":
            return _unpack_list(data, int(text), after)
        case b"$":
            return _unpack_text(data, int(text), after)
        case b"+":
            return text, after
        case b"-":
            sentence = text.decode(errors="replace")
            return ERRORS.get(sentence.partition(" ")[0], ResponseError)(sentence), after
    raise ValueError(f"Redis does not answer like this: {data[start : start + 40]!r}")


def _unpack_list(data: bytes, length: int, start: int) -> tuple[list[Any] | None, int]:
    if length < 0:
        return None, start
    items = []
    for _ in range(length):
        item, start = unpack(data, start)
        items.append(item)
    return items, start


def _unpack_text(data: bytes, length: int, start: int) -> tuple[bytes | None, int]:
    if length < 0:
        return None, start
    end = start + length
    if len(data) < end + 2:
        raise Incomplete
    return data[start:end], end + 2
