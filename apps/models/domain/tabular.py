"""Rows of features in files: which format a file is, which column is what, and how cells of text become values."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from apps.core.errors import AppError, FieldError, Invalid, Unsupported
from apps.core.json import shown
from apps.models.domain.schema import Schema
from apps.models.errors import BrokenFile

HEAD: Final = 4096
CUSTOMER: Final = "customer_id"
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII).fullmatch
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII).fullmatch
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]").search
_utf8 = codecs.getincrementaldecoder("utf-8")
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}


class FileFormat(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


@dataclass(slots=True)
class FileRow:
    """One row of a file, counted from 1. With an `error` it could not be read; the others can.

    Not frozen: there are millions of them, and a frozen one costs a call for each field.
    """

    number: int
    features: Any = None
    customer: Any = None
    error: AppError | None = None
    size: int = field(default=0, compare=False)
    """How much text it was read from."""


class Rows(Protocol):
    """An open file of rows."""

    @property
    def total(self) -> int:
        """Rows, or bytes where nobody knows how many rows there are."""

    @property
    def done(self) -> int:
        """Of `total`."""

    def __iter__(self) -> Iterator[FileRow]:
        """Raises `BrokenFile` where the rest cannot be read."""

    def close(self) -> None: ...


def sniff_rows(head: bytes, said: str = "") -> FileFormat:
    """Which format the first bytes are. Raises `Unsupported` for what is none, or another than was said."""
    found = _found(head)
    if said and said != found:
        raise Unsupported(f"The file is {found.upper()}, not {shown(said)}.")
    return found


def _found(head: bytes) -> FileFormat:
    if not head.strip():
        raise Invalid.field("file", "is empty", "required")
    if head.startswith(b"PAR1"):
        return FileFormat.PARQUET
    text = head.removeprefix(b"\xef\xbb\xbf")
    if not _is_text(text):
        raise Unsupported("The file is none of: CSV, JSON lines, Parquet.")
    if text.lstrip().startswith(b"["):
        raise Unsupported("The file is one JSON list: send one object a line.")
    return FileFormat.JSONL if text.lstrip().startswith(b"{") else FileFormat.CSV


def _is_text(head: bytes) -> bool:
    if _CONTROLS(head):
        return False
    try:
        # The last character of a longer file may be cut off.
        _utf8().decode(head, final=len(head) < HEAD - 3)
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Columns:
    """What a header's columns are: the features by their place, and whose id there is."""

    names: tuple[str, ...]
    features: tuple[tuple[int, str], ...]
    id_at: int | None


def read_header(names: Sequence[str], schema: Schema, id_column: str = "") -> Columns:
    """Raises `BrokenFile` naming the columns that are wrong."""
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise BrokenFile(f"The header has {_listed(twice)} twice.")
    id_name = id_column or (CUSTOMER if CUSTOMER in names else "")
    if id_name and id_name not in names:
        raise BrokenFile(f"The header has no column {shown(id_name)}, which was to be the id.")
    unknown = [name for name in names if name not in schema and name != id_name]
    if unknown:
        raise BrokenFile(f"The header has {_listed(unknown)}: no feature of this model.")
    there = frozenset(names)
    missing = [name for name in schema if name not in there and _is_needed(schema[name])]
    if missing:
        raise BrokenFile(f"The header lacks {_listed(missing)}.")
    features = tuple((at, name) for at, name in enumerate(names) if name in schema)
    return Columns(tuple(names), features, names.index(id_name) if id_name else None)


def cell_readers(schema: Schema) -> dict[str, Callable[[str], Any]]:
    """By feature: what the text of a cell means. Text that means nothing stays, for the schema to refuse by name."""
    readers: Mapping[str, Callable[[str], Any]] = {
        "number": _number,
        "integer": _integer,
        "boolean": _boolean,
        "string": str,
    }
    return {name: readers[spec["type"]] for name, spec in schema.items()}


def is_number(text: str) -> bool:
    return _NUMBER(text) is not None


def wrong_row(message: str) -> Invalid:
    return Invalid(fields=[FieldError("row", message, "row")])


def _number(text: str) -> Any:
    plain = text.strip()
    return float(plain) if _NUMBER(plain) else text


def _integer(text: str) -> Any:
    plain = text.strip()
    return int(plain) if _INTEGER(plain) else _number(text)


def _boolean(text: str) -> Any:
    return _BOOLEANS.get(text.strip().lower(), text)


def _is_needed(spec: Mapping[str, Any]) -> bool:
    return "default" not in spec and bool(spec.get("required", True))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(shown(name) for name in names[:5]) + more
