"""Work under way that others wait for, so that of many who want the same one does it."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """By what is wanted. Serves one event loop."""

    def __init__(self, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        self._flights: dict[str, asyncio.Future[T | None]] = {}

    async def join(self, key: str) -> T | None:
        """What the work under way came to; None when there is none, it failed, or it takes too long."""
        flight = self._flights.get(key)
        if flight is None or flight.get_loop() is not asyncio.get_running_loop():
            return None
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await asyncio.shield(flight)
        except TimeoutError:
            return None

    def begin(self, key: str) -> bool:
        """Whether the others now wait for us."""
        if key in self._flights:
            return False
        self._flights[key] = asyncio.get_running_loop().create_future()
        return True

    def end(self, key: str, value: T | None) -> None:
        """Said by who began it; None when nothing came of it."""
        flight = self._flights.pop(key, None)
        if flight is not None and not flight.done():
            flight.set_result(value)
