"""The time an operation may take: looked at between resolvers, and set on the database for what they wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.db import DatabaseError, OperationalError, connection
from graphql import ExecutionContext, FieldNode, GraphQLError, GraphQLObjectType
from graphql.pyutils import Path

from apps.core.errors import TimedOut
from apps.core.graphql.context import SECONDS, GraphContext

STEPS_BETWEEN_LOOKS = 20_000


class TimedExecution(ExecutionContext):
    """Looks at the clock before each field."""

    def execute_field(
        self, parent_type: GraphQLObjectType, source: Any, field_nodes: list[FieldNode], path: Path
    ) -> Any:
        if self.context_value.is_late:
            raise GraphQLError(
                "late", field_nodes, path=path.as_list(), original_error=TimedOut(code="deadline")
            )
        return super().execute_field(parent_type, source, field_nodes, path)


@contextmanager
def database_deadline(context: GraphContext) -> Iterator[None]:
    """Within it a statement ends with the operation's time, and then reads as `TimedOut`."""
    limit = _limit()
    try:
        with limit(context):
            yield
    except OperationalError:
        context.check_deadline()
        raise


def _limit() -> Callable[[GraphContext], AbstractContextManager[None]]:
    try:
        connection.ensure_connection()
    except DatabaseError:
        # What needs no database is answered without it: `health` says that it is away.
        return _no_limit
    return _sqlite_limit if connection.vendor == "sqlite" else _postgres_limit


@contextmanager
def _no_limit(_: GraphContext) -> Iterator[None]:
    yield


@contextmanager
def _sqlite_limit(context: GraphContext) -> Iterator[None]:
    raw: Any = connection.connection
    raw.set_progress_handler(lambda: context.is_late, STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)


@contextmanager
def _postgres_limit(_: GraphContext) -> Iterator[None]:
    _execute(f"SET statement_timeout = {int(SECONDS * 1000)}")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            _reset()


def _reset() -> None:
    try:
        _execute("RESET statement_timeout")  # to what the connection was opened with
    except DatabaseError:
        if not connection.in_atomic_block:
            connection.close()


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
