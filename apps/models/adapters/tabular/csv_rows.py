"""CSV with a header: commas, cells quoted where they must be (RFC 4180), UTF-8. An empty cell is a feature not given."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO

from apps.models.adapters.tabular.lines import Lines
from apps.models.domain.schema import Schema
from apps.models.domain.tabular import Columns, FileRow, cell_readers, read_header, wrong_row
from apps.models.errors import BrokenFile

_NEVER_CLOSED = ("unexpected end of data", "field larger than")
"""What the reader says of a quote that swallows the rest of the file."""


class CsvRows:
    """Implements `domain.tabular.Rows`; progress is told in bytes."""

    def __init__(self, file: BinaryIO, size: int, schema: Schema, id_column: str = "") -> None:
        self._file = file
        self._lines = Lines(file)
        self._cells = csv.reader(self._lines, strict=True)
        self.columns = read_header(self._header(), schema, id_column)
        readers = cell_readers(schema)
        self._features = [(at, name, readers[name]) for at, name in self.columns.features]
        self.total = size

    @property
    def done(self) -> int:
        return self._lines.bytes_read

    def __iter__(self) -> Iterator[FileRow]:
        number = 0
        while True:
            self._lines.begin_row()
            try:
                cells = next(self._cells, None)
            except csv.Error as error:
                self._refuse_open_quote(error)
                number += 1
                yield FileRow(number, error=wrong_row(f"is no CSV: {error}"))
                continue
            if cells is None:
                return
            if cells:
                number += 1
                yield self._row(number, cells)

    def close(self) -> None:
        self._file.close()

    def _header(self) -> list[str]:
        try:
            return [name.strip() for name in next(self._cells, [])]
        except csv.Error as error:
            raise BrokenFile(f"The header is no CSV: {error}.") from None

    def _row(self, number: int, cells: list[str]) -> FileRow:
        columns: Columns = self.columns
        if len(cells) != len(columns.names):
            text = f"has {len(cells)} cells, the header has {len(columns.names)}"
            return FileRow(number, error=wrong_row(text))
        features = {name: read(cells[at]) for at, name, read in self._features if cells[at]}
        customer = cells[columns.id_at] if columns.id_at is not None else None
        return FileRow(number, features, customer, size=self._lines.used)

    def _refuse_open_quote(self, error: csv.Error) -> None:
        if str(error).startswith(_NEVER_CLOSED):
            raise BrokenFile(f"Line {self._lines.number}: a quote before it is never closed.")
