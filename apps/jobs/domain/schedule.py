"""What the house does again and again: declared by apps in their `tasks.py`, ticked once wherever it is ticked.

A tick runs in the transaction that moves its row on, so what it enqueues is enqueued once, however many look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.jobs.domain.cron import Cron, parse_cron

Tick = Callable[[datetime], None]


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What is ticked by a rule: an interval, counted from its first tick, or a cron expression, read in UTC."""

    name: str
    rule: timedelta | Cron
    tick: Tick

    @property
    def rule_text(self) -> str:
        return self.rule.text if isinstance(self.rule, Cron) else f"every {self.rule}"

    def first(self, now: datetime) -> datetime:
        """When a house that never ticked it ticks it: an interval at once, a cron expression when it says so."""
        return self.rule.after(now) if isinstance(self.rule, Cron) else now

    def next(self, due: datetime, now: datetime) -> datetime:
        """When it is due again; what was missed while all were away runs once, not often."""
        if isinstance(self.rule, Cron):
            return self.rule.after(max(due, now))
        return next_after(due, self.rule, now)

    def is_astray(self, next_at: datetime, now: datetime) -> bool:
        """Whether a next time is an older rule's, or was told by a clock that ran ahead. One whole turn is let pass:
        of two machines whose clocks differ the slower must not find the quicker one's tick undone and do it again.
        """
        return next_at > self.next(self.next(now, now), now)


_scheduled: dict[str, Scheduled] = {}


def periodic(
    name: str, *, every: timedelta | None = None, cron: str | None = None
) -> Callable[[Tick], Tick]:
    """Have a function called by a rule, either one, with the time it was due. It must be quick: it holds a transaction."""
    if (every is None) == (cron is None):
        raise TypeError("a schedule has one rule: every=… or cron=…")
    rule = every if every is not None else parse_cron(cron or "")

    def register(tick: Tick) -> Tick:
        if name in _scheduled and _scheduled[name].tick.__qualname__ != tick.__qualname__:
            raise RuntimeError(f"{name} is scheduled twice")
        _scheduled[name] = Scheduled(name, rule, tick)
        return tick

    return register


def all_scheduled() -> list[Scheduled]:
    return sorted(_scheduled.values(), key=lambda scheduled: scheduled.name)


def scheduled_named(name: str) -> Scheduled | None:
    return _scheduled.get(name)


def next_after(due: datetime, every: timedelta, now: datetime) -> datetime:
    """The next time on the grid of `due`, and after it, that lies ahead."""
    missed = max((now - due) // every, 0)
    return due + every * (missed + 1)
