"""Strangers' JSON: every kind of bad bytes is refused by name, good bytes read as the standard parser reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from time import thread_time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.core import json as strict
from apps.core.errors import AppError, Invalid, Malformed

MALFORMED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "The body is not JSON: Expecting value at line 1, column 1."),
    "blank": (b" \n ", "The body is not JSON: Expecting value at line 2, column 2."),
    "broken": (b'{"a": }', "The body is not JSON: Expecting value at line 1, column 7."),
    "cut off": (
        b'{"a": "b',
        "The body is not JSON: Unterminated string starting at at line 1, column 7.",
    ),
    "two values": (b"1 2", "The body is not JSON: Extra data at line 1, column 3."),
    "byte order mark": (
        b"\xef\xbb\xbf{}",
        "The body is not JSON: Unexpected UTF-8 BOM (decode using utf-8-sig) at line 1, column 1.",
    ),
    "not utf-8": (b'{"a": "\xff"}', "The body is not UTF-8: byte 7."),
    "utf-16": ("{}".encode("utf-16"), "The body is not UTF-8: byte 0."),
    "surrogate in utf-8": (b'"\xed\xa0\x80"', "The body is not UTF-8: byte 1."),
    "raw NUL": (
        b'{"a": "\x00"}',
        "The body is not JSON: Invalid control character at at line 1, column 8.",
    ),
    "NaN": (b'{"a": NaN}', "NaN is not JSON."),
    "Infinity": (b'{"a": Infinity}', "Infinity is not JSON."),
    "-Infinity": (b"[-Infinity]", "-Infinity is not JSON."),
    "1e999": (b'{"a": 1e999}', "The number 1e999 is too large."),
    "-1E400": (b'{"a": -1E400}', "The number -1E400 is too large."),
    "400 digits and a fraction": (b"9" * 400 + b".5", f"The number {'9' * 40} is too large."),
    "2^63": (b'{"a": 9223372036854775808}', "The number 9223372036854775808 is too large."),
    "-2^63-1": (b"-9223372036854775809", "The number -9223372036854775809 is too large."),
    "5000 digits": (b"1" * 5000, f"The number {'1' * 20}… is too large."),
    "duplicate keys": (
        b'{"a": 1, "b": 2, "a": 3}',
        "The key 'a' stands twice in one object.",
    ),
    "duplicate keys by escape": (
        b'{"a": 1, "\\u0061": 3}',
        "The key 'a' stands twice in one object.",
    ),
    "duplicate keys deep inside": (
        b'{"a": [{"b": 1, "b": 1}]}',
        "The key 'b' stands twice in one object.",
    ),
    "a long key twice": (
        b'{"%b": 1, "%b": 2}' % (b"k" * 1000, b"k" * 1000),
        f"The key '{'k' * 80}…' stands twice in one object.",
    ),
    "65 deep": (b"[" * 65 + b"]" * 65, "The body is nested deeper than 64 levels."),
    "65 deep, in two kinds": (
        b'{"a":[' * 33 + b"]}" * 33,
        "The body is nested deeper than 64 levels.",
    ),
    "100,000 deep": (b"[" * 100_000 + b"]" * 100_000, "The body is nested deeper than 64 levels."),
    "100,000 deep, objects": (
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "The body is nested deeper than 64 levels.",
    ),
    "100,000 opened": (b"[" * 100_000, "The body is nested deeper than 64 levels."),
    "100 closed too often": (
        b"[]" * 100,
        "The body is not JSON: Extra data at line 1, column 3.",
    ),
}

UNSTORABLE: dict[str, tuple[bytes, str]] = {
    "escaped NUL": (b'{"a": "x\\u0000"}', "a"),
    "lone high surrogate": (b'{"a": ["b", "\\ud800"]}', "a.1"),
    "lone low surrogate": (b'{"a": {"b": "\\udc00x"}}', "a.b"),
    "surrogates the wrong way round": (b'"\\udc00\\ud800"', "body"),
    "in a key": (b'{"a": {"\\u0000": 1}}', "a"),
    "in a key of the outermost": (b'{"\\ud800": 1}', "body"),
    "under a long name": (b'{"%b": "\\u0000"}' % (b"n" * 500), "n" * 80 + "…"),
}


@pytest.mark.parametrize(("body", "message"), MALFORMED.values(), ids=MALFORMED)
def test_parse_refuses_malformed(body: bytes, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        strict.parse(body)

    assert caught.value.message == message


@pytest.mark.parametrize(("body", "field"), UNSTORABLE.values(), ids=UNSTORABLE)
def test_parse_names_the_field_nobody_can_keep(body: bytes, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        strict.parse(body)

    assert [(wrong.field, wrong.type) for wrong in caught.value.fields] == [(field, "unstorable")]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"null", None),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\\\u0000"', "\\u0000"),  # an escaped backslash, not an escaped NUL
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"1e308", 1e308),
        (b"1e-999", 0.0),
        (b"-0.0", -0.0),
        (b'{"a": {"a": {"a": 1}}}', {"a": {"a": {"a": 1}}}),
        (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        (b"[" * 64 + b"]" * 64, json.loads("[" * 64 + "]" * 64)),
        (b'["' + b"[" * 1000 + b'"]', ["[" * 1000]),
        (b'["' + b'\\"[' * 1000 + b'"]', ['"[' * 1000]),
        (b'["\\\\", "' + b"[" * 100 + b'"]', ["\\", "[" * 100]),
    ],
)
def test_parse_takes_what_is_good(body: bytes, value: Any) -> None:
    assert strict.parse(body) == value


def test_parse_depth_is_the_callers_to_narrow() -> None:
    assert strict.parse(b"[[1]]", max_depth=2) == [[1]]
    with pytest.raises(Malformed):
        strict.parse(b"[[[1]]]", max_depth=2)


HOSTILE = {
    "unclosed string of quotes": b"[" + b"[]," * 70 + b'"' + b'\\"' * 500_000,
    "backslashes": b"[" + b"[]," * 70 + b'"' + b"\\" * 1_000_000,
    "a long name over many": b'{"' + b"k" * 500_000 + b'": [' + b'"\\u0041",' * 50_000 + b"1]}",
    "opened a million times": b"[" * 1_000_000,
    "opened in turns": b'{"":[' * 200_000,
    "flat pairs": b"[" + b"[]," * 300_000 + b"[]]",
    "digits": b"1" * 1_000_000,
    "digits after the point": b"0." + b"1" * 1_000_000,
    "an exponent of digits": b"1e-" + b"1" * 1_000_000,
    "long numbers": b"[" + b"1234567890123456789," * 50_000 + b"1]",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_parse_time_is_bounded(body: bytes) -> None:
    started = thread_time()

    with suppress(AppError):
        strict.parse(body)

    assert thread_time() - started < 5.0  # linear ones take tenths; a quadratic one takes minutes


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)
fragments = st.lists(
    st.sampled_from(
        [*'[]{},:" \\', '"a"', '"\\ud800"', '"\\u0000"', "1", "1e999", "-", "NaN", "true", "\x00"]
    ),
    max_size=200,
).map("".join)


@given(json_values, st.booleans())
def test_parse_agrees_with_the_standard_parser(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)

    assert strict.parse(text.encode()) == json.loads(text) == value


@settings(max_examples=300)
@given(st.binary() | fragments.map(str.encode) | json_values.map(strict.dumps))
@example(b'{"a":' * 3000)
def test_parse_answers_any_bytes(body: bytes) -> None:
    """A value, or one of our refusals; never another exception."""
    try:
        value = strict.parse(body)
    except (Malformed, Invalid):
        return

    assert value == json.loads(body)


@given(json_values)
def test_dumps_is_read_back(value: Any) -> None:
    assert strict.parse(strict.dumps(value)) == value


def test_dumps_writes_whole_numbers_beyond_64_bits_as_floats() -> None:
    value = {"a": [10**300, (-(2**70), True)], "b": 2**63 - 1, "c": {"d": 10**400}}

    read = json.loads(strict.dumps(value))

    assert read == {
        "a": [1e300, [-(2.0**70), True]],
        "b": 2**63 - 1,
        "c": {"d": "1" + "0" * 400},
    }
    assert type(read["a"][0]) is float
    with pytest.raises(TypeError, match="str"):
        strict.dumps("\ud800")


def test_dumps_writes_what_django_hands_out() -> None:
    from django.utils.functional import lazystr  # noqa: PLC0415 - beside the one use
    from django.utils.safestring import mark_safe  # noqa: PLC0415 - beside the one use

    value = {
        "lazy": lazystr("late"),
        "safe": mark_safe("<b>"),
        "at": datetime(2026, 1, 15, 10, 30, tzinfo=UTC),
        "pair": (1, 2),
        "set": {3},
        1: "number",
    }

    assert json.loads(strict.dumps(value)) == {
        "lazy": "late",
        "safe": "<b>",
        "at": "2026-01-15T10:30:00Z",
        "pair": [1, 2],
        "set": [3],
        "1": "number",
    }


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["a:b", '"', "\\", "[", "}", "-0", "1e9", "x" * 30]),
)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


def _outcome(read: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        value = read(body)
    except AppError as error:
        return type(error), error.message
    return repr(value)  # tells 1 from 1.0 and True, and 0.0 from -0.0


def _strictly(body: bytes) -> Any:
    return strict._parse_strictly(body, strict.MAX_DEPTH)


@given(_TREES, st.booleans())
def test_the_quick_way_reads_what_the_strict_one_reads(tree: Any, is_spaced: bool) -> None:
    separators = (" , ", " : ") if is_spaced else (",", ":")
    body = json.dumps(tree, separators=separators, ensure_ascii=False)

    raw = body.encode("utf-8", "surrogatepass")

    assert _outcome(strict.parse, raw) == _outcome(_strictly, raw)


@given(st.text(alphabet='{}[]":,0123456789.eE-+truefalsn \\u', max_size=40))
def test_the_quick_way_refuses_what_the_strict_one_refuses(text: str) -> None:
    assert _outcome(strict.parse, text.encode()) == _outcome(_strictly, text.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":2}',
        b'{"a" :1, "a": {"b:c":":"}}',
        b'[{"k":":"},{"k":"v","k":":"}]',
        b"-0",
        b"-0.0",
    ],
)
def test_keys_that_stand_twice_and_zeros_are_read_alike(body: bytes) -> None:
    assert _outcome(strict.parse, body) == _outcome(_strictly, body)
