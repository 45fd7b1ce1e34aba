"""What runs beside requests: started once with the first scope a server sends, told when the server drains.

Apps register here in their `ready()`; nothing starts at import, so `manage.py` commands stay quiet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import uniform

import structlog

from apps.core.asgi.pool import Pool

log = structlog.get_logger(__name__)
TICKER_THREADS = 2


@dataclass(frozen=True, slots=True)
class Ticker:
    name: str
    seconds: float
    tick: Callable[[], object]
    """Blocking code; it runs in threads of its own, so that a full pool cannot delay it."""


_tickers: list[Ticker] = []
_on_start: list[Callable[[], Awaitable[None]]] = []
_on_drain: list[Callable[[], Awaitable[None]]] = []
_on_stop: list[Callable[[], Awaitable[None]]] = []


def every(seconds: float, name: str, tick: Callable[[], object]) -> None:
    """Run `tick` again and again while the server lives; a failure is logged and does not end it."""
    _tickers.append(Ticker(name, seconds, tick))


def on_start(call: Callable[[], Awaitable[None]]) -> None:
    _on_start.append(call)


def on_drain(call: Callable[[], Awaitable[None]]) -> None:
    """Called when the server was told to stop, while open connections are still served."""
    _on_drain.append(call)


def on_stop(call: Callable[[], Awaitable[None]]) -> None:
    """Called when the last connection has been served, before the process ends."""
    _on_stop.append(call)


class Lifecycle:
    """One server's background work on one event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._pool: Pool | None = None
        self._starting: asyncio.Future[None] | None = None
        self.is_draining = False

    async def ensure_started(self) -> None:
        """Idempotent: daphne sends no lifespan scope, so the first request starts what a lifespan would have."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        starting = self._starting
        # A start that failed is tried again.
        if starting is None or starting.done() or starting.get_loop() is not loop:
            starting = self._starting = asyncio.ensure_future(self._start(loop))
        await asyncio.shield(starting)  # the first caller may hang up; the others still wait

    async def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_draining = False
        for call in _on_start:
            await call()
        self._pool = Pool(TICKER_THREADS, max_waiting=len(_tickers) + 1)
        self._tasks = [
            asyncio.create_task(_run(ticker, self._pool), name=ticker.name) for ticker in _tickers
        ]
        self._loop = loop

    async def drain(self) -> None:
        if self.is_draining:
            return
        self.is_draining = True
        for call in _on_drain:
            try:
                await call()
            except Exception as error:  # noqa: BLE001 - the others must hear of it too
                log.warning("drain_failed", error=repr(error))

    async def stop(self) -> None:
        await self.drain()
        if self._loop is not None:
            for call in _on_stop:
                await call()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._pool is not None:
            self._pool.close()
        self._tasks, self._loop = [], None


async def _run(ticker: Ticker, pool: Pool) -> None:
    is_failing = False
    while True:
        await asyncio.sleep(ticker.seconds * uniform(0.9, 1.1))  # noqa: S311 - jitter, not a secret
        try:
            await pool.run(ticker.tick)
        except Exception as error:  # noqa: BLE001 - the next tick may do better
            if not is_failing:  # said once, not twice a second for as long as a database is away
                log.warning("ticker_failed", ticker=ticker.name, error=repr(error))
            is_failing = True
        else:
            if is_failing:
                log.info("ticker_recovered", ticker=ticker.name)
            is_failing = False


lifecycle = Lifecycle()
