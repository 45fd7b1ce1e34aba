"""The reader of a file of rows, by what it is."""

from __future__ import annotations

from typing import BinaryIO

from apps.models.adapters.tabular.csv_rows import CsvRows
from apps.models.adapters.tabular.jsonl_rows import JsonlRows
from apps.models.adapters.tabular.parquet_rows import ParquetRows
from apps.models.domain.schema import Schema
from apps.models.domain.tabular import FileFormat, Rows


def open_rows(
    file: BinaryIO, kind: FileFormat, size: int, schema: Schema, id_column: str = ""
) -> Rows:
    """From its beginning; closing the rows closes the file. Raises `BrokenFile`, `ParquetMissing`."""
    file.seek(0)
    if kind is FileFormat.PARQUET:
        return ParquetRows(file, schema, id_column)
    if kind is FileFormat.CSV:
        return CsvRows(file, size, schema, id_column)
    return JsonlRows(file, size, schema, id_column)
