"""What may be spent, and what was, by scope and period."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from apps.core.ids import PublicIdField
from apps.core.tenancy import TenantModel
from apps.providers.enums import BudgetScope, Period

SCOPES = [(scope.value, scope.value) for scope in BudgetScope]
PERIODS = [(period.value, period.value) for period in Period]


class Budget(TenantModel):
    """A bound on one subject's money or tokens. A key's own budget stands on the key; one here is beside it."""

    public_id = PublicIdField(prefix="budget")
    scope = models.CharField(max_length=12, choices=SCOPES)
    subject = models.CharField(max_length=255, blank=True)
    """Empty for the organization, a key's public id, or an end user's name; `*` is each end user by themselves."""
    period = models.CharField(max_length=5, choices=PERIODS)
    amount = models.DecimalField(max_digits=20, decimal_places=9, null=True)
    """Dollars."""
    tokens = models.BigIntegerField(null=True)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "scope", "subject", "period"),
                name="providers_budget_once",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__isnull=False) | models.Q(tokens__isnull=False),
                name="providers_budget_bounds_something",
            ),
        )

    def __str__(self) -> str:
        return f"{self.scope} {self.subject} {self.period}"


class BudgetSpend(TenantModel):
    """What a subject has spent in a period, in one life of the ledger: what a rebuilt ledger starts from."""

    scope = models.CharField(max_length=12, choices=SCOPES)
    subject = models.CharField(max_length=255, blank=True)
    period = models.CharField(max_length=5, choices=PERIODS)
    begins = models.DateField()
    """The period's first day; 1970-01-01 for the total."""
    epoch = models.CharField(max_length=32, blank=True)
    cost_nano = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "scope", "subject", "period", "begins", "epoch"),
                name="providers_spend_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.scope} {self.subject} {self.begins}"
