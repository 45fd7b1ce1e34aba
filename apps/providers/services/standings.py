"""Where budgets stand at this moment: what was spent, and what calls under way hold in the ledger.

Writes nothing. It stands here because it asks two neighbours, the rows and the ledger, that do not know each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils import timezone

from apps.core.actor import Actor, SpendingBound
from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.permissions import require
from apps.providers.domain.budgets import EVERYBODY, Bound, Standing, meter_of, to_nano
from apps.providers.enums import BudgetScope, Period
from apps.providers.errors import LedgerRebuilding
from apps.providers.ledger import rows
from apps.providers.ledger.factory import get_ledger
from apps.providers.models import Budget
from apps.providers.permissions import ProvidersPermission


def of_budgets(*, actor: Actor, budgets: Iterable[Budget]) -> dict[str, Standing]:
    """By the budget's id. One for everybody is as many as there are users, so it has none."""
    known = [budget for budget in budgets if budget.subject != EVERYBODY]
    found = _standings(actor, [_bound(budget) for budget in known])
    return {budget.public_id: one for budget, one in zip(known, found, strict=True)}


def of_key(*, actor: Actor, key_id: str, own: SpendingBound) -> Standing:
    """Of the budget that stands on the key itself."""
    meter = meter_of(BudgetScope.KEY, key_id, Period(own.period), timezone.now())
    return _standings(actor, [Bound(meter, own.nano, own.tokens)])[0]


def _standings(actor: Actor, bounds: Sequence[Bound]) -> Sequence[Standing]:
    """From the rows alone while the ledger cannot say: then nothing is told of what is held."""
    require(actor, ProvidersPermission.USAGE_VIEW)
    if not bounds:
        return ()
    try:
        return get_ledger().peek_now(actor.organization_id, bounds)
    except (LedgerRebuilding, LimitStoreUnavailable):
        told = rows.read_rows(actor.organization_id, [bound.meter for bound in bounds], epoch="")
        return [
            Standing(bound, one.former.plus(one.present))
            for bound, one in zip(bounds, told, strict=True)
        ]


def _bound(budget: Budget) -> Bound:
    meter = meter_of(
        BudgetScope(budget.scope), budget.subject, Period(budget.period), timezone.now()
    )
    nano = None if budget.amount is None else to_nano(budget.amount)
    return Bound(meter, nano, budget.tokens)
