"""Rows checked by columns come out as the checker makes them one by one, right and wrong alike."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import Invalid
from apps.models.domain.columns import ColumnChecker
from apps.models.domain.schema import compile_schema, read_schema

SCHEMA = read_schema(
    {
        "tenure": {"type": "integer", "min": 0, "max": 100},
        "charges": {"type": "number", "min": -1.5},
        "grade": {"type": "number", "enum": [1, 2.5]},
        "contract": {"type": "string", "enum": ["a", "b"]},
        "phone": {"type": "boolean"},
        "note": {"type": "string", "required": False},
    }
)
CHECKER = compile_schema(SCHEMA)
COLUMNS = ColumnChecker(SCHEMA, CHECKER)
GOOD: dict[str, Any] = {
    "tenure": 3,
    "charges": 2.5,
    "grade": 2.5,
    "contract": "a",
    "phone": True,
    "note": "x",
}
WORDS = {name: spec for name, spec in SCHEMA.items() if name != "note"}
NUMBERED = compile_schema(WORDS)
WHOLE = ColumnChecker(WORDS, NUMBERED)


def outcome(checker: Any, row: Any) -> str:
    try:
        return repr(checker.check(row))
    except Invalid as error:
        return repr([(each.field, each.message) for each in error.fields])


def told(result: Any) -> str:
    if isinstance(result, Invalid):
        return repr([(each.field, each.message) for each in result.fields])
    return repr(result)


VALUES = st.one_of(
    st.integers(-(2**64), 2**64),
    st.floats(),
    st.booleans(),
    st.none(),
    st.sampled_from(["a", "b", "c", 1, 2.5, 2, 3.0, -0.0, [], {}]),
)
ROWS = st.lists(
    st.one_of(
        st.just({name: GOOD[name] for name in WORDS}),
        st.fixed_dictionaries(dict.fromkeys(WORDS, VALUES)),
        st.dictionaries(st.sampled_from([*WORDS, "other"]), VALUES, max_size=6),
        st.none(),
    ),
    min_size=8,
    max_size=12,
)


@given(ROWS)
def test_columns_say_what_the_checker_says(rows: list[Any]) -> None:
    assert [told(each) for each in WHOLE.check(rows)] == [outcome(NUMBERED, row) for row in rows]


@pytest.mark.parametrize("charges", [-0.0, 3, float("nan"), float("inf"), 1e308, 2**63, -2])
def test_one_odd_number_among_many_is_read_as_alone(charges: Any) -> None:
    good = {name: GOOD[name] for name in WORDS}
    rows = [dict(good) for _ in range(9)] + [{**good, "charges": charges}]

    assert [told(each) for each in WHOLE.check(rows)] == [outcome(NUMBERED, row) for row in rows]


def test_features_that_are_left_out_are_filled_in() -> None:
    rows = [{name: GOOD[name] for name in WORDS} for _ in range(9)]

    assert COLUMNS.check(rows) == [(3, 2.5, 2.5, "a", True, None)] * 9
