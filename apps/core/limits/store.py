"""What a limit store promises; `memory` and `redis` keep it, `factory` picks one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from apps.core.limits.domain import Verdict
from apps.core.limits.rates import Rate


class Check(NamedTuple):
    """Charge `cost` (1 or more) to `key`; each key has one log per length of window."""

    key: str
    rate: Rate
    cost: int = 1


class LimitStore(Protocol):
    """Exact sliding windows: a hit counts from the instant it was let in for one whole window.

    All or nothing: when any check of a hit refuses, none is charged. The verdicts come in the
    order of the checks, and checks on the same log and window add up. Every method may raise
    `LimitStoreUnavailable`. The coroutines serve the event loop; `_now` twins serve pool threads.
    """

    async def hit(self, checks: Sequence[Check]) -> list[Verdict]:
        """Charge all checks, or none when one of them has no room."""

    def hit_now(self, checks: Sequence[Check]) -> list[Verdict]:
        """Do the same from a thread without a loop."""

    async def peek(self, checks: Sequence[Check]) -> list[Verdict]:
        """Say what a hit of each check alone would be told; charge and count nothing."""

    def peek_now(self, checks: Sequence[Check]) -> list[Verdict]:
        """Do the same from a thread without a loop."""

    async def reset(self, key: str) -> None:
        """Forget the key's hits and refusals in every window."""

    def reset_now(self, key: str) -> None:
        """Do the same from a thread without a loop."""

    async def close(self) -> None:
        """Let go of connections of the running loop; a later hit opens new ones."""


def demand_costs(checks: Sequence[Check]) -> None:
    """Refuse costs that would give room back or charge nothing."""
    for check in checks:
        if check.cost < 1:
            raise ValueError(f"A check costs at least 1, not {check.cost}.")
