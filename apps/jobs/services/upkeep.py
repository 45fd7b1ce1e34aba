"""The net under the queue, and the end of what ended long ago."""

from __future__ import annotations

from datetime import datetime, timedelta
from time import monotonic

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.jobs.domain.states import FINAL, State
from apps.jobs.models import UNFINISHED, Job, Turn
from apps.jobs.services import doorbell, families, queue

HEAL_SECONDS = 15.0
UNSEEN_FOR = timedelta(seconds=10)
AT_ONCE = timedelta(seconds=1)
"""A job that was to run no later than this after its submission was not meant for a moment of its own."""
FORGET_ROWS = 500
REASON = "the sweeper serves every organization"
_healed_at = float("-inf")


def heal() -> int:
    """Wake organisations that have work due and no look to come, end parents that wait for nobody. Now and then."""
    global _healed_at
    if monotonic() - _healed_at < HEAL_SECONDS:
        return 0
    _healed_at = monotonic()
    return heal_now(now=timezone.now())


def heal_now(*, now: datetime) -> int:
    with unscoped(reason=REASON):
        asleep = Turn.objects.filter(next_at__isnull=True).values("organization_id")
        unseen = Job.objects.filter(
            state=State.QUEUED, run_at__lt=now - UNSEEN_FOR, organization_id__in=asleep
        )
        numbers = sorted(set(unseen.values_list("organization_id", flat=True)[:FORGET_ROWS]))
        for number in numbers:
            queue.wake_turn(number, now)
        with transaction.atomic():
            ended = families.settle_forgotten()
    if numbers:
        doorbell.hear()
    return len(numbers) + ended


def follow_clock_back() -> int:
    """The clock was set back: what was to run at once when it was submitted would wait until it is that late again."""
    now = timezone.now()
    with unscoped(reason=REASON), transaction.atomic():
        ahead = Job.objects.filter(state=State.QUEUED, created_at__gt=now, run_at__gt=now)
        at_once = ahead.filter(run_at__lte=F("created_at") + AT_ONCE)
        numbers = sorted(set(at_once.values_list("organization_id", flat=True)))
        moved = at_once.update(run_at=now)
        for number in numbers:
            queue.wake_turn(number, now)
    return moved


def forget_old_jobs(*, now: datetime | None = None) -> int:
    """Delete jobs that ended before the retention, with their children, a batch at a time."""
    before = (now or timezone.now()) - settings.SIGNALBOX_JOB_RETENTION
    with unscoped(reason="retention is the house's own"):
        ended = Job.objects.filter(state__in=FINAL, finished_at__lt=before, parent=None)
        busy = Job.objects.filter(state__in=UNFINISHED, parent__isnull=False).values("parent_id")
        numbers = list(ended.exclude(pk__in=busy).values_list("pk", flat=True)[:FORGET_ROWS])
        deleted, _ = Job.objects.filter(pk__in=numbers).delete()
    return deleted
