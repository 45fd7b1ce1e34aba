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
SHOWN = 80
"""How much of a caller's own text an error says back."""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Possessive, and closed by the end of the text too: linear whatever is thrown at them.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BIG_NUMBER = re.compile(rb"[0-9]{19}|[0-9][eE]")
_PLAINLY = bytes(
    0x30 if chr(byte) in "0123456789" else 0x65 if chr(byte) in "eE" else 0x20
    for byte in range(256)
)
_MANY_DIGITS = b"0" * 19
_NOT_PLAIN = object()
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")


def parse(body: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON body, or `Malformed` (not JSON) / `Invalid` (JSON, but a value nobody can keep)."""
    value = _parse_plain(body, max_depth)
    return _parse_strictly(body, max_depth) if value is _NOT_PLAIN else value


def _parse_plain(body: bytes, max_depth: int) -> Any:
    """The value of a body in which nothing can be wrong, ten times as fast; `_NOT_PLAIN` for every other.

    Without a backslash each colon stands for itself, so a body has as many as its value written anew, unless a key stood
    twice in one object and took its first value with it.
    """
    if b"\\" in body:
        return _NOT_PLAIN
    digits = body.translate(_PLAINLY)
    if _MANY_DIGITS in digits or b"0e" in digits:
        return _NOT_PLAIN
    try:
        value = orjson.loads(body)
        if body.count(b":") != orjson.dumps(value).count(b":"):
            return _NOT_PLAIN
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return _NOT_PLAIN
    if body.count(b"{") + body.count(b"[") > max_depth and _is_deep(value, max_depth):
        return _NOT_PLAIN
    return value


def _is_deep(value: Any, max_depth: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(max_depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def _parse_strictly(body: bytes, max_depth: int) -> Any:
    """The same for any body, and what is wrong with it."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8: byte {error.start}.") from None
    _refuse_deep(body, max_depth)
    # The hooks cost a call a number; without a long or exponential one in sight none can be out of range.
    decode = _decode_wary if _BIG_NUMBER.search(body) else _decode
    try:
        value = decode(text)
    except json.JSONDecodeError as error:
        said = (
            "Unexpected UTF-8 BOM (decode using utf-8-sig)" if text[:1] == "\ufeff" else error.msg
        )
        raise Malformed(
            f"The body is not JSON: {said} at line {error.lineno}, column {error.colno}."
        ) from None
    if "\\u" in text:
        _refuse_unstorable(value, ())
    return value


def dumps(value: Any) -> bytes:
    try:
        return _dumps(value)
    except TypeError as error:
        if "64-bit" not in str(error):
            raise
        return _dumps(_within_64_bits(value))


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def _within_64_bits(value: Any) -> Any:
    """PostgreSQL gives 1e300 back as a whole number of 301 digits: it is written as the float it was."""
    match value:
        case dict():
            return {key: _within_64_bits(item) for key, item in value.items()}
        case list() | tuple():
            return [_within_64_bits(item) for item in value]
        case int() if abs(value) > MAX_INTEGER:
            try:
                return float(value)
            except OverflowError:
                return str(value)
    return value


def shown(text: str) -> str:
    """A caller's text, short enough to be said back in an error."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset | set):
        return list(value)
    return str(value)


def _refuse_deep(body: bytes, max_depth: int) -> None:
    # Brackets within strings only ever make the count larger, so a body that passes here is truly shallow.
    if body.count(b"{") + body.count(b"[") <= max_depth:
        return
    brackets = _STRING.sub(b"", body).translate(_ONE_KIND, _ALL_BUT_BRACKETS)
    # Each round takes the innermost pairs away; a pair that outlasts them was nested deeper. Brackets that no other
    # closes stay too: few are the parser's to name, many would be its recursion.
    for _ in range(max_depth):
        fewer = brackets.replace(b"[]", b"")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    if b"[]" in brackets or brackets.count(b"[") > max_depth:
        raise Malformed(f"The body is nested deeper than {max_depth} levels.")


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # add() returns None on purpose
        raise Malformed(f"The key {shown(twice)!r} stands twice in one object.")
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


# Made once: `json.loads` would make one at each call.
_decode = json.JSONDecoder(object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant).decode
_decode_wary = json.JSONDecoder(
    object_pairs_hook=_unique_pairs,
    parse_constant=_refuse_constant,
    parse_float=_finite,
    parse_int=_small_integer,
).decode


def _refuse_unstorable(value: Any, path: tuple[str | int, ...]) -> None:
    match value:
        case str():
            if _UNSTORABLE.search(value):
                raise Invalid.field(
                    _dotted(path), "holds a NUL or half a surrogate pair", "unstorable"
                )
        case dict():
            for key, item in value.items():
                _refuse_unstorable(key, path)
                _refuse_unstorable(item, (*path, key))
        case list():
            for index, item in enumerate(value):
                _refuse_unstorable(item, (*path, index))


def _dotted(path: tuple[str | int, ...]) -> str:
    return shown(".".join(map(str, path))) or "body"
