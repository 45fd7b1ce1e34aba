"""The tables of jobs: the work itself, turns between organisations, the schedule, counts."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.core.ids import PublicIdField
from apps.core.tenancy import TenantModel
from apps.jobs.domain.priorities import Priority
from apps.jobs.domain.states import State

STATES = [(state.value, state.value) for state in State]
PRIORITIES = [(priority.value, priority.word) for priority in Priority]
UNFINISHED = (State.QUEUED.value, State.RUNNING.value)


class Job(TenantModel):
    """One piece of work. Whoever runs it holds the lease; `claim` grows at each claim and fences off the one before.

    `losses` counts the attempts whose process died: such a job runs in a child process of its own from then on.
    `is_waiting`: it is running in that its children are; nobody holds it, and its last child's end ends it.
    `authority` is what its creator was when asking; at the run it is compared with what the creator is by then.
    """

    public_id = PublicIdField(prefix="job")
    kind = models.CharField(max_length=80)
    state = models.CharField(max_length=10, choices=STATES, default=State.QUEUED)
    priority = models.PositiveSmallIntegerField(choices=PRIORITIES, default=Priority.NORMAL)
    payload = models.JSONField(default=dict)
    result = models.JSONField(null=True)
    error = models.JSONField(null=True)
    progress = models.FloatField(default=0.0)
    message = models.CharField(max_length=500, blank=True)
    steps = models.JSONField(default=list)
    attempts = models.PositiveIntegerField(default=0)
    losses = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField(default=3)
    run_at = models.DateTimeField(default=timezone.now)
    claim = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=80, blank=True)
    is_waiting = models.BooleanField(default=False)
    cancel_requested_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    creator = models.CharField(max_length=80, blank=True)
    creator_name = models.CharField(max_length=255, blank=True)
    authority = models.JSONField(default=dict)
    request_id = models.CharField(max_length=128, blank=True)
    callback_url = models.CharField(max_length=2000, blank=True)
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    dedupe_key = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "kind", "dedupe_key"),
                condition=Q(state__in=UNFINISHED) & ~Q(dedupe_key=""),
                name="jobs_job_one_unfinished_by_key",
            ),
            models.CheckConstraint(
                condition=Q(progress__gte=0, progress__lte=100),
                name="jobs_job_progress_is_percentage",
            ),
        )
        indexes = (
            models.Index(
                fields=("organization", "priority", "run_at", "id"),
                condition=Q(state="queued"),
                name="jobs_job_next_of_organization",
            ),
            models.Index(
                fields=("organization", "run_at"),
                condition=Q(state="queued"),
                name="jobs_job_earliest_queued",
            ),
            models.Index(
                fields=("lease_until",), condition=Q(state="running"), name="jobs_job_running_lease"
            ),
            models.Index(
                fields=("finished_at",),
                condition=Q(finished_at__isnull=False),
                name="jobs_job_finished",
            ),
            models.Index(fields=("organization", "-id"), name="jobs_job_newest"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"


class Turn(TenantModel):
    """An organisation with work waiting, and when it was served last: the fair share between organisations.

    One row an organisation, made by its first job and kept. `next_at` is no later than its earliest queued job's
    `run_at`, so that a worker finds who has work without looking at the queue itself; null: believed empty.
    `look_at` and `looks_until`: for a while after it was found empty, look again all the same (`services.claims`).
    """

    served_at = models.DateTimeField(default=timezone.now)
    next_at = models.DateTimeField(null=True)
    look_at = models.DateTimeField(null=True)
    looks_until = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("organization",), name="jobs_turn_one_an_organization"),
        )
        indexes = (
            models.Index(
                fields=("served_at",),
                condition=Q(next_at__isnull=False) | Q(look_at__isnull=False),
                name="jobs_turn_waiting",
            ),
        )

    def __str__(self) -> str:
        return f"turn of {self.organization_id}"


class Periodic(models.Model):
    """A kind that runs again and again for the house itself; the row is locked by whoever ticks it."""

    name = models.CharField(max_length=80, primary_key=True)
    next_at = models.DateTimeField()
    last_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "periodic work"
        verbose_name_plural = "periodic work"

    def __str__(self) -> str:
        return self.name


class Tally(TenantModel):
    """How many of an organisation's jobs of a kind came to what, since its beginning; `services.tallies` adds to it."""

    kind = models.CharField(max_length=80)
    outcome = models.CharField(max_length=10)
    count = models.PositiveBigIntegerField(default=0)
    seconds = models.FloatField(default=0.0)
    buckets = models.JSONField(default=list)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "kind", "outcome"), name="jobs_tally_one_an_outcome"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.outcome}: {self.count}"
