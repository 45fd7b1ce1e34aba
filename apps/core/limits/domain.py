"""What a limiter answers, and the rules both stores share. Pure: no clock, no I/O.

Times are whole nanoseconds, so that an edge of a window is never a matter of rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from apps.core.limits.rates import Rate

SECOND: Final = 1_000_000_000
MAX_PENALTY_SECONDS: Final = 3_600


class Verdict(NamedTuple):
    """One check's answer; the hit was charged when every verdict of its hit is allowed.

    `reset_at` (epoch seconds, rounded up) is when `remaining` next grows, or, for a refused
    check, when a hit of its cost would pass. A tuple, because a dataclass costs 0.5 us more.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_at: int
    retry_after: int


def judge(rate: Rate, fits: bool, used: int, wait: int, refusals: int, epoch: int) -> Verdict:
    """Say it in whole seconds: `wait` until the next change, `epoch` the time now, both in ns."""
    limit = rate.limit
    remaining = limit - used if used < limit else 0  # a limit may have been lowered since
    reset_at = -(-(epoch + wait) // SECOND)  # rounded up: never too early
    if fits:
        return Verdict(True, limit, remaining, reset_at, 0)
    advice = retry_after(wait, refusals, rate.window_seconds)
    return Verdict(False, limit, remaining, reset_at, advice)


def retry_after(wait: int, refusals: int, window_seconds: int) -> int:
    """Ask a caller who keeps hammering to stay away longer, a little more at each refusal.

    The first refusal since an allowed hit tells the honest wait. Each further one adds a tenth of
    the window (at most 30 s), until nine windows or an hour have been added: never below the
    honest wait, never above ten windows. It is advice: a hit that fits is always let in.
    """
    honest = max(1, -(-wait // SECOND))
    if refusals <= 1:
        return honest
    penalty = (refusals - 1) * min(window_seconds, 300) // 10
    return honest + min(penalty, 9 * window_seconds, MAX_PENALTY_SECONDS)


def headers(verdict: Verdict) -> list[tuple[str, str]]:
    """Return the headers that tell a client where it stands."""
    lines = [
        ("X-RateLimit-Limit", str(verdict.limit)),
        ("X-RateLimit-Remaining", str(verdict.remaining)),
        ("X-RateLimit-Reset", str(verdict.reset_at)),
    ]
    if not verdict.allowed:
        lines.append(("Retry-After", str(verdict.retry_after)))
    return lines
