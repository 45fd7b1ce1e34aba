"""The answers to a file of rows, in the format it came in; to Parquet as JSON lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from apps.core import json
from apps.models.domain.tabular import FileFormat, is_number

Document = Mapping[str, Any]
"""A row as a batch's answer has it, with its `row`."""
COLUMNS: Final = ("row", "customer_id", "prediction", "probability", "prediction_id", "error")
SUFFIXES: Final = {FileFormat.CSV: "csv"}
TYPES: Final = {FileFormat.CSV: "text/csv; charset=utf-8"}
JSONL_TYPE: Final = "application/jsonl"


def writer_of(kind: FileFormat) -> Callable[[Iterable[Sequence[Document]]], Iterable[bytes]]:
    return _csv if kind is FileFormat.CSV else _jsonl


def _jsonl(chunks: Iterable[Sequence[Document]]) -> Iterable[bytes]:
    for chunk in chunks:
        yield b"".join(json.dumps(row) + b"\n" for row in chunk)


def _csv(chunks: Iterable[Sequence[Document]]) -> Iterable[bytes]:
    yield (",".join(COLUMNS) + "\r\n").encode()
    for chunk in chunks:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(_cells(row) for row in chunk)
        yield text.getvalue().encode()


def _cells(row: Document) -> list[Any]:
    error = row.get("error")
    plain = {**row, "error": None if error is None else error["message"]}
    return [_cell(plain.get(name)) for name in COLUMNS]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else _harmless(value)


def _harmless(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is marked as text; `-5` and `+49151` are numbers."""
    is_text = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_text and not is_number(value) else value
