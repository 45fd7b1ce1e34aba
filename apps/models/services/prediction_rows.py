"""Rows of the log, many at once. Written as SQL: making a model object and its query for each costs more than the insert."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson
from django.db import connection

from apps.models.domain.log import Entry, Line
from apps.models.models import PredictionRecord

_META: Final = PredictionRecord._meta  # noqa: SLF001 - Django documents it
_COLUMNS: Final = (
    "public_id", "organization_id", "model_key", "model", "version_key", "version", "source", "batch",
    "request_id", "key", "principal", "customer", "features", "prediction", "probability", "is_cached",
    "duration_ms", "at",
)  # fmt: skip
LENGTHS: Final = {
    field.attname: field.max_length
    for field in _META.concrete_fields
    if field.max_length is not None
}
_TEXTS: Final = ("model", "version", "source", "batch", "request_id", "key", "principal")
_NAMES: Final = ", ".join(f'"{name}"' for name in _COLUMNS)
_PLACES: Final = ", ".join(["%s"] * len(_COLUMNS))
_INSERT: Final = f"INSERT INTO {_META.db_table} ({_NAMES}) VALUES ({_PLACES})"  # noqa: S608 - our own columns
_COPY: Final = f"COPY {_META.db_table} ({_NAMES}) FROM STDIN"
_PREFIX: Final = len("pred_")


def insert(entries: Sequence[Entry]) -> None:
    """In the caller's transaction; the caller has left out what is there already."""
    rows = [row for entry in entries for row in _rows(entry)]
    if not rows:
        return
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            cursor.executemany(_INSERT, rows)
            return
        with cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)


def fit(entry: Entry) -> Entry:
    """A record is never refused for a text that is too long or that a column cannot hold."""
    for name in _TEXTS:
        value = getattr(entry, name)
        fitting = _fit(value, LENGTHS[name])
        if fitting is not value:
            setattr(entry, name, fitting)
    return entry


def _rows(entry: Entry) -> Iterator[tuple[Any, ...]]:
    before = (
        entry.organization, entry.model_key, entry.model, entry.version_key, entry.version, entry.source,
        entry.batch, entry.request_id, entry.key, entry.principal,
    )  # fmt: skip
    at = connection.ops.adapt_datetimefield_value(entry.at)
    after = (is_cached(entry), entry.duration_ms, at)
    for line in entry.lines:
        if line.id:
            # The digits alone are a UUID in both databases.
            yield (line.id[_PREFIX:], *before, *_own(line), *after)


def _own(line: Line) -> tuple[Any, ...]:
    return (
        _fit(line.customer, LENGTHS["customer"]),
        _document(line.features),
        _document(line.prediction),
        line.probability,
    )


def is_cached(entry: Entry) -> bool:
    """Of a call with several rows: whether all of them were remembered."""
    return 0 < entry.predictions <= entry.cached


def _document(value: Any) -> str:
    text = orjson.dumps(value).decode()
    # PostgreSQL keeps no NUL in JSON, escaped or not; that a backslash stood before it is rare enough to lose.
    return text.replace("\\u0000", "\\ufffd") if "\\u0000" in text else text


def _fit(text: str, length: int) -> str:
    if len(text) <= length and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd")[:length]
