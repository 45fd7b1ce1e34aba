"""Dropping old rows without holding up those who write: a few hundred at a time, each batch a transaction of its own."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

BATCH = 500


def drop_in_batches(rows: QuerySet[Any], *, batch: int = BATCH) -> int:
    """Delete these rows and answer how many. What a cascade takes along is not counted."""
    dropped = 0
    while True:
        keys = list(rows.order_by("pk").values_list("pk", flat=True)[:batch])
        # The condition again: a row may have been taken up anew since it was chosen.
        rows.filter(pk__in=keys).delete()
        dropped += len(keys)
        if len(keys) < batch:
            return dropped
