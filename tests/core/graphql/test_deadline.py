"""Five seconds, looked at between resolvers and held by the database."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection

from apps.core.errors import TimedOut
from apps.core.graphql import execution
from apps.core.graphql.context import GraphContext
from apps.core.graphql.deadline import database_deadline
from apps.core.graphql.execution import Operation, prepare, run

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def context_of(seconds: float) -> GraphContext:
    return GraphContext(None, "req_test", time.monotonic() + seconds)


def test_operation_past_its_deadline_is_one_error() -> None:
    prepared = prepare(Operation("{ version health a: version }", {}, None), is_anonymous=True)

    response = run(prepared, context_of(-1))

    assert response == {
        "data": None,
        "errors": [
            {
                "message": "It took too long.",
                "extensions": {"code": "TIMEOUT", "error": "deadline", "request_id": "req_test"},
            }
        ],
    }


def test_statement_past_the_deadline_is_ended() -> None:
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        if connection.vendor == "sqlite"
        else "SELECT pg_sleep(30)"
    )
    started = time.perf_counter()

    with pytest.raises(TimedOut), database_deadline(context_of(0.2)), connection.cursor() as cursor:
        cursor.execute(endless)

    assert time.perf_counter() - started < 7


def test_connection_is_left_as_it_was() -> None:
    with database_deadline(context_of(5)), connection.cursor() as cursor:
        cursor.execute("SELECT 1")

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("10s",)
        else:
            cursor.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT count(*) FROM n"
            )
            assert cursor.fetchone() == (100000,)


def test_too_many_errors_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "MAX_ERRORS", 2)
    query = "{" + " ".join(f"a{n}: auditEntries {{ totalCount }}" for n in range(5)) + "}"
    prepared = prepare(Operation(query, {}, None), is_anonymous=True)

    response: dict[str, Any] = run(prepared, context_of(5))

    assert len(response["errors"]) <= 2
