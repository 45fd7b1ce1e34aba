"""The shared thread pool: the one hop from the loop to code that blocks (ORM, templates, DRF).

Threads are few and live as long as the process, so their database connections do too. Unlike `sync_to_async`, which
funnels a request's calls through one thread, any free thread takes the next call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import connections

from apps.core.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


class Pool:
    """A call that takes longer than `seconds` is answered for without its result; its thread is not cut off.

    So a database that hangs costs threads, never callers without an answer.
    """

    def __init__(self, threads: int, max_waiting: int, seconds: float | None = None) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="pool")
        self._max_waiting = max_waiting
        self._seconds = seconds
        self.waiting = 0

    async def run(self, call: Callable[[], T]) -> T:
        if self.waiting >= self._max_waiting:
            raise Unavailable("The server is at its limit.", code="overloaded", retry_after=1)
        context = copy_context()
        self.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(self._seconds) as deadline:
                return await loop.run_in_executor(
                    self._executor, context.run, _with_fresh_connections, call
                )
        except TimeoutError:
            if not deadline.expired():
                raise
            raise Unavailable("The server took too long.", code="overloaded") from None
        finally:
            self.waiting -= 1

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)


class InlinePool:
    """Runs the call at once in the caller's thread, so that a test's transaction covers what the request does."""

    waiting = 0

    async def run(self, call: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)  # the blocking call must not believe it is on the loop
        try:
            return call()
        finally:
            asyncio._set_running_loop(loop)

    def close(self) -> None:
        pass


def _with_fresh_connections(call: Callable[[], T]) -> T:
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()
    return call()


_pool: Pool | InlinePool | None = None


def shared_pool() -> Pool | InlinePool:
    global _pool
    if _pool is None:
        _pool = Pool(
            settings.SIGNALBOX_POOL_THREADS,
            settings.SIGNALBOX_POOL_MAX_WAITING,
            settings.SIGNALBOX_POOL_SECONDS,
        )
    return _pool


def use_pool(pool: Pool | InlinePool | None) -> Pool | InlinePool | None:
    """Replace the process's pool; answers the one before. For tests."""
    global _pool
    before, _pool = _pool, pool
    return before


async def in_pool(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking code off the loop, in this context. The only bridge from async code to the ORM."""
    return await shared_pool().run(partial(function, *args, **kwargs))


def pool_load() -> dict[str, Any]:
    return {"waiting": shared_pool().waiting, "threads": settings.SIGNALBOX_POOL_THREADS}
