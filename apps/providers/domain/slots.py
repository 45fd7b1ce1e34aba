"""How much a deployment takes at once and in any minute, on plain values. No clock, no lock.

A minute is counted by whole seconds: what was let in stays in it for 60 to 61 seconds, never for less than 60.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

MINUTE: Final = 60


@dataclass(slots=True)
class _Second:
    second: int
    requests: int = 0
    tokens: int = 0


@dataclass(slots=True)
class Places:
    """One deployment's."""

    taken: dict[str, float] = field(default_factory=dict)
    """Who is in, and until when at the latest."""
    seconds: deque[_Second] = field(default_factory=deque)
    requests: int = 0
    tokens: int = 0

    def expire(self, now: float) -> None:
        while self.seconds and self.seconds[0].second <= now - MINUTE - 1:
            gone = self.seconds.popleft()
            self.requests -= gone.requests
            self.tokens -= gone.tokens

    def expire_dead(self, now: float) -> None:
        for slot in [slot for slot, ends_at in self.taken.items() if ends_at <= now]:
            del self.taken[slot]

    def take(self, slot: str, tokens: int, now: float, lasts: float) -> int:
        """Let one in; the second it is counted in."""
        second = int(now)
        if not self.seconds or self.seconds[-1].second < second:
            self.seconds.append(_Second(second))
        last = self.seconds[-1]
        last.requests += 1
        last.tokens += tokens
        self.requests += 1
        self.tokens += tokens
        self.taken[slot] = now + lasts
        return last.second

    def free(self, slot: str, second: int, more: int) -> None:
        """Let it out, and count what it used beyond the estimate (or give back what it did not)."""
        if self.taken.pop(slot, None) is None:
            return
        for each in self.seconds:
            if each.second == second:
                each.tokens += more
                self.tokens += more

    def seconds_until(self, now: float, requests: int, tokens: int) -> float:
        """How long until at least so many requests and tokens have left the minute."""
        for each in self.seconds:
            requests -= each.requests
            tokens -= each.tokens
            if requests <= 0 and tokens <= 0:
                return max(0.0, each.second + MINUTE + 1 - now)
        return float(MINUTE)

    @property
    def is_idle(self) -> bool:
        return not (self.taken or self.seconds)
