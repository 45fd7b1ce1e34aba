"""JSON lines: an object a line, either the features themselves or, as in a batch, `{"features": {…}, "customer_id": …}`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from apps.core import json
from apps.core.errors import AppError, Invalid
from apps.models.adapters.tabular.lines import Lines
from apps.models.domain.schema import Schema
from apps.models.domain.tabular import CUSTOMER, FileRow, wrong_row

FEATURES: Final = "features"


class JsonlRows:
    """Implements `domain.tabular.Rows`; progress is told in bytes."""

    def __init__(self, file: BinaryIO, size: int, schema: Schema, id_column: str = "") -> None:
        self._file = file
        self._lines = Lines(file)
        self._read = ObjectReader(schema, id_column)
        self.total = size

    @property
    def done(self) -> int:
        return self._lines.bytes_read

    def __iter__(self) -> Iterator[FileRow]:
        number = 0
        for line in self._lines:
            self._lines.begin_row()
            if line.strip():
                number += 1
                yield read_line(number, line, self._read)

    def close(self) -> None:
        self._file.close()


class ObjectReader:
    """Tells the features of an object from the id that comes with them."""

    def __init__(self, schema: Schema, id_column: str = "") -> None:
        self._schema = schema
        self._id = id_column or CUSTOMER
        self._is_id_feature = self._id in schema

    def read(self, value: Any) -> tuple[Any, Any]:
        """The features and the id. Raises `Invalid`."""
        if not isinstance(value, dict):
            raise wrong_row("must be an object")
        is_whole = isinstance(value.get(FEATURES), dict) and FEATURES not in self._schema
        if not is_whole:
            taken = value.get if self._is_id_feature else value.pop
            customer = taken(self._id, None)
            return value, customer
        unknown = [name for name in value if name not in (FEATURES, self._id)]
        if unknown:
            raise wrong_row(f"has beside its features: {json.shown(unknown[0])}")
        return value[FEATURES], value.get(self._id)


def read_line(number: int, line: str, reader: ObjectReader) -> FileRow:
    try:
        features, customer = reader.read(json.parse(line.encode()))
    except Invalid as error:
        return FileRow(number, error=error)
    except AppError as error:
        return FileRow(number, error=wrong_row(error.message.replace("The body", "it")))
    return FileRow(number, features, customer, size=len(line))
