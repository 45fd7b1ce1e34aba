"""What parent and child say to one another: JSON behind its length, bounded."""

from __future__ import annotations

import struct
from dataclasses import asdict
from typing import Any, Final

import orjson

from apps.models.domain.formats.description import read_description
from apps.models.domain.scoring import Blueprint, Explanation, Output, Scored
from apps.models.errors import ScoringFailed

HEAD: Final = struct.Struct(">I")
MOST_BYTES: Final = 128 * 1024 * 1024


class Broken(Exception):
    """The other side does not keep to this."""


def write(document: Any) -> bytes:
    """Raises `ScoringFailed` for what is too large to be sent."""
    body = orjson.dumps(document)
    if len(body) > MOST_BYTES:
        raise ScoringFailed("The rows are too large to be scored at once.")
    return HEAD.pack(len(body)) + body


def take(buffer: bytearray) -> Any:
    """The first whole document, taken off the buffer; None while it is not whole. Raises `Broken`."""
    if len(buffer) < HEAD.size:
        return None
    (size,) = HEAD.unpack_from(buffer)
    if size > MOST_BYTES:
        raise Broken
    if len(buffer) < HEAD.size + size:
        return None
    body = bytes(memoryview(buffer)[HEAD.size : HEAD.size + size])
    del buffer[: HEAD.size + size]
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Broken from None


def write_scored(scored: list[Scored]) -> list[list[Any]]:
    return [
        [each.prediction, each.probability, each.probabilities, each.distance] for each in scored
    ]


def read_scored(document: list[list[Any]]) -> list[Scored]:
    """Raises `ScoringFailed` for what no child of ours would say."""
    try:
        return [Scored(*each) for each in document]
    except TypeError:
        raise ScoringFailed from None


def write_explanation(told: Explanation) -> dict[str, Any]:
    return asdict(told)


def read_explanation(document: dict[str, Any]) -> Explanation:
    """Raises `ScoringFailed` as above."""
    try:
        return Explanation(
            document["base_value"], tuple(document["values"]), Output(document["output"])
        )
    except (TypeError, KeyError, ValueError):
        raise ScoringFailed from None


def read_blueprint(document: dict[str, Any]) -> Blueprint:
    """The inverse of `Blueprint.document`."""
    return Blueprint(
        read_description(document["described"]),
        dict(document["schema"]),
        tuple(tuple(row) for row in document["background"]),
    )
