"""The limit store of a single process.

Measured on one core, uncontended: 2.8 us a hit of one check (2.9 awaited, 3.7 refused), 4.0 us of
two. A key takes 0.9 KB, and 41 bytes more for each instant still in its window.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from itertools import repeat

from apps.core.limits.domain import SECOND, Verdict, judge
from apps.core.limits.log import Log, Shelves
from apps.core.limits.store import Check, demand_costs


class MemoryLimitStore:
    """Safe in threads; the lock covers microseconds, or 5 ms when 100,000 instants of one key expire.

    Windows run on a monotonic clock, so a jump of the wall clock moves `reset_at` alone. Should
    the clock handed in step back all the same, the logs step back with it instead of freezing.

    Each new key drops up to two idle ones of its window. Above `max_keys` or `max_instants` the
    logs unused for longest go, and their hits are forgotten.
    """

    def __init__(
        self,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        epoch_ns: Callable[[], int] = time.time_ns,
        max_keys: int = 50_000,
        max_instants: int = 2_000_000,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._epoch_ns = epoch_ns
        self._shelves = Shelves(max_keys=max_keys, max_instants=max_instants)
        self._lock = threading.Lock()

    async def hit(self, checks: Sequence[Check]) -> list[Verdict]:
        return self.hit_now(checks)

    def hit_now(self, checks: Sequence[Check]) -> list[Verdict]:
        demand_costs(checks)
        with self._lock:
            now, epoch = self._monotonic_ns(), self._epoch_ns()
            logs, fits = self._charge(checks, now)
            if False in fits:
                self._withdraw(checks, logs, fits)
            else:
                for log in logs:
                    log.refusals = 0
            self._shelves.trim()
            return list(map(_tell, logs, checks, fits, repeat(now), repeat(epoch)))

    async def peek(self, checks: Sequence[Check]) -> list[Verdict]:
        return self.peek_now(checks)

    def peek_now(self, checks: Sequence[Check]) -> list[Verdict]:
        demand_costs(checks)
        with self._lock:
            now, epoch = self._monotonic_ns(), self._epoch_ns()
            logs = [self._shelves.find(key, rate.window_seconds, now) for key, rate, _ in checks]
            fits = [
                len(log) + check.cost <= check.rate.limit
                for log, check in zip(logs, checks, strict=True)
            ]
            return list(map(_tell, logs, checks, fits, repeat(now), repeat(epoch)))

    async def reset(self, key: str) -> None:
        self.reset_now(key)

    def reset_now(self, key: str) -> None:
        with self._lock:
            self._shelves.drop(key)

    async def close(self) -> None:
        """Keep everything: there is nothing to let go of."""

    def _charge(self, checks: Sequence[Check], now: int) -> tuple[list[Log], list[bool]]:
        """Charge every check that fits, so that later ones on the same log see it."""
        logs, fits = [], []
        for key, rate, cost in checks:
            log = self._shelves.open(key, rate.window_seconds, now)
            fit = len(log) + cost <= rate.limit
            if fit:
                log.charge(now, cost)
                self._shelves.instants += cost
            logs.append(log)
            fits.append(fit)
        return logs, fits

    def _withdraw(self, checks: Sequence[Check], logs: list[Log], fits: list[bool]) -> None:
        """Take all charges back and count the refusals."""
        for log, check, fit in zip(logs, checks, fits, strict=True):
            if fit:
                log.withdraw(check.cost)
                self._shelves.instants -= check.cost
            else:
                log.refusals += 1


def _tell(log: Log, check: Check, fit: bool, now: int, epoch: int) -> Verdict:
    _, rate, cost = check
    window = rate.window_seconds * SECOND
    used = len(log)
    if fit:
        wait = log[0] + window - now if log else 0
    else:
        wait = log.measure_wait(now, window, max(1, used + cost - rate.limit))
    return judge(rate, fit, used, wait, log.refusals, epoch)
