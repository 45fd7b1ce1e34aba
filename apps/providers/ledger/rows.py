"""What the rows say was spent: where a ledger starts from, and what it is corrected by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Case, Sum, Value, When

from apps.core.tenancy import unscoped
from apps.providers.domain.budgets import NOTHING, Amount, Meter
from apps.providers.enums import BudgetScope, Period
from apps.providers.ledger.protocol import Former
from apps.providers.models import BudgetSpend


def read_rows(organization: int, meters: Sequence[Meter], epoch: str) -> list[Former]:
    """One answer for each meter, in their order; nothing spent where there is no row. Blocking, one query."""
    found: dict[Meter, dict[bool, Amount]] = {}
    for scope, subject, period, begins, is_present, nano, tokens in _sums(
        organization, meters, epoch
    ):
        meter = Meter(BudgetScope(scope), subject, Period(period), begins)
        found.setdefault(meter, {})[is_present] = Amount(nano, tokens)
    return [_former(meter, found.get(meter, {})) for meter in meters]


def _sums(organization: int, meters: Sequence[Meter], epoch: str) -> list[tuple[Any, ...]]:
    """A few rows too many (the product of what is asked for) are cheaper than a condition for each."""
    with unscoped(reason="named by number: the ledger serves every organisation, on any thread"):
        rows = BudgetSpend.objects.filter(
            organization_id=organization,
            subject__in={meter.subject for meter in meters},
            begins__in={meter.begins for meter in meters},
        )
        present = Case(When(epoch=epoch, then=Value(True)), default=Value(False))
        grouped = rows.values("scope", "subject", "period", "begins", is_present=present)
        return list(
            grouped.annotate(nano=Sum("cost_nano"), tokens_sum=Sum("tokens")).values_list(
                "scope", "subject", "period", "begins", "is_present", "nano", "tokens_sum"
            )
        )


def _former(meter: Meter, sums: dict[bool, Amount]) -> Former:
    return Former(meter, sums.get(False, NOTHING), sums.get(True, NOTHING))
