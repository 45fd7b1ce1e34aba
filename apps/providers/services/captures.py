"""What was kept of requests and answers: from the spool into rows, and out again when its time has come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.core.housekeeping import drop_in_batches
from apps.core.spool.process import Record
from apps.core.tenancy import unscoped
from apps.providers.models import Capture
from apps.tenants.queries import organizations


def drain_captures(records: list[Record]) -> None:
    """Take a batch in, each record once; those whose organization is gone, or whose time is over, are left out."""
    now = timezone.now()
    with unscoped(reason="one spool carries the calls of every organisation"):
        rows = [row for row in map(_row, records) if row.expires_at > now]
        with transaction.atomic():
            Capture.objects.bulk_create(_of_living(rows), ignore_conflicts=True)


def sweep_captures() -> None:
    """Drop what has expired."""
    with unscoped(reason="housekeeping for every organisation"):
        drop_in_batches(Capture.objects.filter(expires_at__lte=timezone.now()))


def _row(record: Record) -> Capture:
    value: dict[str, Any] = record.value
    return Capture(
        record=record.id,
        organization_id=value["organization"],
        request_id=value["request_id"][:128],
        model=value["model"],
        key=value["key"],
        status=value["status"],
        request=value["request"],
        answer=value["answer"],
        is_cut=value["is_cut"],
        at=datetime.fromisoformat(value["at"]),
        expires_at=datetime.fromisoformat(value["expires_at"]),
    )


def _of_living(rows: Iterable[Capture]) -> list[Capture]:
    found = list(rows)
    alive = organizations.existing({row.organization_id for row in found})
    return [row for row in found if row.organization_id in alive]
