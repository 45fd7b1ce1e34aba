"""What a budget is: scopes, periods in UTC, amounts as whole numbers. No clock, no store.

Money is billionths of a dollar (nano) and tokens are tokens, so that sums come out the same in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Final, NamedTuple

from apps.providers.enums import BudgetScope, Period

NANO: Final = 1_000_000_000
EVERYBODY: Final = "*"
"""As the subject of an end user's budget: each end user by themselves."""
FOREVER: Final = date(1970, 1, 1)
"""The first day of the total, which never begins anew."""


class Amount(NamedTuple):
    """Money and tokens of one call, or of many."""

    nano: int = 0
    tokens: int = 0

    def plus(self, other: Amount) -> Amount:
        return Amount(self.nano + other.nano, self.tokens + other.tokens)

    def minus(self, other: Amount) -> Amount:
        return Amount(self.nano - other.nano, self.tokens - other.tokens)


NOTHING: Final = Amount()


class Meter(NamedTuple):
    """What is counted together: one subject's spending in one period, within one organization."""

    scope: BudgetScope
    subject: str
    """Empty for the organization, a key's public id, an end user's name."""
    period: Period
    begins: date


@dataclass(frozen=True, slots=True)
class Bound:
    """How far a meter may go; None is no bound on that side."""

    meter: Meter
    nano: int | None = None
    tokens: int | None = None


@dataclass(slots=True)
class Standing:
    """Where a bound stands: what was spent and what calls under way hold."""

    bound: Bound
    spent: Amount
    held: Amount = NOTHING

    @property
    def left(self) -> tuple[int | None, int | None]:
        """Nano-dollars and tokens that are neither spent nor held; None is no bound."""
        return (
            _left(self.bound.nano, self.spent.nano + self.held.nano),
            _left(self.bound.tokens, self.spent.tokens + self.held.tokens),
        )


def begins_of(period: Period, at: datetime) -> date:
    """The first day of the period that a moment lies in, in UTC."""
    day = at.astimezone(UTC).date()
    match period:
        case Period.DAY:
            return day
        case Period.MONTH:
            return day.replace(day=1)
        case Period.TOTAL:
            return FOREVER


def ends_of(period: Period, begins: date) -> date | None:
    """The first day of the period after it; None for the total."""
    match period:
        case Period.DAY:
            return begins + timedelta(days=1)
        case Period.MONTH:
            return (begins.replace(day=28) + timedelta(days=4)).replace(day=1)
        case Period.TOTAL:
            return None


def meter_of(scope: BudgetScope, subject: str, period: Period, at: datetime) -> Meter:
    return Meter(scope, subject, period, begins_of(period, at))


def to_nano(dollars: Decimal | float | str) -> int:
    """Whole billionths; what is smaller than one is let go."""
    exact = Decimal(repr(dollars) if isinstance(dollars, float) else dollars)
    return int((exact * NANO).to_integral_value(ROUND_FLOOR))


def to_dollars(nano: int) -> Decimal:
    return Decimal(nano) / NANO


def _left(bound: int | None, used: int) -> int | None:
    return None if bound is None else max(0, bound - used)
