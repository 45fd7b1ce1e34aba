"""Numbers as people read them: counts, money, tokens, milliseconds, shares. The unit stands beside the number."""

from __future__ import annotations

from decimal import Decimal

from apps.providers.domain.budgets import to_dollars

THOUSAND, MILLION, BILLION = 1_000, 1_000_000, 1_000_000_000
SECOND_MS = 1_000.0
MINUTE_MS = 60_000.0


def count(number: int) -> str:
    """Whole up to a million, then shortened: 12,345 and 3.21 M."""
    for size, mark in ((BILLION, "B"), (MILLION, "M")):
        if abs(number) >= size:
            return f"{number / size:.2f} {mark}"
    return f"{number:,}"


def dollars(nano: int) -> str:
    """Cents where there are any dollars; three digits of what is less: $1,204.50, $0.50, $0.000126."""
    return money(to_dollars(nano))


def money(amount: Decimal) -> str:
    if amount == 0:
        return "$0"
    if abs(amount) >= 1:
        return f"${amount:,.2f}"
    digits = min(9, 2 - amount.adjusted())  # three that count; a billionth is the least there is
    whole, _, rest = f"{amount:.{digits}f}".rstrip("0").partition(".")
    return f"${whole}.{rest:0<2}"


def plain(amount: Decimal) -> Decimal:
    """The same without zeros at its end and without an exponent, as a form shows it."""
    return Decimal(f"{amount.normalize():f}")


def milliseconds(length: float | None) -> str:
    """With its unit, since that changes: 412 ms, 2.41 s, 3.2 min. Nothing where nothing was measured."""
    if length is None:
        return ""
    if length >= MINUTE_MS:
        return f"{length / MINUTE_MS:.1f} min"
    if length >= SECOND_MS:
        return f"{length / SECOND_MS:.2f} s"
    return f"{length:.1f} ms" if length < 10 else f"{length:.0f} ms"


def percent(part: int, whole: int) -> str:
    if not whole:
        return "0 %"
    share = 100 * part / whole
    return f"{share:.0f} %" if share == 0 or share >= 10 else f"{share:.2g} %"
