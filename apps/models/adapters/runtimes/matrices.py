"""Rows as arrays. A missing number is NaN; a value of a type that the model cannot take is refused in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from apps.models.domain.schema import Row, Schema, Value
from apps.models.errors import ScoringFailed


def numeric(rows: Sequence[Sequence[Value]], dtype: Any) -> Any:
    """A value a place; None becomes NaN, true 1."""
    try:
        with np.errstate(
            over="ignore"
        ):  # 1e300 is infinite to a float of four bytes, and trees may take it so
            return np.array(rows, dtype=dtype)
    except (ValueError, TypeError, OverflowError):
        raise ScoringFailed("The model takes numbers alone, and a feature is none.") from None


def mixed(rows: Sequence[Row], schema: Schema) -> Any:
    """Words and numbers side by side, as scikit-learn takes them."""
    array = np.empty((len(rows), len(schema)), dtype=object)
    blank = [None if spec["type"] == "string" else np.nan for spec in schema.values()]
    for number, row in enumerate(rows):
        array[number] = [
            blank[place] if value is None else value for place, value in enumerate(row)
        ]
    return array


def has_words(schema: Schema) -> bool:
    return any(spec["type"] == "string" for spec in schema.values())


def order_of(names: Sequence[str], schema: Schema) -> list[int] | None:
    """Where the model's features stand in a row; None when they stand in its own order."""
    places = {name: place for place, name in enumerate(schema)}
    if set(names) != set(places) or list(names) == list(places):
        return None
    return [places[name] for name in names]


def check_width(width: int, schema: Schema) -> None:
    if width != len(schema):
        text = f"takes {width} features, and the schema has {len(schema)}"
        raise ScoringFailed(f"The model {text}.")


def check_columns(array: Any, width: int) -> None:
    if array.ndim != 2 or array.shape[1] != width:
        raise ScoringFailed(f"The model takes {width} features.")


def in_order(values: Sequence[float], order: Sequence[int]) -> list[float]:
    """The model's values where its features stand in a row: the inverse of picking by `order`."""
    placed = [0.0] * len(values)
    for value, place in zip(values, order, strict=True):
        placed[place] = value
    return placed
