"""One call to the child over loopback: a connection of its own, closed with it, within the same limits as any other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import h11

from apps.core.http_client.errors import CallFailed, CallTimedOut
from apps.providers.adapters.local.supervisor import Endpoint

PIECE = 64 * 1024
CONNECT_SECONDS = 5.0
NOTE_SECONDS = 5.0
"""A long answer keeps the model from being idle."""


class NobodyThereError(Exception):
    """Nobody listens there any more, or whoever did went away before the answer began."""


class LocalExchange:
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        idle_seconds: float,
        ends_at: float,
        most_bytes: int,
        note_use: Callable[[], None],
    ) -> None:
        self._note_use = note_use
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self._reader = reader
        self._writer = writer
        self._idle_seconds = idle_seconds
        self._ends_at = ends_at
        self._left = most_bytes
        self._http = h11.Connection(h11.CLIENT)

    async def send(self, request: h11.Request, body: bytes, first_byte_at: float) -> None:
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            self._writer.write(self._http.send(event) or b"")
        try:
            head = await self._next(min(first_byte_at, self._ends_at))
        except CallFailed:
            raise NobodyThereError from None
        if not isinstance(head, h11.Response):
            raise CallFailed("garbage", "The local model's answer could not be read.")
        self.status = head.status_code
        self.headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers
        }

    async def pieces(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        noted_at = loop.time()
        while True:
            if loop.time() - noted_at > NOTE_SECONDS:
                noted_at = loop.time()
                self._note_use()
            event = await self._next(min(loop.time() + self._idle_seconds, self._ends_at))
            if isinstance(event, h11.EndOfMessage):
                return
            if isinstance(event, h11.Data):
                piece = bytes(event.data)
                self._left -= len(piece)
                if self._left < 0:
                    raise CallFailed(
                        "too_large", "The local model's answer is larger than we take."
                    )
                yield piece

    async def close(self) -> None:
        self._writer.transport.abort()  # the model stops when nobody listens any more

    async def _next(self, until: float) -> h11.Event | type[h11.PAUSED]:
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    async with asyncio.timeout_at(until):
                        self._http.receive_data(await self._reader.read(PIECE))
                elif not isinstance(event, h11.InformationalResponse):
                    return event  # type: ignore[return-value]  # NEED_DATA was dealt with
        except TimeoutError:
            raise CallTimedOut("The local model took too long.") from None
        except (OSError, h11.RemoteProtocolError):
            raise CallFailed("reset", "The local model broke off.") from None


async def open_exchange(
    endpoint: Endpoint,
    request: h11.Request,
    body: bytes,
    *,
    first_byte_seconds: float,
    idle_seconds: float,
    total_seconds: float,
    most_bytes: int,
    note_use: Callable[[], None],
) -> LocalExchange:
    """Raises `NobodyThereError` while nothing was heard yet; `CallFailed` and `CallTimedOut`."""
    now = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    except (OSError, TimeoutError):
        raise NobodyThereError from None
    exchange = LocalExchange(
        reader,
        writer,
        idle_seconds=idle_seconds,
        ends_at=now + total_seconds,
        most_bytes=most_bytes,
        note_use=note_use,
    )
    try:
        await exchange.send(request, body, now + first_byte_seconds)
    except BaseException:
        await exchange.close()
        raise
    return exchange
