"""What callers ask of models: a body read strictly, before anything is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apps.core.errors import Invalid
from apps.core.json import shown
from apps.models.enums import Source

LONGEST_CUSTOMER: Final = 255
SINGLE_WORDS: Final = frozenset({"features", "customer_id"})


@dataclass(frozen=True, slots=True)
class Ask:
    """One row for one model. `tag` None is the version in production."""

    model: str
    features: Any
    tag: str | None = None
    customer: str = ""
    is_explained: bool = False
    source: Source = Source.SINGLE


@dataclass(slots=True)
class BatchRow:
    """Not frozen: a thousand are made at a time, twice as fast."""

    features: Any
    customer: str = ""
    said_customer: Any = None
    """As the caller wrote it, to be said back."""


@dataclass(frozen=True, slots=True)
class BatchAsk:
    model: str
    rows: tuple[BatchRow, ...]
    tag: str | None = None
    source: Source = Source.BATCH


def read_single(body: Any) -> tuple[Any, str]:
    """The features, left to the model's own schema, and whom they are about. Raises `Invalid`."""
    _check_words(body, SINGLE_WORDS, "")
    if "features" not in body:
        raise Invalid.field("features", "is required", "required")
    return body["features"], read_customer(body.get("customer_id"), "customer_id")


def read_batch(body: Any, most: int) -> tuple[BatchRow, ...]:
    """Raises `Invalid` for a body that is no batch; what is wrong with a row's features is that row's own error."""
    _check_words(body, frozenset({"predictions"}), "")
    rows = body.get("predictions")
    if not isinstance(rows, list):
        raise Invalid.field("predictions", "must be a list of rows", "type")
    if not 0 < len(rows) <= most:
        raise Invalid.field("predictions", f"must have 1 to {most} rows", "length")
    return tuple(_row(row, f"predictions.{index}") for index, row in enumerate(rows))


def read_customer(value: Any, field: str) -> str:
    """Text or a whole number; nothing where nobody is meant."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > LONGEST_CUSTOMER:
        raise Invalid.field(field, f"must be text of {LONGEST_CUSTOMER} characters at most", "type")
    return value


def read_flag(value: str | None, field: str) -> bool:
    """Of a query string."""
    if value is None:
        return False
    known = {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
    if known is None:
        raise Invalid.field(field, "must be true or false", "type")
    return known


def _row(row: Any, where: str) -> BatchRow:
    _check_words(row, SINGLE_WORDS, where)
    if "features" not in row:
        raise Invalid.field(f"{where}.features", "is required", "required")
    said = row.get("customer_id")
    return BatchRow(row["features"], read_customer(said, f"{where}.customer_id"), said)


def _check_words(body: Any, words: frozenset[str], where: str) -> None:
    if not isinstance(body, Mapping):
        raise Invalid.field(where or "body", "must be an object", "type")
    if not words.issuperset(body):
        unknown = shown(next(str(name) for name in body if name not in words))
        raise Invalid.field(
            f"{where}.{unknown}".lstrip("."), "is not a field here", "unknown_field"
        )
