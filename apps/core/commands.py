"""The base of our commands: what is refused, and a database that is not ready, in one sentence instead of a traceback."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from apps.core.errors import AppError
from apps.core.system.health import is_behind

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
            if _lacks_migrations():
                raise CommandError(NOT_READY) from None
            raise


def _lacks_migrations() -> bool:
    try:
        return is_behind()
    except DatabaseError as error:
        reason = str(error).splitlines()[0]
        raise CommandError(f"The database does not answer: {reason}") from None
