"""Feature schemas: `{feature: {type, min?, max?, enum?, required?, default?}}` in the order of the model's inputs.

A schema is read once, by `read_schema`, and compiled once, by `compile_schema`, into a `Checker` that is called for each
prediction. Pure: no clock, no I/O.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apps.core.errors import FieldError, Invalid
from apps.core.json import MAX_INTEGER, shown
from apps.core.text import is_misleading

Value = float | int | str | bool | None
Row = tuple[Value, ...]
Schema = dict[str, dict[str, Any]]

TYPES: Final = ("number", "integer", "string", "boolean")
WORDS: Final = frozenset({"type", "min", "max", "enum", "required", "default"})
MOST_FEATURES = 5000
MOST_ENUM = 1000
LONGEST_NAME = 200
LONGEST_VALUE = 10_000
MOST_ERRORS = 20
"""A row of ten thousand wrong features is not answered with ten thousand complaints."""

_MISSING: Final = object()


# ---------------------------------------------------------------- documents


def read_schema(document: Any, *, field: str = "feature_schema") -> Schema:
    """The schema as it is kept, every word of it checked. Raises `Invalid` naming `feature_schema.<feature>.<word>`."""
    if not isinstance(document, Mapping) or not document:
        raise Invalid.field(field, "must be an object of features", "type")
    if len(document) > MOST_FEATURES:
        raise Invalid.field(field, f"may have {MOST_FEATURES} features at most", "length")
    return {name: _feature(name, spec, field) for name, spec in document.items()}


def _feature(name: Any, spec: Any, field: str) -> dict[str, Any]:
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or is_misleading(name):
        raise Invalid.field(field, "has a feature whose name is not plain", "name")
    where = f"{field}.{name}"
    if not isinstance(spec, Mapping):
        raise Invalid.field(where, "must be an object", "type")
    unknown = sorted(set(spec) - WORDS)
    if unknown:
        raise Invalid.field(f"{where}.{shown(unknown[0])}", "is not a word here", "unknown_field")
    kind = spec.get("type")
    if kind not in TYPES:
        raise Invalid.field(f"{where}.type", f"must be among: {', '.join(TYPES)}", "choice")
    _check_bounds(spec, kind, where)
    _check_enum(spec, kind, where)
    if not isinstance(spec.get("required", True), bool):
        raise Invalid.field(f"{where}.required", "must be true or false", "type")
    if "default" in spec:
        _check_default(name, spec, where)
    return dict(spec)


def _check_bounds(spec: Mapping[str, Any], kind: str, where: str) -> None:
    for word in ("min", "max"):
        if word not in spec:
            continue
        if kind not in ("number", "integer"):
            raise Invalid.field(f"{where}.{word}", f"does not go with {kind}", "type")
        if not _is_number(spec[word]):
            raise Invalid.field(f"{where}.{word}", "must be a finite number", "type")
    if "min" in spec and "max" in spec and spec["min"] > spec["max"]:
        raise Invalid.field(f"{where}.max", "must not be below min", "range")


def _check_enum(spec: Mapping[str, Any], kind: str, where: str) -> None:
    if "enum" not in spec:
        return
    allowed = spec["enum"]
    if not isinstance(allowed, list) or not 0 < len(allowed) <= MOST_ENUM:
        raise Invalid.field(f"{where}.enum", f"must be a list of 1 to {MOST_ENUM} values", "type")
    plain = {name: value for name, value in spec.items() if name not in ("enum", "default")}
    read = _reader(plain)
    values = []
    for index, value in enumerate(allowed):
        try:
            values.append(read(value))
        except _Wrong as wrong:
            raise Invalid.field(f"{where}.enum.{index}", wrong.message, wrong.type) from None
    if len(set(values)) != len(values):
        raise Invalid.field(f"{where}.enum", "holds a value twice", "unique")


def _check_default(name: str, spec: Mapping[str, Any], where: str) -> None:
    try:
        _reader(spec)(spec["default"])
    except _Wrong as wrong:
        raise Invalid.field(f"{where}.default", wrong.message, wrong.type) from None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= MAX_INTEGER


# ---------------------------------------------------------------- rows


class _Wrong(Exception):
    def __init__(self, message: str, type: str) -> None:  # noqa: A002 - FieldError's word
        super().__init__(message)
        self.message = message
        self.type = type


@dataclass(frozen=True, slots=True)
class _Spec:
    low: float
    high: float
    allowed: frozenset[Any] | None
    shown: str
    """Of `allowed`, for the error."""


@dataclass(frozen=True, slots=True)
class Checker:
    """`check(features)` is the canonical row: a value a feature, in the schema's order, equal for equal meanings.

    A `number` becomes a float, an `integer` an int, and -0.0 is 0.0, so that equal rows make equal cache keys. A feature
    that is neither required nor given is its default, else None.
    """

    names: tuple[str, ...]
    _fields: tuple[tuple[str, Any, Value | object], ...]
    """Name, reader, and what stands for a feature that is not given: its default, None, or `_MISSING`."""

    def check(self, features: Any) -> Row:
        """Raises `Invalid` naming every wrong feature, the first in its message."""
        if type(features) is not dict:
            raise Invalid.field("features", "must be an object", "type")
        row = []
        given = 0
        try:
            for name, read, absent in self._fields:
                if name in features:
                    row.append(read(features[name]))
                    given += 1
                elif absent is _MISSING:
                    raise self._refusal(features)
                else:
                    row.append(absent)
        except _Wrong:
            raise self._refusal(features) from None
        if given != len(features):
            raise self._refusal(features)
        return tuple(row)

    def document(self, row: Row) -> dict[str, Value]:
        """The row by name."""
        return dict(zip(self.names, row, strict=True))

    def _refusal(self, features: dict[Any, Any]) -> Invalid:
        """All of it said once more, slowly: this way is not the hot one."""
        errors = []
        for name, read, absent in self._fields:
            if name not in features:
                if absent is _MISSING:
                    errors.append(FieldError(name, "is required", "required"))
                continue
            try:
                read(features[name])
            except _Wrong as wrong:
                errors.append(FieldError(name, wrong.message, wrong.type))
            if len(errors) >= MOST_ERRORS:
                break
        known = set(self.names)
        for name in features:
            if len(errors) >= MOST_ERRORS:
                break
            if name not in known:
                text = "is not a feature of this model"
                errors.append(FieldError(shown(str(name)), text, "unknown_field"))
        return Invalid(f"{errors[0].field} {errors[0].message}", fields=errors)


def compile_schema(schema: Mapping[str, Mapping[str, Any]]) -> Checker:
    """A checker of rows, made once for each version that is loaded. `schema` is one that `read_schema` passed."""
    fields = []
    for name, spec in schema.items():
        read = _reader(spec)
        if "default" in spec:
            absent: Value | object = read(spec["default"])
        else:
            absent = _MISSING if spec.get("required", True) else None
        fields.append((name, read, absent))
    return Checker(tuple(schema), tuple(fields))


def _reader(spec: Mapping[str, Any]) -> Any:
    kind = spec["type"]
    allowed = spec.get("enum")
    bounds = _Spec(
        low=spec.get("min", -math.inf),
        high=spec.get("max", math.inf),
        allowed=None if allowed is None else frozenset(allowed),
        shown="" if allowed is None else ", ".join(shown(str(value)) for value in allowed[:10]),
    )
    return {"number": _number, "integer": _integer, "string": _string, "boolean": _boolean}[kind](
        bounds
    )


def _number(spec: _Spec) -> Any:
    low, high, allowed = spec.low, spec.high, spec.allowed
    infinite = math.inf

    def read(value: float) -> float:  # or anything else: that is what is looked at
        if type(value) is not float:
            if type(value) is not int:
                raise _Wrong("must be a number", "type")
            _refuse_large(value)
            value = float(value)
        if not -infinite < value < infinite:
            raise _Wrong("must be a finite number", "finite")
        if not low <= value <= high:
            raise _out_of(spec, value)
        if allowed is not None and value not in allowed:
            raise _not_among(spec)
        return value + 0.0  # -0.0 becomes 0.0

    return read


def _integer(spec: _Spec) -> Any:
    low, high, allowed = spec.low, spec.high, spec.allowed

    def read(value: float) -> int:  # or anything else: that is what is looked at
        if type(value) is not int:
            # JSON knows one kind of number: 12.0 says the same as 12.
            if type(value) is not float or not value.is_integer():
                raise _Wrong("must be an integer", "type")
            value = int(value)
        _refuse_large(value)
        if not low <= value <= high:
            raise _out_of(spec, value)
        if allowed is not None and value not in allowed:
            raise _not_among(spec)
        return value

    return read


def _string(spec: _Spec) -> Any:
    allowed = spec.allowed

    def read(value: Any) -> str:
        if type(value) is not str:
            raise _Wrong("must be a string", "type")
        if allowed is not None:
            if value not in allowed:
                raise _not_among(spec)
        elif len(value) > LONGEST_VALUE:
            raise _Wrong(f"must have {LONGEST_VALUE} characters at most", "max_length")
        return value

    return read


def _boolean(spec: _Spec) -> Any:
    allowed = spec.allowed

    def read(value: Any) -> bool:
        if value is not True and value is not False:
            raise _Wrong("must be true or false", "type")
        if allowed is not None and value not in allowed:
            raise _not_among(spec)
        return value

    return read


def _refuse_large(value: int) -> None:
    if not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise _Wrong("must fit into 64 bits", "range")


def _out_of(spec: _Spec, value: float) -> _Wrong:
    if value < spec.low:
        text = "must be positive" if spec.low == 0 else f"must be at least {spec.low}"
        return _Wrong(text, "min_value")
    return _Wrong(f"must be at most {spec.high}", "max_value")


def _not_among(spec: _Spec) -> _Wrong:
    assert spec.allowed is not None
    more = ", …" if len(spec.allowed) > 10 else ""
    return _Wrong(f"must be among: {spec.shown}{more}", "choice")
