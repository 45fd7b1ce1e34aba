"""How long an answer to a login waits, by the account's recent failures. A delay and never a lockout."""

from __future__ import annotations

from apps.core.limits.rates import Rate

REMEMBERED = Rate(20, 15 * 60)
"""Failures of one account, from all addresses together; past twenty the pause has long stopped growing."""
FREE_FAILURES = 3
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 2.0


def pause_after(failures: int) -> float:
    """Seconds; doubles from the fourth failure on."""
    if failures < FREE_FAILURES:
        return 0.0
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (failures - FREE_FAILURES))
