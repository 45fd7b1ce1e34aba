"""Django's `flush`, which on SQLite deletes row by row and would run into the audit trail's locks."""

from __future__ import annotations

from typing import Any

from django.core.management.commands.flush import Command as DjangoFlush
from django.db import connections, transaction

from apps.events.domain import triggers


class Command(DjangoFlush):
    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "sqlite":
            super().handle(**options)  # TRUNCATE fires no row trigger
            return
        with transaction.atomic(using=connection.alias):
            _run(connection, triggers.lifting("sqlite"))
            super().handle(**options)
            _run(connection, triggers.locking("sqlite"))


def _run(connection: Any, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
