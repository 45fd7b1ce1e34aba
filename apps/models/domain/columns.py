"""Many rows checked at once, feature by feature: what is right in the whole column needs no look at each value.

Rows in which something is wrong, or left out, are looked at one by one by the checker itself, whose word is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from apps.core.errors import Invalid
from apps.core.json import MAX_INTEGER
from apps.models.domain.schema import Checker, Row, Schema

FEWEST: Final = 8
"""Below it there is nothing to win."""
MOST: Final = float(MAX_INTEGER) / 2
"""Of a whole number; larger ones are the checker's to look at."""
Column = list[Any]
Reader = Callable[[Column], "Column | None"]
"""The column as rows hold it; None where it has to be looked at value by value."""


class ColumnChecker:
    """Made once for each version that is loaded."""

    def __init__(self, schema: Schema, checker: Checker) -> None:
        self._checker = checker
        self._names = tuple(schema)
        self._readers = tuple(_reader(spec) for spec in schema.values())

    def check(self, rows: Sequence[Any]) -> list[Row | Invalid]:
        """A row, or what is wrong with it, for each."""
        if len(rows) >= FEWEST and (whole := self._check_whole(rows)) is not None:
            return whole
        return [self._one(row) for row in rows]

    def _check_whole(self, rows: Sequence[Any]) -> list[Row | Invalid] | None:
        width = len(self._names)
        if set(map(type, rows)) != {dict} or set(map(len, rows)) != {width}:
            return None
        columns = []
        try:
            for name, read in zip(self._names, self._readers, strict=True):
                column = read([row[name] for row in rows])
                if column is None:
                    return None
                columns.append(column)
        except (KeyError, TypeError):  # one that is not there; a list where a word should be
            return None
        return list(zip(*columns, strict=True))

    def _one(self, row: Any) -> Row | Invalid:
        try:
            return self._checker.check(row)
        except Invalid as error:
            return error


def _reader(spec: dict[str, Any]) -> Reader:
    kind = spec["type"]
    allowed = None if spec.get("enum") is None else frozenset(spec["enum"])
    low, high = spec.get("min", -math.inf), spec.get("max", math.inf)
    if kind == "string":
        return _words(allowed)
    if kind == "boolean":
        return lambda column: column if _are(column, bool) and _within(column, allowed) else None

    def numbers(column: Column) -> Column | None:
        if kind == "integer":
            read = column if _are(column, int) else None
        else:
            read = [value + 0.0 for value in column] if _are(column, float, int) else None
        if read is None or not math.isfinite(sum(read)):
            return None  # a sum that overflows is rare, and the checker knows what of it is right
        smallest, largest = min(read), max(read)
        if smallest < low or largest > high:
            return None
        if not _are(column, float) and max(-smallest, largest) > MOST:
            return None
        return read if _within(read, allowed) else None

    return numbers


def _words(allowed: frozenset[Any] | None) -> Reader:
    # Without a list of words their length has to be looked at, and that is the checker's to do.
    def words(column: Column) -> Column | None:
        return column if allowed is not None and allowed.issuperset(column) else None

    return words


def _are(column: Column, *kinds: type) -> bool:
    return set(kinds).issuperset(map(type, column))


def _within(column: Column, allowed: frozenset[Any] | None) -> bool:
    return allowed is None or allowed.issuperset(column)
