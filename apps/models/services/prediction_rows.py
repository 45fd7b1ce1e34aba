"""Rows of the log, many at once. Written as SQL: making a model object and its query for each costs more than the insert."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson
from django.db import connection

from apps.core.errors import NotFound
from apps.core.ids import is_id
from apps.core.spool.process import Record
from apps.models.domain.log import Entry, read_record
from apps.models.models import PredictionRecord

_META: Final = PredictionRecord._meta  # noqa: SLF001 - Django documents it
_COLUMNS: Final = (
    "public_id", "organization_id", "model_key", "model", "version_key", "version", "source", "batch",
    "request_id", "key", "principal", "customer", "features", "prediction", "probability", "is_cached",
    "duration_ms", "at",
)  # fmt: skip
_TEXTS: Final = {
    field.attname: field.max_length
    for field in _META.concrete_fields
    if field.max_length is not None and field.attname not in ("public_id", "customer")
}
LONGEST_CUSTOMER: Final = 255
_NAMES: Final = ", ".join(f'"{name}"' for name in _COLUMNS)
_PLACES: Final = ", ".join(["%s"] * len(_COLUMNS))
_INSERT: Final = f"INSERT INTO {_META.db_table} ({_NAMES}) VALUES ({_PLACES})"  # noqa: S608 - our own columns
_COPY: Final = f"COPY {_META.db_table} ({_NAMES}) FROM STDIN"
_PREFIX: Final = len("pred_")


def insert(entries: Sequence[Entry]) -> None:
    """In the caller's transaction. Raises `IntegrityError` when one is there already: then none of them is written."""
    is_postgres = connection.vendor == "postgresql"
    rows = [row for entry in entries for row in _rows(entry, is_postgres)]
    if not rows:
        return
    with connection.cursor() as cursor:
        if not is_postgres:
            cursor.executemany(_INSERT, rows)
            return
        # A copy is the driver's own: without this its errors would not be Django's, which callers know.
        with connection.wrap_database_errors, cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)


def read(record: Record) -> Entry:
    """With texts that columns can hold: a record is never refused for one that is too long."""
    entry = read_record(record.value)
    # No other bytes stand for a NUL in JSON, and looking through them once is cheaper than through each text.
    has_nul = b"\\u0000" in record.payload
    for name, length in _TEXTS.items():
        value = getattr(entry, name)
        if len(value) > length or has_nul:
            setattr(entry, name, _fit(value, length))
    for line in entry.lines:
        if line.id and not is_id(line.id, "pred"):
            raise NotFound
        if len(line.customer) > LONGEST_CUSTOMER or has_nul:
            line.customer = _fit(line.customer, LONGEST_CUSTOMER)
    return entry


def _rows(entry: Entry, is_postgres: bool) -> Iterator[tuple[Any, ...]]:
    before = (
        entry.organization, entry.model_key, entry.model, entry.version_key, entry.version, entry.source,
        entry.batch, entry.request_id, entry.key, entry.principal,
    )  # fmt: skip
    # It is UTC as it comes. Django's own way of writing a moment for SQLite costs ten times as much.
    at = entry.at if is_postgres else str(entry.at.replace(tzinfo=None))
    after = (is_cached(entry), entry.duration_ms, at)
    for line in entry.lines:
        if line.id:
            own = (line.customer, _document(line.features), _document(line.prediction))
            # The digits alone are a UUID in both databases.
            yield (line.id[_PREFIX:], *before, *own, line.probability, *after)


def is_cached(entry: Entry) -> bool:
    """Of a call with several rows: whether all of them were remembered."""
    return 0 < entry.predictions <= entry.cached


def _document(value: Any) -> str:
    text = orjson.dumps(value).decode()
    # PostgreSQL keeps no NUL in JSON, escaped or not; that a backslash stood before it is rare enough to lose.
    return text.replace("\\u0000", "\\ufffd") if "\\u0000" in text else text


def _fit(text: str, length: int) -> str:
    return text.replace("\x00", "\ufffd")[:length]
