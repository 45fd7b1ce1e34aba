"""A value in the shape of a JSON schema, as far as ordinary schemas go: no patterns, no conditions."""

from __future__ import annotations

import math
import random
from typing import Any, TypeGuard

from apps.providers.adapters.simulated.words import WORDS

MOST_VALUES = 2000
"""A schema that refers to itself often would otherwise grow without end."""
DEEP = 6
"""From here on, only what must be there."""
DEEPEST = 12
MOST_ITEMS = 20
FORMATS = {
    "date": "2024-01-01",
    "date-time": "2024-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "simulated@example.com",
    "uri": "https://example.com/simulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}


class Shape:
    def __init__(self, schema: Any, lot: random.Random) -> None:
        self._root = _dict(schema)
        self._lot = lot
        self._left = MOST_VALUES

    def value(self) -> Any:
        return self._value(self._root, 0)

    def _value(self, schema: dict[str, Any], depth: int) -> Any:
        self._left -= 1
        schema = self._resolve(schema)
        if "const" in schema:
            return schema["const"]
        if options := _list(schema.get("enum")):
            return self._lot.choice(options)
        match _kind(schema, depth):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "integer":
                return math.ceil(_number(schema, self._lot.randint(0, 100)))
            case "number":
                return float(_number(schema, round(self._lot.uniform(0, 100), 2)))
            case "boolean":
                return self._lot.random() < 0.5
            case "null":
                return None
        return self._string(schema)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = _dict(schema.get("properties"))
        wanted = _list(schema.get("required"))
        made: dict[str, Any] = {}
        if depth < DEEPEST:
            for name in [*wanted] if depth >= DEEP else [*properties, *wanted]:
                if isinstance(name, str) and name not in made and self._left > 0:
                    made[name] = self._value(_dict(properties.get(name)), depth + 1)
        return made

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        least = _whole(schema.get("minItems"), 0)
        most = _whole(schema.get("maxItems"), max(least, 2))
        wanted = least if depth >= DEEP else max(least, min(most, 2))
        made: list[Any] = []
        if depth < DEEPEST:
            items = _dict(schema.get("items"))
            while len(made) < min(wanted, MOST_ITEMS) and self._left > 0:
                made.append(self._value(items, depth + 1))
        return made

    def _string(self, schema: dict[str, Any]) -> str:
        if (known := FORMATS.get(str(schema.get("format")))) is not None:
            return known
        text = f"simulated {self._lot.choice(WORDS)}"
        least, most = _whole(schema.get("minLength"), 0), _whole(schema.get("maxLength"), 10_000)
        return text.ljust(least, "x")[:most]

    def _resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema behind local references; the first of several choices; all of `allOf` as one."""
        for _ in range(DEEPEST):
            if isinstance(reference := schema.get("$ref"), str):
                schema = self._behind(reference)
            elif choices := _list(schema.get("anyOf")) or _list(schema.get("oneOf")):
                schema = _dict(choices[0])
            elif parts := _list(schema.get("allOf")):
                schema = self._together([{**schema, "allOf": None}, *map(_dict, parts)])
            else:
                break
        return schema

    def _behind(self, reference: str) -> dict[str, Any]:
        found: Any = self._root
        for part in reference.removeprefix("#").strip("/").split("/"):
            if part:
                found = _dict(found).get(part.replace("~1", "/").replace("~0", "~"))
        return _dict(found)

    def _together(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        required: list[Any] = []
        for part in parts:
            whole = self._behind(part["$ref"]) if isinstance(part.get("$ref"), str) else part
            merged.update(whole)
            properties.update(_dict(whole.get("properties")))
            required += _list(whole.get("required"))
        return {**merged, "properties": properties, "required": required, "allOf": None}


def _kind(schema: dict[str, Any], depth: int) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        # The way out of a schema that holds itself is the null it allows.
        kind = "null" if depth >= DEEP and "null" in kind else next(iter(kind), None)
    if isinstance(kind, str):
        return kind
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _number(schema: dict[str, Any], drawn: float) -> float:
    low = _bound(schema, "minimum", "exclusiveMinimum", +1)
    high = _bound(schema, "maximum", "exclusiveMaximum", -1)
    if (low is not None and high is not None and not low <= drawn <= high) or (
        low is not None and drawn < low
    ):
        drawn = low
    elif high is not None and drawn > high:
        drawn = high
    step = schema.get("multipleOf")
    if _is_number(step) and step > 0:
        drawn = math.ceil(drawn / step) * step
    return drawn


def _bound(schema: dict[str, Any], inclusive: str, exclusive: str, side: int) -> float | None:
    if _is_number(value := schema.get(inclusive)):
        return float(value)
    if _is_number(value := schema.get(exclusive)):
        return float(value) + side * (1 if schema.get("type") == "integer" else 0.01)
    return None


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53


def _whole(value: Any, otherwise: int) -> int:
    return int(min(max(value, 0), 10_000)) if _is_number(value) else otherwise


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
