"""Budgets: set, changed, lifted. Every process follows within a second; calls under way keep what they hold."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from apps.core import bus
from apps.core.actor import Actor
from apps.core.changes import announce_change
from apps.core.errors import Conflict, Invalid, NotFound, Stale
from apps.core.permissions import require
from apps.keys.queries.names import is_key_here
from apps.providers import topics
from apps.providers.domain import budget_terms as terms
from apps.providers.enums import BudgetScope
from apps.providers.models import Budget
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import budgets as queries
from apps.providers.services.announcing import refuse_more

MOST_BUDGETS = 1000


def create_budget(
    *,
    actor: Actor,
    scope: str,
    period: str,
    subject: str = "",
    amount: Any = None,
    tokens: Any = None,
) -> Budget:
    """What was spent since the period began counts already. Raises `PermissionDenied`, `Invalid`, `Conflict` when the
    subject has one for this period, `TooMany`.
    """
    require(actor, ProvidersPermission.BUDGET_MANAGE)
    checked = terms.check_scope(scope)
    row = Budget(
        organization_id=actor.organization_id,
        scope=checked,
        subject=terms.check_subject(checked, subject),
        period=terms.check_period(period),
        amount=terms.check_amount(amount),
        tokens=terms.check_tokens(tokens),
    )
    terms.demand_bound(row.amount, row.tokens)
    if checked is BudgetScope.KEY and not is_key_here(row.subject):
        raise Invalid.field("subject", "is no key of this organization", "unknown")
    try:
        with transaction.atomic():
            refuse_more(Budget.objects.count(), MOST_BUDGETS, "budgets")
            row.save()
            _tell(actor, topics.BUDGET_CREATED, row, after=_values(row))
    except IntegrityError:
        raise Conflict("There is a budget of this subject and period already.") from None
    return queries.budget(actor=actor, budget_id=row.public_id)


def update_budget(
    *, actor: Actor, budget_id: str, expected_revision: int | None = None, **new: Any
) -> Budget:
    """Change amount or tokens; what is not named stays. Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`."""
    require(actor, ProvidersPermission.BUDGET_MANAGE)
    with transaction.atomic():
        row = _lock(budget_id, expected_revision)
        before = _values(row)
        if "amount" in new:
            row.amount = terms.check_amount(new["amount"])
        if "tokens" in new:
            row.tokens = terms.check_tokens(new["tokens"])
        terms.demand_bound(row.amount, row.tokens)
        row.revision += 1
        row.save()
        _tell(actor, topics.BUDGET_CHANGED, row, before=before, after=_values(row))
    return queries.budget(actor=actor, budget_id=row.public_id)


def remove_budget(*, actor: Actor, budget_id: str, expected_revision: int | None = None) -> None:
    """Raises `NotFound`, `PermissionDenied`, `Stale`."""
    require(actor, ProvidersPermission.BUDGET_MANAGE)
    with transaction.atomic():
        row = _lock(budget_id, expected_revision)
        row.delete()
        _tell(actor, topics.BUDGET_REMOVED, row, before=_values(row))


def _lock(budget_id: str, expected_revision: int | None) -> Budget:
    row = Budget.objects.select_for_update().filter(public_id=budget_id).first()
    if row is None:
        raise NotFound
    if expected_revision not in (None, row.revision):
        raise Stale
    return row


def _values(row: Budget) -> dict[str, Any]:
    return {
        "scope": str(row.scope),
        "subject": row.subject,
        "period": str(row.period),
        "amount": None if row.amount is None else str(row.amount.normalize()),
        "tokens": row.tokens,
    }


def _tell(
    actor: Actor,
    topic: str,
    row: Budget,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    name = f"{row.scope} {row.subject}".strip() + f" / {row.period}"
    bus.publish(
        bus.Fact(
            topic,
            organization_id=row.organization_id,
            actor=actor,
            object_id=row.public_id,
            object_name=name,
            before=before,
            after=after,
        )
    )
    announce_change(topics.BUDGETS_SCOPE + actor.identity.organization)
