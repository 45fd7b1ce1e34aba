"""How a record lies in a file: its length, a checksum of length and bytes, the bytes. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from zlib import crc32

MAX_PAYLOAD = 2 * 1024 * 1024
_HEADER = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Frames:
    """What a piece of a file held: payloads with their offsets, where the last whole one ends, and what follows it.

    `is_torn`: what follows is no beginning of a record. Without it, it may be one whose rest is still to be read.
    """

    payloads: list[tuple[int, bytes]]
    end: int
    is_torn: bool


def pack(payload: bytes) -> bytes:
    size = len(payload)
    # The length seeds the checksum, so that a damaged length is found as well. An empty record does not exist: a
    # stretch of zeros, which is what some file systems leave after a crash, must not read as a thousand of them.
    if not 0 < size <= MAX_PAYLOAD:
        raise ValueError(f"a record of {size} bytes")
    return _HEADER.pack(size, crc32(payload, size)) + payload


def unpack(piece: bytes, *, at: int = 0, most: int = 1_000_000) -> Frames:
    """Up to `most` records of a piece that was read at offset `at` of its file."""
    payloads: list[tuple[int, bytes]] = []
    start, last = 0, len(piece) - _HEADER.size
    while start <= last and len(payloads) < most:
        size, checksum = _HEADER.unpack_from(piece, start)
        if not 0 < size <= MAX_PAYLOAD:
            return Frames(payloads, at + start, is_torn=True)
        begin = start + _HEADER.size
        payload = piece[begin : begin + size]
        if len(payload) < size:
            break
        if crc32(payload, size) != checksum:
            return Frames(payloads, at + start, is_torn=True)
        payloads.append((at + start, payload))
        start = begin + size
    return Frames(payloads, at + start, is_torn=False)
