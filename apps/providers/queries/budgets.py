"""Reading budgets, each with what was spent in the period that runs. Of calls of the last moment rows may not know."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import (
    Case,
    DateField,
    F,
    OuterRef,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.permissions import require
from apps.core.text import is_misleading
from apps.providers.domain.budgets import begins_of
from apps.providers.enums import Period
from apps.providers.models import Budget, BudgetSpend
from apps.providers.permissions import ProvidersPermission


def budgets(
    *,
    actor: Actor,
    scope: str | None = None,
    subject: str | None = None,
    at: datetime | None = None,
) -> QuerySet[Budget]:
    """The organization's first, then keys', then end users'."""
    require(actor, ProvidersPermission.USAGE_VIEW)
    found = Budget.objects.order_by("-scope", "subject", "period", "pk")
    if scope is not None:
        found = found.none() if is_misleading(scope) else found.filter(scope=scope)
    if subject is not None:
        found = found.none() if is_misleading(subject) else found.filter(subject=subject)
    return _with_spent(found, at or timezone.now())


def budget(*, actor: Actor, budget_id: str) -> Budget:
    """Raises `NotFound`."""
    found = budgets(actor=actor).filter(public_id=budget_id).first()
    if found is None:
        raise NotFound
    return found


def _with_spent(found: QuerySet[Budget], at: datetime) -> QuerySet[Budget]:
    begins = [When(period=period, then=Value(begins_of(period, at))) for period in Period]
    found = found.annotate(begins=Case(*begins, output_field=DateField()))
    return found.annotate(spent_nano=_spent("cost_nano"), spent_tokens=_spent("tokens"))


def _spent(column: str) -> Any:
    """Over every life of the ledger. Null where nothing was spent, and for a budget of everybody's own."""
    rows = BudgetSpend.objects.filter(
        scope=OuterRef("scope"),
        subject=OuterRef("subject"),
        period=OuterRef("period"),
        begins=OuterRef("begins"),
    ).order_by()
    return Subquery(rows.values(one=F("scope")).annotate(sum=Sum(column)).values("sum"))
