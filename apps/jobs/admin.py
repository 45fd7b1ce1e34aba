"""Jobs for the operator: every organisation's, to look at, cancel and try again; and the house's own schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.actor import Actor
from apps.core.admin import OperatorAdmin, say_refusal
from apps.core.errors import AppError
from apps.core.tenancy import organization_scope
from apps.jobs.domain.schedule import scheduled_named
from apps.jobs.models import Job, Periodic
from apps.jobs.services import submissions
from apps.tenants.queries.identities import identity_of_operator


@admin.register(Job)
class JobAdmin(OperatorAdmin):
    list_display = (
        "public_id", "kind", "organization", "state", "percent", "priority", "creator_name", "attempts",
        "created_at", "started_at", "finished_at",
    )  # fmt: skip
    list_filter: ClassVar[Any] = (
        "state",
        "priority",
        "kind",
        ("organization", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("organization",)
    search_fields = ("kind", "creator_name", "dedupe_key")
    ordering = ("-pk",)
    actions = ("cancel", "retry")
    fields = (
        "public_id", "organization", "kind", "state", "priority", "percent", "message", "steps", "payload",
        "result", "error", "attempts", "max_attempts", "losses", "worker", "claim", "lease_until", "run_at",
        "parent", "dedupe_key", "callback_url", "creator", "creator_name", "request_id", "created_at",
        "started_at", "finished_at", "cancel_requested_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("payload", "result", "authority")

    @admin.display(description=gettext_lazy("progress"), ordering="progress")
    def percent(self, job: Job) -> str:
        return f"{job.progress:.0f} %"

    @admin.action(description=gettext_lazy("Cancel the chosen jobs"), permissions=["view"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Job]) -> None:
        done = _each(request, rows, submissions.cancel_job)
        messages.success(request, _("Cancelled: %(count)d") % {"count": done})

    @admin.action(description=gettext_lazy("Try the chosen jobs again"), permissions=["view"])
    def retry(self, request: HttpRequest, rows: QuerySet[Job]) -> None:
        done = _each(request, rows, submissions.retry_job)
        messages.success(request, _("Queued again: %(count)d") % {"count": done})


@admin.register(Periodic)
class PeriodicAdmin(OperatorAdmin):
    """What the house does again and again. The rules stand in the code; cron expressions are read in UTC."""

    list_display = ("name", "rule", "next_at", "last_at")
    fields = list_display
    readonly_fields = fields
    ordering = ("name",)

    @admin.display(description=gettext_lazy("rule (UTC)"))
    def rule(self, row: Periodic) -> str:
        scheduled = scheduled_named(row.name)
        return scheduled.rule_text if scheduled else _("no longer declared")


def _each(request: HttpRequest, rows: QuerySet[Job], deed: Callable[..., Job]) -> int:
    """Each in its own organisation; refusals are said, the rest is done."""
    done = 0
    for job in rows.select_related("organization"):
        try:
            with organization_scope(job.organization_id):
                deed(actor=_operator(request, job.organization), job_id=job.public_id)
            done += 1
        except AppError as error:
            say_refusal(request, error)
    return done


def _operator(request: Any, organization: Any) -> Actor:
    identity = identity_of_operator(request.user, request.session.session_key or "", organization)
    return Actor(identity, getattr(request, "request_id", ""), getattr(request, "address", ""))
