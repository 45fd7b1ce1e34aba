"""Runs Lua in Redis in one round trip, from the event loop and from threads; knows no limits.

Nothing is tried twice: a hit whose answer was lost may have been charged already. Broken
connections are replaced at the next call, so recovery needs no help.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any, Final

from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.limits.pipe import Pipe, open_pipe
from apps.core.limits.script import Script

TIMEOUT_SECONDS: Final = 0.5
MAX_CONNECTIONS: Final = 50


class RedisLink:
    """One client for all threads, and one pipe per event loop, because its socket belongs to the loop.

    `timeout` bounds each of: waiting for a free connection, connecting, one answer. A coroutine
    is cut off at little more than twice that in all; a thread at three times, plus what resolving a name takes.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._url = url
        self._timeout = timeout
        self._lock = threading.Lock()
        self._pipes: dict[asyncio.AbstractEventLoop, asyncio.Future[Pipe]] = {}
        self._threads = self._make_client()

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[int | str]) -> Any:
        try:
            pipe = await self._get_pipe()
            try:
                return await pipe.ask("EVALSHA", script.sha, len(keys), *keys, *args)
            except NoScriptError:
                return await pipe.ask("EVAL", script.text, len(keys), *keys, *args)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error

    def run_now(self, script: Script, keys: Sequence[str], args: Sequence[int | str]) -> Any:
        client = self._threads
        try:
            try:
                return client.evalsha(script.sha, len(keys), *keys, *args)
            except NoScriptError:
                return client.eval(script.text, len(keys), *keys, *args)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error

    async def close(self) -> None:
        """Close the running loop's pipe; the connections of threads go when nobody is using them."""
        with self._lock:
            self._threads = self._make_client()
            opening = self._pipes.pop(asyncio.get_running_loop(), None)
        if opening is not None and not opening.cancel() and _is_pipe(opening):
            opening.result().close()

    async def _get_pipe(self) -> Pipe:
        """The loop's pipe, opened once for all who wait for it; they share its failure too."""
        loop = asyncio.get_running_loop()
        opening = self._pipes.get(loop)
        if opening is None or (opening.done() and not _is_usable(opening)):
            opening = self._open_pipe(loop)
        return opening.result() if opening.done() else await asyncio.shield(opening)

    def _make_client(self) -> Redis:
        pool = BlockingConnectionPool.from_url(
            self._url, retry=Retry(NoBackoff(), 0), **self._options()
        )
        return Redis.from_pool(pool)

    def _open_pipe(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Pipe]:
        opening = loop.create_task(open_pipe(self._url, self._timeout))
        opening.add_done_callback(_is_pipe)  # a failure that nobody waited for is no warning
        with self._lock:
            self._pipes = {loop: pipe for loop, pipe in self._pipes.items() if not loop.is_closed()}
            self._pipes[loop] = opening
        return opening

    def _options(self) -> dict[str, Any]:
        """RESP2 spares a new connection the HELLO; the answers are integers either way."""
        return {
            "max_connections": MAX_CONNECTIONS,
            "timeout": self._timeout,
            "socket_timeout": self._timeout,
            "socket_connect_timeout": self._timeout,
            "protocol": 2,
        }


def _is_pipe(opening: asyncio.Future[Pipe]) -> bool:
    return not opening.cancelled() and opening.exception() is None


def _is_usable(opening: asyncio.Future[Pipe]) -> bool:
    return _is_pipe(opening) and opening.result().is_open


def _unavailable(error: Exception) -> LimitStoreUnavailable:
    """What Redis, the network and the deadline raise, as the one error of a store."""
    return LimitStoreUnavailable(f"Redis did not answer the rate limiter: {type(error).__name__}.")
