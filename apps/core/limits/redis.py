"""The limit store of several processes: every hit is one Lua script, one round trip, atomic.

Measured against Valkey 9 on the same machine: 150 us a hit from a thread, 165 us from a coroutine
and 31 us from one of 32 (a second check adds 35 us), of which the script takes 28 us. A key with
100 hits takes 1.2 KB.

Keys carry a hash tag, so one key's logs share a slot; a hit of several keys does not, and a Redis
Cluster would refuse it. Redis' clock decides for all processes: when it goes back, logs go back
with it; when it leaps ahead, one window of hits is forgotten, as Redis expires keys by it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from apps.core.limits.domain import Verdict, judge
from apps.core.limits.link import TIMEOUT_SECONDS, RedisLink
from apps.core.limits.script import CLOCK, HIT, LIMITS, PEEK, RESET, compose
from apps.core.limits.store import Check, demand_costs

PREFIX: Final = "signalbox:limit:"
MICROSECONDS: Final = 1_000_000
ANSWERS_PER_CHECK: Final = 4


class RedisLimitStore:
    """Raises `LimitStoreUnavailable` within a second or so when Redis is down, slow or full."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = PREFIX,
        timeout: float = TIMEOUT_SECONDS,
        clock: str = CLOCK,
    ) -> None:
        self._link = RedisLink(url, timeout=timeout)
        self._prefix = prefix
        self._hit = compose(clock, LIMITS, HIT)
        self._peek = compose(clock, LIMITS, PEEK)
        self._reset = compose(RESET)

    async def hit(self, checks: Sequence[Check]) -> list[Verdict]:
        keys, args = self._encode(checks)
        return decode(checks, await self._link.run(self._hit, keys, args)) if checks else []

    def hit_now(self, checks: Sequence[Check]) -> list[Verdict]:
        keys, args = self._encode(checks)
        return decode(checks, self._link.run_now(self._hit, keys, args)) if checks else []

    async def peek(self, checks: Sequence[Check]) -> list[Verdict]:
        keys, args = self._encode(checks)
        return decode(checks, await self._link.run(self._peek, keys, args)) if checks else []

    def peek_now(self, checks: Sequence[Check]) -> list[Verdict]:
        keys, args = self._encode(checks)
        return decode(checks, self._link.run_now(self._peek, keys, args)) if checks else []

    async def reset(self, key: str) -> None:
        await self._link.run(self._reset, [self._name(key)], [])

    def reset_now(self, key: str) -> None:
        self._link.run_now(self._reset, [self._name(key)], [])

    async def close(self) -> None:
        await self._link.close()

    def _encode(self, checks: Sequence[Check]) -> tuple[list[str], list[int | str]]:
        return encode(checks, self._prefix)

    def _name(self, key: str) -> str:
        return name_of(key, self._prefix)


def encode(checks: Sequence[Check], prefix: str = PREFIX) -> tuple[list[str], list[int | str]]:
    """Lay the checks out as the script reads them: keys and arguments."""
    demand_costs(checks)
    keys: list[str] = []
    args: list[int | str] = []
    for key, rate, cost in checks:
        name = name_of(key, prefix)
        window = rate.window_seconds * MICROSECONDS
        keys += (f"{name}:{window}", name)
        args += (rate.limit, window, cost)
    return keys, args


def name_of(key: str, prefix: str) -> str:
    """Hash the key: addresses and account names are nobody's business in Redis."""
    digest = blake2b(key.encode(errors="surrogatepass"), digest_size=16).hexdigest()
    return f"{prefix}{{{digest}}}"


def decode(checks: Sequence[Check], reply: Sequence[int]) -> list[Verdict]:
    """Read the script's reply; whatever else it says stands behind."""
    epoch, *answers = reply
    verdicts = []
    for index, check in enumerate(checks):
        fits, used, wait, refusals = answers[index * ANSWERS_PER_CHECK :][:ANSWERS_PER_CHECK]
        verdicts.append(judge(check.rate, fits == 1, used, wait * 1000, refusals, epoch * 1000))
    return verdicts
