"""An answer that is read as it arrives: guarded, bounded in time and bytes, let go of at once.

One timer watches an exchange, however many pieces it has: each wait leaves a note of when it would be too long, and
the timer looks at the note when it strikes.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import lru_cache

from django.conf import settings

from apps.core.http_client.errors import CallFailed, CallTimedOut
from apps.core.http_client.pool import Place, Pool, place_of, pool
from apps.core.http_client.wire import Connection

PIECE = 256 * 1024
"""The most that one piece unpacks to: a bomb is noticed before it has gone off."""
_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_PLAIN = frozenset({"", "identity"})


class HttpExchange:
    """`status` and `headers` are here; the body comes by `pieces()`. Whoever opened it closes it."""

    __slots__ = (
        "_connection",
        "_due",
        "_ends_at",
        "_first_byte_at",
        "_idle_seconds",
        "_is_over",
        "_loop",
        "_most_bytes",
        "_place",
        "_pool",
        "_watch",
        "headers",
        "status",
    )

    def __init__(
        self,
        home: Pool,
        place: Place,
        connection: Connection,
        *,
        first_byte_seconds: float,
        idle_seconds: float,
        total_seconds: float,
        most_bytes: int,
    ) -> None:
        self._pool = home
        self._place = place
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._ends_at = now + total_seconds
        self._first_byte_at = min(now + first_byte_seconds, self._ends_at)
        self._idle_seconds = idle_seconds
        self._most_bytes = most_bytes
        self._due = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._is_over = False
        self.status = 0
        self.headers: Mapping[str, str] = {}

    async def begin(self) -> None:
        """Wait for the head."""
        connection = self._connection
        while not connection.has_head:
            await self._wait(self._first_byte_at)
        self.status, self.headers = connection.status, connection.headers

    async def pieces(self) -> AsyncIterator[bytes]:
        """Pieces as they come, unpacked. Raises `CallFailed` and `CallTimedOut`."""
        encoding = self.headers.get("content-encoding", "").strip().lower()
        if encoding not in _PLAIN and encoding not in _BITS:
            raise CallFailed("garbage", "The server's answer is packed in a way nobody asked for.")
        unpack = _Unpacker(encoding) if encoding in _BITS else None
        left = self._most_bytes
        connection = self._connection
        due = self._first_byte_at
        while True:
            data = connection.take()
            if not data:
                if connection.is_done:
                    break
                await self._wait(due)
                continue
            due = 0.0
            for piece in unpack.feed(data) if unpack else (data,):
                left -= len(piece)
                if left < 0:
                    raise CallFailed("too_large", "The server's answer is larger than we take.")
                yield piece
        self._let_go()
        if unpack is not None:
            unpack.end()

    async def close(self) -> None:
        """Let go at once: unless the answer was whole, the upstream sees the connection end."""
        self._unwatch()
        if not self._is_over:
            self._is_over = True
            self._connection.abort()

    def _let_go(self) -> None:
        """The answer was whole: the connection serves the next one."""
        self._unwatch()
        self._is_over = True
        if self._connection.release():
            self._pool.keep(self._place, self._connection)
        else:
            self._connection.abort()

    async def _wait(self, due: float) -> None:
        due = min(due or self._loop.time() + self._idle_seconds, self._ends_at)
        self._due = due
        if self._watch is None or self._watch.when() > due:
            self._unwatch()
            self._watch = self._loop.call_at(due, self._look)
        await self._connection.wait()
        self._due = 0.0

    def _look(self) -> None:
        self._watch = None
        if not self._due:
            return  # nobody waits; the next wait sets a timer of its own
        if self._loop.time() < self._due:
            self._watch = self._loop.call_at(self._due, self._look)
            return
        said = "The server fell silent." if self.status else "No answer began in time."
        self._connection.fail(CallTimedOut(said))

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


async def open_exchange(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    first_byte_seconds: float,
    idle_seconds: float,
    total_seconds: float,
    most_bytes: int,
) -> HttpExchange:
    """Send a request and wait for the head of its answer.

    Raises `Forbidden`, `CallFailed` and `CallTimedOut`. A redirect is a failure: what the request carries is for the
    host it was made for.
    """
    home = pool()
    place = place_of(url, home.allowed)
    request = _write(method, place, headers, body)
    connection = home.recall(place)
    while True:
        if connection is None:
            connection = await home.connect(place)
        exchange = HttpExchange(
            home,
            place,
            connection,
            first_byte_seconds=first_byte_seconds,
            idle_seconds=idle_seconds,
            total_seconds=total_seconds,
            most_bytes=most_bytes,
        )
        connection.send(request)
        try:
            await exchange.begin()
        except CallFailed:
            await exchange.close()
            if not connection.is_reused or connection.received:
                raise
            connection = None  # closed over there while it was idle: nobody has read the request
        except BaseException:
            await exchange.close()
            raise
        else:
            break
    if 300 <= exchange.status < 400:
        await exchange.close()
        raise CallFailed("redirect", "The server sends elsewhere, and that is not followed.")
    return exchange


def _write(method: str, place: Place, headers: Mapping[str, str], body: bytes) -> bytes:
    head = _fixed(method, place)
    for name, value in headers.items():
        head += f"{name}: {value}\r\n"
    # Counted, for a line more than the names would be a header of the caller's making.
    if head.count("\r\n") != len(headers) + FIXED_LINES or head.count("\n") != head.count("\r"):
        raise CallFailed("unwritable", "The request's headers cannot be written.")
    try:
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
    except UnicodeEncodeError as error:
        raise CallFailed("unwritable", "The request's headers cannot be written.") from error


FIXED_LINES = 4


@lru_cache(maxsize=4096)
def _fixed(method: str, place: Place) -> str:
    """What is the same in every request to a place. Nothing packed is asked for: an event should not wait for others."""
    return (
        f"{method} {place.target} HTTP/1.1\r\nHost: {place.host_header}\r\n"
        f"User-Agent: Signalbox/{settings.SIGNALBOX_VERSION}\r\nAccept-Encoding: identity\r\n"
    )


class _Unpacker:
    def __init__(self, encoding: str) -> None:
        self._bits = _BITS[encoding]
        self._unpack = zlib.decompressobj(self._bits)

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                if self._unpack.eof:  # packed in several members, one after the other
                    self._unpack = zlib.decompressobj(self._bits)
                piece = self._unpack.decompress(data, PIECE)
                data = self._unpack.unconsumed_tail or self._unpack.unused_data
                if piece:
                    yield piece
        except zlib.error as error:
            raise CallFailed("garbage", "The server's answer cannot be unpacked.") from error

    def end(self) -> None:
        if not self._unpack.eof:
            raise CallFailed("reset", "The server broke off.")
