"""Usage rows, many at once. Written as SQL: making a model object and its query for each costs more than the insert."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.db import connection

from apps.providers.domain.usage import UsageEntry
from apps.providers.models import UsageRecord

_META: Final = UsageRecord._meta  # noqa: SLF001 - Django documents it
COLUMNS: Final = tuple(
    name for name in UsageEntry.__slots__ if name not in ("organization", "reservation", "at")
)
LENGTHS: Final = {
    field.attname: field.max_length
    for field in _META.concrete_fields
    if field.max_length is not None
}
_NAMES: Final = ", ".join(f'"{name}"' for name in ("record", "organization_id", "at", *COLUMNS))
_PLACES: Final = ", ".join(["%s"] * (len(COLUMNS) + 3))
_INSERT: Final = f"INSERT INTO {_META.db_table} ({_NAMES}) VALUES ({_PLACES})"  # noqa: S608 - our own columns

_COPY: Final = f"COPY {_META.db_table} ({_NAMES}) FROM STDIN"


def insert(entries: Iterable[tuple[str, UsageEntry]]) -> None:
    """In the caller's transaction; the caller has left out what is there already."""
    rows = [_row(record, entry) for record, entry in entries]
    if not rows:
        return
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            cursor.executemany(_INSERT, rows)
            return
        # A copy is the driver's own: without this its errors would not be Django's, which callers know.
        with connection.wrap_database_errors, cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)


def fit(entry: UsageEntry) -> UsageEntry:
    """A record is never refused for a name that is too long or that a column cannot hold."""
    for name, length in LENGTHS.items():
        value = getattr(entry, name, None)
        if isinstance(value, str) and (len(value) > length or "\x00" in value):
            setattr(entry, name, value.replace("\x00", "\ufffd")[:length])
    return entry


def _row(record: str, entry: UsageEntry) -> tuple[Any, ...]:
    at = connection.ops.adapt_datetimefield_value(entry.at)
    return (record, entry.organization, at, *(getattr(entry, name) for name in COLUMNS))
