"""What may stand in a deployment: names, prices, limits, time-outs, capabilities. Pure; wrong ones are `Invalid`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from apps.core.errors import FieldError, Invalid
from apps.core.text import clean_line

LONGEST_NAME = 100
LONGEST_MODEL = 200
LONGEST_ROUTE = 50
MOST_DOLLARS = Decimal(1_000_000)
DECIMALS = 9
MOST_COUNT = 2**31 - 1
CAPABILITIES = ("chat", "completion", "embeddings", "tools", "vision", "json", "images")
LIMITS = {"rpm": "requests_per_minute", "tpm": "tokens_per_minute", "parallel": "parallel"}
"""Word in bodies → column."""
TIMEOUTS = {
    "total": ("timeout_seconds", 1.0, 3600.0),
    "first_token": ("first_token_seconds", 0.5, 1800.0),
    "idle": ("idle_seconds", 0.5, 1800.0),
}
"""Word in bodies → column, least, most."""
_ID = re.compile(r"(?:prov|dep|route|prompt)_[0-9a-f]{32}").fullmatch
_ROUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]*").fullmatch
_PLAIN_NUMBER = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,30})?").fullmatch


def is_id(reference: str) -> bool:
    """Whether a reference is an id: what is no id is a name, and no name may look like one."""
    return _ID(reference) is not None


def check_name(name: str, *, forbidden: str = "") -> str:
    """A name that people give; `forbidden` characters would give it a second meaning."""
    line = clean_line(name, longest=LONGEST_NAME)
    if is_id(line):
        raise Invalid.field("name", "must not look like an id", "invalid")
    if any(char in line for char in forbidden):
        raise Invalid.field("name", f"must not hold any of {forbidden}", "invalid")
    return line


def check_route_name(name: str) -> str:
    """It stands in addresses and in bodies of callers, so it is plain."""
    if not 0 < len(name) <= LONGEST_ROUTE:
        raise Invalid.field("name", f"must have 1 to {LONGEST_ROUTE} characters", "length")
    if not _ROUTE(name):
        raise Invalid.field(
            "name", "must be letters, digits and . _ : + -, the first a letter or digit", "invalid"
        )
    if is_id(name):
        raise Invalid.field("name", "must not look like an id", "invalid")
    return name


def check_price(value: Any, field: str) -> Decimal:
    """Dollars for a million tokens: a number or a decimal in a string, to nine places."""
    price = _decimal(value, field)
    if not 0 <= price <= MOST_DOLLARS:
        raise Invalid.field(field, f"must be from 0 to {MOST_DOLLARS}", "range")
    rounded = price.quantize(Decimal(1).scaleb(-DECIMALS))
    if rounded != price:
        raise Invalid.field(field, f"may have {DECIMALS} decimals at most", "decimals")
    return rounded


def check_limits(limits: Any) -> dict[str, int | None]:
    """Columns of a deployment from `{rpm, tpm, parallel}`; what is not named is not limited."""
    given = _object("limits", limits, LIMITS)
    wrong = [
        FieldError(f"limits.{word}", f"must be a whole number from 1 to {MOST_COUNT}", "range")
        for word, value in given.items()
        if value is not None and not _is_count(value)
    ]
    _refuse(wrong)
    return {column: given.get(word) for word, column in LIMITS.items()}


def check_timeouts(timeouts: Any) -> dict[str, float]:
    """Columns from `{total, first_token, idle}`, in seconds; only what is named."""
    given = _object("timeouts", timeouts, TIMEOUTS)
    wrong = []
    for word, value in given.items():
        _, least, most = TIMEOUTS[word]
        if not _is_number(value) or not least <= value <= most:
            message = f"must be a number of seconds from {least:g} to {most:g}"
            wrong.append(FieldError(f"timeouts.{word}", message, "range"))
    _refuse(wrong)
    return {TIMEOUTS[word][0]: float(value) for word, value in given.items()}


def check_capabilities(words: Iterable[Any]) -> list[str]:
    given = list(words)
    _refuse(
        [
            FieldError(f"capabilities.{index}", f"is one of {', '.join(CAPABILITIES)}", "choice")
            for index, word in enumerate(given)
            if word not in CAPABILITIES
        ]
    )
    return [word for word in CAPABILITIES if word in given]


def check_count(value: Any, field: str) -> int | None:
    """A size in tokens, or None for one that is not known."""
    if value is not None and not _is_count(value):
        raise Invalid.field(field, f"must be a whole number from 1 to {MOST_COUNT}", "range")
    return value if value is None else int(value)


def _decimal(value: Any, field: str) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if _is_number(value):
        return Decimal(repr(value))  # what was written, not what the binary fraction stands for
    try:
        if isinstance(value, str) and _PLAIN_NUMBER(value):
            return Decimal(value)
    except InvalidOperation:
        pass
    raise Invalid.field(field, "must be a number of dollars", "invalid")


def _object(field: str, value: Any, known: Iterable[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Invalid.field(field, "must be an object", "type")
    words = list(known)
    _refuse(
        [
            FieldError(f"{field}.{name}", f"is one of {', '.join(words)}", "unknown_field")
            for name in value
            if name not in words
        ]
    )
    return value


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_COUNT


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _refuse(wrong: list[FieldError]) -> None:
    if wrong:
        raise Invalid(fields=wrong)
