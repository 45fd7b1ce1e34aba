"""How many jobs wait, of all organisations: a reading of the house for `system.metrics`."""

from __future__ import annotations

from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.jobs.domain.states import State
from apps.jobs.models import Job

MOST = 100_000
"""Counted no further: a reading is taken every few seconds."""


def queue_depth() -> int:
    """Jobs that are due and not begun."""
    with unscoped(reason="one queue serves every organization"):
        due = Job.objects.filter(state=State.QUEUED, run_at__lte=timezone.now())
        return due.order_by()[:MOST].count()
