"""Many rows in one statement, for the few places whose work is mostly rows: the ORM's way costs them several times more.

SQLite runs a prepared statement for each row, which costs it no journey. PostgreSQL gets all rows as one parameter, a
JSON text: as many literals as there are values take longer to quote than to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connection, models

from apps.core import json
from apps.core.tenancy import TenantModel, guard_write

Fields = tuple[Any, ...]


def insert(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model. They are given no primary keys here, and send no signals."""
    if not rows:
        return
    for row in rows:
        if isinstance(row, TenantModel):
            guard_write(row)
    model = type(rows[0])
    fields = _fields(model, ())
    columns = ", ".join(_quoted(each) for each in fields)
    into = f"INSERT INTO {_table(model)} ({columns})"
    places = ", ".join(["%s"] * len(fields))
    _run(
        rows,
        fields,
        for_one=f"{into} VALUES ({places})",
        for_all=f"{into} SELECT {columns} FROM {_recordset(fields)}",  # noqa: S608 - our own names, here and below
    )


def update(
    rows: Sequence[models.Model], columns: tuple[str, ...], *, where: tuple[str, ...]
) -> None:
    """Write these columns of each row, where its columns `where` are still what they are here."""
    if not rows:
        return
    model = type(rows[0])
    fields, keys = _fields(model, columns), _fields(model, where)
    table = _table(model)
    ours = ", ".join(f"{_quoted(each)} = %s" for each in fields)
    theirs = ", ".join(f"{_quoted(each)} = new.{_quoted(each)}" for each in fields)
    is_it = " AND ".join(f"{_quoted(each)} = %s" for each in keys)
    is_same = " AND ".join(f"{table}.{_quoted(each)} = new.{_quoted(each)}" for each in keys)
    every = (*fields, *keys)
    _run(
        rows,
        every,
        for_one=f"UPDATE {table} SET {ours} WHERE {is_it}",  # noqa: S608
        for_all=f"UPDATE {table} SET {theirs} FROM {_recordset(every)} WHERE {is_same}",  # noqa: S608
    )


def _run(rows: Sequence[models.Model], fields: Fields, *, for_one: str, for_all: str) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            values = [{each.column: _plain(row, each) for each in fields} for row in rows]
            cursor.execute(for_all, [json.dumps(values).decode()])
        else:
            cursor.executemany(for_one, [[_kept(row, each) for each in fields] for row in rows])


@cache
def _fields(model: type[models.Model], columns: tuple[str, ...]) -> Fields:
    """The fields of these names; of no names, all that an insert must give."""
    meta = model._meta  # noqa: SLF001 - Django's documented door to a model's columns
    if columns:
        return tuple(meta.get_field(name) for name in columns)
    return tuple(each for each in meta.concrete_fields if not each.primary_key)


def _recordset(fields: Fields) -> str:
    return f"json_to_recordset(%s::json) AS new ({', '.join(map(_typed, fields))})"


def _typed(field: Any) -> str:
    # The key's own type would be a serial, which is none to read as.
    kind = field.rel_db_type(connection) if field.primary_key else field.db_type(connection)
    return f"{_quoted(field)} {kind}"


def _plain(row: models.Model, field: Any) -> Any:
    return field.get_prep_value(getattr(row, field.attname))


def _kept(row: models.Model, field: Any) -> Any:
    return field.get_db_prep_save(getattr(row, field.attname), connection)


def _quoted(field: Any) -> str:
    name: str = connection.ops.quote_name(field.column)
    return name


def _table(model: type[models.Model]) -> str:
    return model._meta.db_table  # noqa: SLF001 - as above
