"""The base of our commands: what is refused, and a database that is not ready, in one sentence instead of a traceback."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from apps.core.errors import AppError

NOT_READY = (
    "The database lacks migrations: run `manage.py migrate` first (`make up` does so itself)."
)


class HouseCommand(BaseCommand):
    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except AppError as error:
            raise CommandError(error.message) from None
        except DatabaseError:
            if _is_behind():
                raise CommandError(NOT_READY) from None
            raise


def has_pending_migrations() -> bool:
    """Whether the database is behind the code. Raises what Django raises when there is no asking it."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _is_behind() -> bool:
    try:
        return has_pending_migrations()
    except DatabaseError as error:
        reason = str(error).splitlines()[0]
        raise CommandError(f"The database does not answer: {reason}") from None
