"""HTTP/1.1 on one connection: a request goes out in one write, its answer comes in pieces.

Of our own, since passing a call on costs a third of the processor time it does through a client library, and a
gateway does little else. What a library would add (redirects, cookies, proxies, retries) must not happen here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Any

import httptools

from apps.core.http_client.errors import CallFailed

MOST_HEAD = 128 * 1024
"""Bytes before an answer's body begins."""
HIGH_WATER = 256 * 1024


class Connection(asyncio.Protocol):
    """To one place, for one exchange at a time. `wait` and `take` give the body, `is_done` says that it was whole."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._parser = httptools.HttpResponseParser(self)
        self._parts: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self.is_open = False
        self.is_reused = False
        self.idle_since = 0.0
        self._begin()

    def _begin(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_done = False
        self.is_busy = False
        self.has_head = False
        self.keeps_alive = False
        self.received = 0
        self._size = 0
        self._is_paused = False

    def send(self, data: bytes) -> None:
        """Begin an exchange."""
        self._begin()
        self.is_busy = True
        self._transport.write(data)

    async def wait(self) -> None:
        """Until there is something new: the head, a piece, the end, or what went wrong, which is raised."""
        if self._error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._error is not None and not self._parts:
            raise self._error

    def take(self) -> bytes:
        """What has come of the body; empty when nothing has."""
        parts = self._parts
        if not parts:
            if self._error is not None:
                raise self._error
            return b""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._size = 0
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        return data

    def release(self) -> bool:
        """Whether the connection may serve another exchange."""
        self.is_busy = False
        self.idle_since = monotonic()
        self.is_reused = True
        return self.is_open and self.keeps_alive and self._error is None

    def fail(self, error: Exception) -> None:
        """End the exchange with this error."""
        if self._error is None:
            self._error = error
        self._wake()
        self.abort()

    def abort(self) -> None:
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    # -------------------------------------------------------------- what the loop calls

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if not self.is_busy:  # nobody asked
            self.abort()
            return
        self.received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail(CallFailed("garbage", "The server's answer is no HTTP we can read."))
        else:
            if not self.has_head and self.received > MOST_HEAD:
                self.fail(CallFailed("garbage", "The server's answer has a head without end."))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if self.is_busy and not self.is_done and self._error is None:
            if error is None and self.has_head and self._ends_with_connection():
                self.is_done = True
            else:
                self._error = CallFailed("reset", "The server broke off.")
        self._wake()

    # -------------------------------------------------------------- what the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        known = self.headers.get(key)
        self.headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status >= 200:
            self.has_head = True
            self.keeps_alive = self._parser.should_keep_alive()
            self._wake()

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)
        self._size += len(body)
        if self._size > HIGH_WATER and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self.status < 200:  # "go on", "early hints": the answer is still to come
            self.headers = {}
            return
        self.is_done = True
        self.is_busy = False  # whatever comes now, nobody asked for
        self._wake()

    def _ends_with_connection(self) -> bool:
        return (
            "content-length" not in self.headers
            and "chunked" not in self.headers.get("transfer-encoding", "").lower()
        )

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
