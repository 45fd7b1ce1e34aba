"""What may stand in a budget as people write it. Pure; wrong ones are `Invalid`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from apps.core.errors import Invalid
from apps.core.text import clean_line
from apps.providers.domain.budgets import EVERYBODY
from apps.providers.enums import BudgetScope, Period

MOST_DOLLARS = Decimal(9_000_000)
"""In billionths, whole numbers up to here are exact in every place that adds them."""
MOST_TOKENS = 9_000_000_000_000_000
DECIMALS = 9
LONGEST_SUBJECT = 255


def check_scope(word: Any) -> BudgetScope:
    try:
        return BudgetScope(word)
    except ValueError:
        raise Invalid.field("scope", f"must be one of {', '.join(BudgetScope)}", "choice") from None


def check_period(word: Any) -> Period:
    try:
        return Period(word)
    except ValueError:
        raise Invalid.field("period", f"must be one of {', '.join(Period)}", "choice") from None


def check_subject(scope: BudgetScope, subject: str) -> str:
    """Nothing for the organization, an id for a key, a name or `*` for end users."""
    if scope is BudgetScope.ORGANIZATION:
        if subject:
            raise Invalid.field("subject", "is not taken: the organization is meant", "invalid")
        return ""
    if not subject:
        raise Invalid.field("subject", "is needed: a key's id, an end user or *", "required")
    if subject == EVERYBODY:
        if scope is BudgetScope.KEY:
            raise Invalid.field("subject", "must be a key's id", "invalid")
        return subject
    clean_line(subject, field="subject", longest=LONGEST_SUBJECT)
    return subject  # as it is: calls name their user just so


def check_amount(value: Any) -> Decimal | None:
    """Dollars above zero: a number or a decimal in a string, to nine places. None is no bound."""
    if value is None:
        return None
    amount = _decimal(value)
    if amount is None or not 0 < amount <= MOST_DOLLARS:
        raise Invalid.field("amount", f"must be above 0 and at most {MOST_DOLLARS}", "range")
    rounded = amount.quantize(Decimal(1).scaleb(-DECIMALS))
    if rounded != amount:
        raise Invalid.field("amount", f"may have {DECIMALS} decimals at most", "decimals")
    return rounded


def check_tokens(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MOST_TOKENS:
        raise Invalid.field("tokens", f"must be a whole number from 1 to {MOST_TOKENS}", "range")
    return value


def demand_bound(amount: Decimal | None, tokens: int | None) -> None:
    if amount is None and tokens is None:
        raise Invalid.field("amount", "is needed, or tokens are", "required")


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    if isinstance(value, float):
        return Decimal(repr(value)) if isfinite(value) else None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
