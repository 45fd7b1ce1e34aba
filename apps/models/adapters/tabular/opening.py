"""The reader of a file of rows, by what it is."""

from __future__ import annotations

from typing import BinaryIO

from apps.models.adapters.tabular.csv_rows import CsvRows
from apps.models.adapters.tabular.jsonl_rows import JsonlRows
from apps.models.adapters.tabular.parquet_rows import ParquetRows
from apps.models.domain.schema import Schema
from apps.models.domain.tabular import HEAD, FileFormat, Rows, sniff_rows


def open_rows(file: BinaryIO, size: int, schema: Schema, id_column: str = "") -> Rows:
    """It owns the file from here on. Raises `BrokenFile`, `ParquetMissing`, `Unsupported`."""
    try:
        found = sniff_rows(file.read(HEAD))
        file.seek(0)
        if found is FileFormat.PARQUET:
            return ParquetRows(file, schema, id_column)
        reader = CsvRows if found is FileFormat.CSV else JsonlRows
        return reader(file, size, schema, id_column)
    except BaseException:
        file.close()
        raise
