"""Many sockets in one process, as light as they can be: a handshake by hand, frames counted by their arrival.

`python -m bench.listeners PORT PATH COUNT KEY` opens them, prints `open`, and answers each line on its standard input
with the moments of arrival since the line before, on the clock that all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

import uvloop

TOPIC = "job.progress"
SUBSCRIBE = json.dumps({"type": "subscribe", "topics": [TOPIC]}).encode()
AT_ONCE = 50
OPENING = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: c2lnbmFsYm94LWJlbmNoIQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Authorization: Bearer {key}\r\n\r\n"
)
PING, CLOSE = 0x89, 0x88


class Listener(asyncio.Protocol):
    """One socket. `is_open` is done when its subscription has been answered."""

    def __init__(self, opening: bytes, heard: Callable[[], None]) -> None:
        self.is_open = asyncio.get_running_loop().create_future()
        self._opening, self._heard = opening, heard
        self._buffer = b""
        self._is_upgraded = False
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._opening)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.is_open.done():
            self.is_open.set_exception(ConnectionError("closed before it was open"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_upgraded:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head:
                self.is_open.set_exception(ConnectionError(head.decode()))
                return
            self._is_upgraded, self._buffer = True, rest
            self._say(0x81, SUBSCRIBE)
        while self._take_frame():
            pass

    def _take_frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 4:
            return False
        start, length = 2, buffer[1]
        if length == 126:
            start, length = 4, int.from_bytes(buffer[2:4], "big")
        if len(buffer) < start + length:
            return False
        kind, self._buffer = buffer[0], buffer[start + length :]
        if kind == PING:
            self._say(0x8A, buffer[start : start + length])
        elif not self.is_open.done():
            self.is_open.set_result(None)
        elif kind != CLOSE:
            self._heard()
        return True

    def _say(self, kind: int, payload: bytes) -> None:
        # A mask of zeros is a mask.
        self._transport.write(bytes((kind, 0x80 | len(payload))) + bytes(4) + payload)


async def listen(port: int, path: str, count: int, key: str) -> None:
    loop = asyncio.get_running_loop()
    arrivals: list[float] = []
    opening = OPENING.format(path=path, key=key).encode()
    gate = asyncio.Semaphore(AT_ONCE)

    async def open_one() -> None:
        async with gate:
            _, listener = await loop.create_connection(
                lambda: Listener(opening, lambda: arrivals.append(monotonic())),
                "127.0.0.1",
                port,
            )
            await listener.is_open

    await asyncio.gather(*(open_one() for _ in range(count)))
    print("open", flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(arrivals), flush=True)
        arrivals.clear()


if __name__ == "__main__":
    _, given_port, given_path, given_count, given_key = sys.argv
    uvloop.run(listen(int(given_port), given_path, int(given_count), given_key))
