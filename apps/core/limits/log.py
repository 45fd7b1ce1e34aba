"""One log of accepted hits, and the bounded collection of them. No lock and no clock in here."""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import repeat
from typing import Final

from apps.core.limits.domain import SECOND

IDLE_DROPS_PER_NEW_KEY: Final = 2


class Log(deque[int]):
    """Accepted instants (ns), oldest first, one per unit of cost, and the refusals since."""

    __slots__ = ("refusals",)

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0

    def expire(self, now: int, window: int) -> None:
        """Drop what is a window old."""
        if self[-1] > now:
            self._step_back(self[-1] - now)
        horizon = now - window
        if self[-1] <= horizon:
            self.clear()
        else:
            while self[0] <= horizon:
                self.popleft()

    def charge(self, now: int, cost: int) -> None:
        if cost == 1:
            self.append(now)
        else:
            self.extend(repeat(now, cost))

    def withdraw(self, cost: int) -> None:
        """Take back what was charged last."""
        for _ in range(cost):
            self.pop()

    def measure_wait(self, now: int, window: int, excess: int) -> int:
        """Return the ns until `excess` units have left; a window when there are not as many."""
        return self[excess - 1] + window - now if excess <= len(self) else window

    def _step_back(self, by: int) -> None:
        """Follow a clock that went back, or every hit would stay in its window for that long."""
        moved = [instant - by for instant in self]
        self.clear()
        self.extend(moved)


class Shelves:
    """The logs by window and key, least recently hit first, so that idle ones stand in front."""

    def __init__(self, *, max_keys: int, max_instants: int) -> None:
        self._shelves: dict[int, OrderedDict[str, Log]] = {}
        self._max_keys = max_keys
        self._max_instants = max_instants
        self.keys = 0
        self.instants = 0

    def open(self, key: str, window_seconds: int, now: int) -> Log:
        """Return the log as of now, as the most recently hit one; a new one if need be."""
        shelf = self._shelves.get(window_seconds)
        if shelf is None:
            shelf = self._shelves[window_seconds] = OrderedDict()
        log = shelf.get(key)
        if log is None:
            return self._add(shelf, key, now - window_seconds * SECOND)
        shelf.move_to_end(key)
        if log:
            self._expire(log, now, window_seconds)
        return log

    def find(self, key: str, window_seconds: int, now: int) -> Log:
        """Return the log as of now without marking it as used; an empty one if there is none."""
        shelf = self._shelves.get(window_seconds)
        log = shelf.get(key) if shelf else None
        if log is None:
            return Log()
        if log:
            self._expire(log, now, window_seconds)
        return log

    def drop(self, key: str) -> None:
        for shelf in self._shelves.values():
            if key in shelf:
                self._remove(shelf, key)

    def trim(self) -> None:
        """Drop the logs unused for longest until both bounds hold again."""
        while self.keys > self._max_keys or self.instants > self._max_instants:
            shelf = min(filter(None, self._shelves.values()), key=_see_last_use)
            self._remove(shelf, next(iter(shelf)))

    def _expire(self, log: Log, now: int, window_seconds: int) -> None:
        before = len(log)
        log.expire(now, window_seconds * SECOND)
        self.instants += len(log) - before

    def _add(self, shelf: OrderedDict[str, Log], key: str, horizon: int) -> Log:
        for _ in range(IDLE_DROPS_PER_NEW_KEY):
            if shelf and _see_last_use(shelf) <= horizon:
                self._remove(shelf, next(iter(shelf)))
        self.keys += 1
        log = shelf[key] = Log()
        return log

    def _remove(self, shelf: OrderedDict[str, Log], key: str) -> None:
        self.instants -= len(shelf.pop(key))
        self.keys -= 1


def _see_last_use(shelf: OrderedDict[str, Log]) -> int:
    """Return the last accepted instant of the log in front, 0 when it holds none."""
    log = shelf[next(iter(shelf))]
    return log[-1] if log else 0
