"""The tick of the schedule: every process may look, one does each tick, in the transaction that moves its row on."""

from __future__ import annotations

from datetime import datetime
from time import monotonic

import structlog
from django.db import connection, transaction
from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.jobs.domain.schedule import Scheduled, all_scheduled, next_after
from apps.jobs.models import Periodic

log = structlog.get_logger(__name__)
LOOK_SECONDS = 1.0
_looked_at = float("-inf")


def tick(*, now: datetime | None = None) -> int:
    """Do what is due; answers how much was done here. Looks at most once a second unless told the time."""
    global _looked_at
    if now is None and monotonic() - _looked_at < LOOK_SECONDS:
        return 0
    _looked_at = monotonic()
    moment = now or timezone.now()
    due_at = dict(Periodic.objects.values_list("name", "next_at"))
    due = [
        each for each in all_scheduled() if each.name not in due_at or due_at[each.name] <= moment
    ]
    return sum(_tick_one(each, moment) for each in due)


def _tick_one(scheduled: Scheduled, moment: datetime) -> bool:
    try:
        with unscoped(reason="the schedule is the house's own"), transaction.atomic():
            return _tick_locked(scheduled, moment)
    except Exception:  # one that fails is due again at the next look, and the others go on
        log.exception("schedule_failed", name=scheduled.name)
        return False


def _tick_locked(scheduled: Scheduled, moment: datetime) -> bool:
    Periodic.objects.get_or_create(name=scheduled.name, defaults={"next_at": moment})
    can_skip = connection.features.has_select_for_update_skip_locked
    rows = Periodic.objects.filter(name=scheduled.name, next_at__lte=moment)
    row = rows.select_for_update(skip_locked=can_skip).first()
    if row is None:
        return False  # another process did it
    due = row.next_at
    row.last_at, row.next_at = moment, next_after(due, scheduled.every, moment)
    row.save(update_fields=["last_at", "next_at"])
    scheduled.tick(due)
    return True
