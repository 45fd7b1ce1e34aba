"""Waiting for room that is kept elsewhere: of those who wait for the same room in this process one asks, in turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Line:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Something was given back in this process."""
    length: int = 0


class Lines:
    """Of one event loop, by organization and what is waited for."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, Hashable], Line] = {}

    @asynccontextmanager
    async def turn(
        self, organization: int, what: Hashable, patience: float
    ) -> AsyncIterator[Line | None]:
        """Stand in line; None when the turn did not come within so many seconds."""
        key = (organization, what)
        line = self._lines.setdefault(key, Line())
        line.length += 1
        has_turn = False
        try:
            try:
                async with asyncio.timeout(patience):
                    has_turn = await line.lock.acquire()
            except TimeoutError:
                pass
            yield line if has_turn else None
        finally:
            if has_turn:
                line.lock.release()
            line.length -= 1
            if not line.length:
                self._lines.pop(key, None)

    def tell(self, organization: int) -> None:
        for (each, _), line in self._lines.items():
            if each == organization:
                line.news.set()
