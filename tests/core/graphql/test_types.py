from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from graphql import GraphQLError, Undefined, parse_value

from apps.core.graphql.types import JSON, DateTime

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "text", ["2026-01-15T10:30:00Z", "2026-01-15T12:30:00+02:00", "2026-01-15T10:30:00"]
)
def test_datetime_is_read_as_a_moment(text: str) -> None:
    assert DateTime.parse_value(text) == datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
    assert DateTime.parse_literal(parse_value(f'"{text}"')) == datetime(
        2026, 1, 15, 10, 30, tzinfo=UTC
    )


def test_datetime_that_is_none_is_refused() -> None:
    with pytest.raises(GraphQLError):
        DateTime.parse_value("yesterday")
    assert DateTime.parse_literal(parse_value("5")) is Undefined


def test_datetime_is_written_in_utc() -> None:
    moment = datetime(2026, 1, 15, 12, 30, 0, 5, tzinfo=timezone(timedelta(hours=2)))

    assert DateTime.serialize(moment) == "2026-01-15T10:30:00.000005Z"


def test_json_literal_is_read_whole() -> None:
    assert JSON.parse_literal(parse_value('{a: [1, 2.5, "x", true]}')) == {"a": [1, 2.5, "x", True]}


@pytest.mark.parametrize("literal", ["1e999", "[-1e999]", "{a: {b: 1e999}}"])
def test_json_literal_without_end_is_refused(literal: str) -> None:
    with pytest.raises(GraphQLError, match="infinite"):
        JSON.parse_literal(parse_value(literal))
