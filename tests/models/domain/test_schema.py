"""Feature schemas: every word of a document judged, rows made canonical, every wrong feature named."""

from __future__ import annotations

import math
from time import perf_counter
from typing import Any

import pytest

from apps.core.errors import Invalid
from apps.models.domain.schema import MOST_FEATURES, Checker, compile_schema, read_schema

pytestmark = pytest.mark.unit
CHURN: dict[str, Any] = {
    "tenure": {"type": "integer", "min": 0, "max": 100},
    "monthly_charges": {"type": "number", "min": 0, "max": 200},
    "contract": {"type": "string", "enum": ["Month-to-month", "One year", "Two year"]},
    "paperless": {"type": "boolean", "default": True},
    "income": {"type": "number", "required": False},
}
ROW: dict[str, Any] = {"tenure": 12, "monthly_charges": 65, "contract": "One year"}


@pytest.fixture(scope="module")
def checker() -> Checker:
    return compile_schema(read_schema(CHURN))


def errors_of(checker: Checker, row: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(Invalid) as refused:
        checker.check(row)
    return [(each.field, each.message, each.type) for each in refused.value.fields]


def test_check_answers_the_row_in_the_schemas_order(checker: Checker) -> None:
    row = checker.check({"contract": "One year", "monthly_charges": 65, "tenure": 12.0})

    assert row == (12, 65.0, "One year", True, None)
    assert [type(value) for value in row] == [int, float, str, bool, type(None)]
    assert checker.document(row)["paperless"] is True


def test_minus_zero_is_zero(checker: Checker) -> None:
    row = checker.check({**ROW, "monthly_charges": -0.0})

    assert math.copysign(1, row[1]) == 1.0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"monthly_charges": -1}, ("monthly_charges", "must be positive", "min_value")),
        ({"tenure": 101}, ("tenure", "must be at most 100", "max_value")),
        ({"tenure": 1.5}, ("tenure", "must be an integer", "type")),
        ({"tenure": True}, ("tenure", "must be an integer", "type")),
        ({"tenure": "12"}, ("tenure", "must be an integer", "type")),
        ({"tenure": None}, ("tenure", "must be an integer", "type")),
        ({"tenure": 2**63}, ("tenure", "must fit into 64 bits", "range")),
        ({"tenure": float("nan")}, ("tenure", "must be an integer", "type")),
        ({"monthly_charges": 10**400}, ("monthly_charges", "must fit into 64 bits", "range")),
        (
            {"monthly_charges": float("nan")},
            ("monthly_charges", "must be a finite number", "finite"),
        ),
        (
            {"monthly_charges": float("inf")},
            ("monthly_charges", "must be a finite number", "finite"),
        ),
        ({"monthly_charges": [1]}, ("monthly_charges", "must be a number", "type")),
        (
            {"contract": "never"},
            ("contract", "must be among: Month-to-month, One year, Two year", "choice"),
        ),
        ({"contract": 1}, ("contract", "must be a string", "type")),
        ({"paperless": 1}, ("paperless", "must be true or false", "type")),
        ({"income": "x" * 5}, ("income", "must be a number", "type")),
        ({"extra": 1}, ("extra", "is not a feature of this model", "unknown_field")),
    ],
)
def test_a_wrong_feature_is_named(
    checker: Checker, changes: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert errors_of(checker, {**ROW, **changes}) == [expected]


def test_the_message_is_of_the_first_and_the_fields_are_all(checker: Checker) -> None:
    with pytest.raises(Invalid) as refused:
        checker.check({"tenure": -1, "contract": "x", "b": 1})

    assert refused.value.message == "tenure must be positive"
    assert [each.field for each in refused.value.fields] == [
        "tenure",
        "monthly_charges",
        "contract",
        "b",
    ]


@pytest.mark.parametrize("row", [None, [], "x", 7, True])
def test_what_is_no_object_is_refused(checker: Checker, row: Any) -> None:
    assert errors_of(checker, row) == [("features", "must be an object", "type")]


def test_ten_thousand_strangers_are_answered_shortly(checker: Checker) -> None:
    errors = errors_of(checker, {f"f{index}" * 50: 1 for index in range(10_000)})

    assert len(errors) == 20
    assert max(len(field) for field, _, _ in errors) <= 81


def test_a_check_of_ten_features_is_fast() -> None:
    ten = {f"f{index}": {"type": "number", "min": 0, "max": 9} for index in range(10)}
    checker, row = compile_schema(read_schema(ten)), {f"f{index}": 1.5 for index in range(10)}

    def seconds() -> float:
        started = perf_counter()
        for _ in range(500):
            checker.check(row)
        return (perf_counter() - started) / 500

    assert min(seconds() for _ in range(20)) < 10e-6


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (None, "feature_schema"),
        ([], "feature_schema"),
        ({}, "feature_schema"),
        ({"": {"type": "number"}}, "feature_schema"),
        ({"a\u202e": {"type": "number"}}, "feature_schema"),
        ({f"f{n}": {"type": "number"} for n in range(MOST_FEATURES + 1)}, "feature_schema"),
        ({"a": 1}, "feature_schema.a"),
        ({"a": {}}, "feature_schema.a.type"),
        ({"a": {"type": []}}, "feature_schema.a.type"),
        ({"a": {"type": "float"}}, "feature_schema.a.type"),
        ({"a": {"type": "number", "pattern": "x"}}, "feature_schema.a.pattern"),
        ({"a": {"type": "number", "min": "1"}}, "feature_schema.a.min"),
        ({"a": {"type": "number", "min": True}}, "feature_schema.a.min"),
        ({"a": {"type": "number", "max": float("inf")}}, "feature_schema.a.max"),
        ({"a": {"type": "number", "min": 2, "max": 1}}, "feature_schema.a.max"),
        ({"a": {"type": "string", "min": 1}}, "feature_schema.a.min"),
        ({"a": {"type": "string", "enum": []}}, "feature_schema.a.enum"),
        ({"a": {"type": "string", "enum": ["x", 1]}}, "feature_schema.a.enum.1"),
        ({"a": {"type": "string", "enum": ["x", "x"]}}, "feature_schema.a.enum"),
        ({"a": {"type": "integer", "enum": [5], "max": 4}}, "feature_schema.a.enum.0"),
        ({"a": {"type": "string", "enum": ["x"], "default": "y"}}, "feature_schema.a.default"),
        ({"a": {"type": "number", "required": "no"}}, "feature_schema.a.required"),
    ],
)
def test_a_wrong_document_is_named(document: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_schema(document)

    assert [each.field for each in refused.value.fields] == [field]
