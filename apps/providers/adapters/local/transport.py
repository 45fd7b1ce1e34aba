"""The way to the local model: find or start the child, then one call to it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import urlsplit

import h11

from apps.core.asgi import lifecycle
from apps.core.http_client.errors import CallFailed, CallTimedOut
from apps.providers.adapters.local.exchange import NobodyThereError, open_exchange
from apps.providers.adapters.local.supervisor import SUPERVISOR, Endpoint, Supervisor
from apps.providers.adapters.protocol import Exchange, UpstreamRequest


class LocalTransport:
    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._threads: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._finding: Future[Endpoint] | None = None
        self._shared: Endpoint | None = None
        """Another process's child, as it was last found."""

    async def open(
        self,
        request: UpstreamRequest,
        *,
        first_byte_seconds: float,
        idle_seconds: float,
        total_seconds: float,
        most_bytes: int,
    ) -> Exchange:
        dead: Endpoint | None = None
        for _ in range(2):
            endpoint = self._supervisor.endpoint or self._shared
            if endpoint is None or endpoint == dead:
                endpoint = await self._find(dead, min(first_byte_seconds, total_seconds))
            self._supervisor.note_use()
            try:
                return await open_exchange(
                    endpoint,
                    _head(request, endpoint),
                    request.body,
                    first_byte_seconds=first_byte_seconds,
                    idle_seconds=idle_seconds,
                    total_seconds=total_seconds,
                    most_bytes=most_bytes,
                    note_use=self._supervisor.note_use,
                )
            except NobodyThereError:
                self._shared, dead = None, endpoint  # it died since: find the next one, once
        raise CallFailed("reset", "The local model broke off.")

    async def stop(self) -> None:
        """With the server: the child would follow it anyway."""
        await asyncio.get_running_loop().run_in_executor(None, self._supervisor.stop)

    async def _find(self, dead: Endpoint | None, seconds: float) -> Endpoint:
        """All who wait, wait for one start; who gives up leaves it to the others."""
        with self._lock:
            if self._finding is None or self._finding.done():
                self._threads = self._threads or ThreadPoolExecutor(1, "local_model")
                self._finding = self._threads.submit(self._supervisor.ensure, dead)
            finding = self._finding
        waiting = asyncio.wrap_future(finding)
        waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(seconds):
                found = await asyncio.shield(waiting)
        except TimeoutError:
            raise CallTimedOut("The local model did not start in time.") from None
        if self._supervisor.endpoint is None:
            self._shared = found
        return found


def _head(request: UpstreamRequest, endpoint: Endpoint) -> h11.Request:
    headers = {
        **request.headers,
        "host": f"{endpoint.host}:{endpoint.port}",
        "authorization": f"Bearer {endpoint.key}",
        "content-length": str(len(request.body)),
        "connection": "close",
    }
    return h11.Request(
        method=request.method, target=urlsplit(request.url).path, headers=list(headers.items())
    )


TRANSPORT = LocalTransport(SUPERVISOR)
lifecycle.on_stop(TRANSPORT.stop)
