"""What a row usually looks like: what explanations are told against where a version came without rows of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apps.models.domain.schema import Row, Schema, Value

_BLANK: Final[Mapping[str, Value]] = {"number": 0.0, "integer": 0, "string": "", "boolean": False}


def usual_row(schema: Schema, example: Mapping[str, Any] | None = None) -> Row:
    """Of each feature: the default, else the example's value, else the middle of its bounds or the first of its words."""
    given = example or {}
    return tuple(_usual(spec, given.get(name)) for name, spec in schema.items())


def _usual(spec: Mapping[str, Any], example: Any) -> Value:
    kind = spec["type"]
    value = spec.get("default", example)
    if value is None and "enum" in spec:
        value = spec["enum"][0]
    if value is None and "min" in spec and "max" in spec:
        value = (spec["min"] + spec["max"]) / 2
    if value is None:
        value = spec.get("min", spec.get("max", _BLANK[kind]))
    if kind == "integer":
        return int(value)
    return float(value) if kind == "number" else value
