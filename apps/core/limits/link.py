"""Runs Lua in Redis in one round trip, from the event loop and from threads; knows no limits.

Nothing is tried twice: a hit whose answer was lost may have been charged already. Broken
connections are replaced by the pool at the next call, so recovery needs no help.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from redis import BlockingConnectionPool, Redis
from redis.asyncio import BlockingConnectionPool as AsyncPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.limits.script import Script

TIMEOUT_SECONDS: Final = 0.5
MAX_CONNECTIONS: Final = 50


class RedisLink:
    """One client for all threads, and one per event loop, because its sockets belong to the loop.

    `timeout` bounds each of: waiting for a free connection, connecting, one answer. A coroutine
    is cut off at twice that in all; a thread at three times, plus what resolving a name takes.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._url = url
        self._timeout = timeout
        self._lock = threading.Lock()
        self._loops: dict[asyncio.AbstractEventLoop, AsyncRedis] = {}
        self._threads = self._make_client()

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[int]) -> Any:
        with _translated():
            client = self._get_client()
            async with asyncio.timeout(2 * self._timeout):
                try:
                    return await client.evalsha(script.sha, len(keys), *keys, *args)
                except NoScriptError:
                    return await client.eval(script.text, len(keys), *keys, *args)

    def run_now(self, script: Script, keys: Sequence[str], args: Sequence[int]) -> Any:
        with _translated():
            client = self._threads
            try:
                return client.evalsha(script.sha, len(keys), *keys, *args)
            except NoScriptError:
                return client.eval(script.text, len(keys), *keys, *args)

    async def close(self) -> None:
        """Close the running loop's connections; those of threads go when nobody is using them."""
        with self._lock:
            self._threads = self._make_client()
            client = self._loops.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _get_client(self) -> AsyncRedis:
        loop = asyncio.get_running_loop()
        return self._loops.get(loop) or self._open_client(loop)

    def _make_client(self) -> Redis:
        pool = BlockingConnectionPool.from_url(
            self._url, retry=Retry(NoBackoff(), 0), **self._options()
        )
        return Redis.from_pool(pool)

    def _open_client(self, loop: asyncio.AbstractEventLoop) -> AsyncRedis:
        pool = AsyncPool.from_url(self._url, retry=AsyncRetry(NoBackoff(), 0), **self._options())
        with self._lock:
            self._loops = {
                loop: client for loop, client in self._loops.items() if not loop.is_closed()
            }
            self._loops[loop] = AsyncRedis.from_pool(pool)
            return self._loops[loop]

    def _options(self) -> dict[str, Any]:
        """RESP2 spares a new connection the HELLO; the answers are integers either way."""
        return {
            "max_connections": MAX_CONNECTIONS,
            "timeout": self._timeout,
            "socket_timeout": self._timeout,
            "socket_connect_timeout": self._timeout,
            "protocol": 2,
        }


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what Redis, the network and the deadline raise into the one error of a store."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise LimitStoreUnavailable(
            f"Redis did not answer the rate limiter: {type(error).__name__}."
        ) from error
