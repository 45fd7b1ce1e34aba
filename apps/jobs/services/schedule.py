"""The tick of the schedule: every process may look, one does each tick, in the transaction that moves its row on."""

from __future__ import annotations

from datetime import datetime
from time import monotonic

import structlog
from django.db import connection, transaction
from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.jobs.domain.schedule import Scheduled, all_scheduled
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
    next_at = dict(Periodic.objects.values_list("name", "next_at"))
    due = [each for each in all_scheduled() if _is_due(each, next_at.get(each.name), moment)]
    return sum(_tick_one(each, moment) for each in due)


def _is_due(scheduled: Scheduled, next_at: datetime | None, moment: datetime) -> bool:
    """Something is to be done: a tick, or its row put right."""
    return next_at is None or next_at <= moment or scheduled.is_astray(next_at, moment)


def _tick_one(scheduled: Scheduled, moment: datetime) -> bool:
    try:
        with unscoped(reason="the schedule is the house's own"), transaction.atomic():
            return _tick_locked(scheduled, moment)
    except Exception:  # one that fails is due again at the next look, and the others go on
        log.exception("schedule_failed", name=scheduled.name)
        return False


def _tick_locked(scheduled: Scheduled, moment: datetime) -> bool:
    first = scheduled.first(moment)
    Periodic.objects.get_or_create(name=scheduled.name, defaults={"next_at": first})
    can_skip = connection.features.has_select_for_update_skip_locked
    rows = Periodic.objects.filter(name=scheduled.name)
    row = rows.select_for_update(skip_locked=can_skip).first()
    if row is None:
        return False  # another process is at it
    due = row.next_at
    if due > moment:  # another process did it, or it is astray
        if scheduled.is_astray(due, moment):
            row.next_at = scheduled.next(moment, moment)
            row.save(update_fields=["next_at"])
        return False
    row.last_at, row.next_at = moment, scheduled.next(due, moment)
    row.save(update_fields=["last_at", "next_at"])
    scheduled.tick(due)
    return True
