"""Reading JSON from strangers, strictly, and writing it, fast.

The reader refuses what would otherwise be taken silently: duplicate keys, NaN, Infinity, 1e999, integers that no
database column holds, NUL, lone surrogates, nesting that would end in a RecursionError.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import orjson

from apps.core.errors import Invalid, Malformed

MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def parse(body: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON body, or `Malformed` (not JSON) / `Invalid` (JSON, but a value nobody can keep)."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8: byte {error.start}.") from None
    _refuse_deep(text, max_depth)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique_pairs,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_small_integer,
        )
    except json.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    if _needs_text_check(text):
        _refuse_unstorable(value, "")
    return value


def dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, frozenset | set | tuple):
        return list(value)
    return str(value)


def _refuse_deep(text: str, max_depth: int) -> None:
    # Counting brackets first costs little and bounds the parser's recursion; brackets within strings only ever
    # make the count larger, so a text that passes is truly shallow.
    if text.count("{") + text.count("[") <= max_depth:
        return
    depth = deepest = 0
    for bracket in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text):
        match bracket.group()[0]:
            case "{" | "[":
                depth += 1
                deepest = max(deepest, depth)
            case "}" | "]":
                depth -= 1
        if deepest > max_depth:
            raise Malformed(f"The body is nested deeper than {max_depth} levels.")


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # add() returns None on purpose
        raise Malformed(f"The key {twice!r} stands twice in one object.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON.")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise Malformed(f"The number {digits[:40]} is too large.")
    return value


def _small_integer(digits: str) -> int:
    if len(digits) > 20:
        raise Malformed(f"The number {digits[:20]}… is too large.")
    value = int(digits)
    if not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise Malformed(f"The number {digits} is too large.")
    return value


def _needs_text_check(text: str) -> bool:
    return "\\u" in text or "\x00" in text


def _refuse_unstorable(value: Any, path: str) -> None:
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise Invalid.field(path or "body", "holds a NUL or half a surrogate pair", "unstorable")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_unstorable(key, path)
            _refuse_unstorable(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_unstorable(item, f"{path}.{index}" if path else str(index))
