"""A load generator of our own, for machines without wrk: raw sockets on uvloop, one request in flight on each.

Quicker than the quickest server here by reading each answer's length off its head and nothing else. `@number@` in a body
is another number in each request of any run, always of the same length: none finds an answer remembered from the run before.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from itertools import count
from time import perf_counter, time
from typing import Any
from urllib.parse import urlsplit

import uvloop

NUMBER = b"@number@"


class Asker(asyncio.Protocol):
    def __init__(
        self, request: Callable[[], bytes], waits: list[float], failures: list[int]
    ) -> None:
        self._request = request
        self._waits = waits
        self._failures = failures
        self._buffer = b""
        self._asked = 0.0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        head = buffer.find(b"\r\n\r\n")
        if head < 0 or len(buffer) < head + 4 + _body_length(buffer, head):
            self._buffer = buffer
            return
        self._buffer = b""
        self._waits.append(perf_counter() - self._asked)
        if buffer[9:10] != b"2":
            self._failures[0] += 1
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._failures[0] += 1

    def _ask(self) -> None:
        self._asked = perf_counter()
        self._transport.write(self._request())


def _body_length(buffer: bytes, head: int) -> int:
    start = buffer.find(b"content-length: ", 0, head)
    if start < 0:
        start = buffer[:head].lower().find(b"content-length: ")
        if start < 0:
            return 0
    return int(buffer[start + 16 : buffer.find(b"\r\n", start)])


def compose(asked: dict[str, Any]) -> bytes:
    """The request as it goes over the wire."""
    parts = urlsplit(asked["url"])
    body = asked["body"].encode()
    headers = {"Host": parts.netloc, **asked["headers"]}
    if body:
        headers["Content-Length"] = str(len(numbered(body, 0)))
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{asked['method']} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def requests(whole: bytes) -> Callable[[], bytes]:
    if NUMBER not in whole:
        return lambda: whole
    numbers = count(int(time()) % 9_000 * 1_000_000 + 1)
    return lambda: numbered(whole, next(numbers))


def numbered(text: bytes, number: int) -> bytes:
    return text.replace(NUMBER, b"1%04d.%06d" % divmod(number, 1_000_000))


async def load(asked: dict[str, Any]) -> dict[str, Any]:
    parts = urlsplit(asked["url"])
    request, waits, failures = requests(compose(asked)), list[float](), [0]
    loop = asyncio.get_running_loop()
    started = perf_counter()
    made = [
        await loop.create_connection(
            lambda: Asker(request, waits, failures), parts.hostname, parts.port
        )
        for _ in range(asked["connections"])
    ]
    await asyncio.sleep(asked["seconds"])
    answered, took = sorted(waits), perf_counter() - started
    for transport, _ in made:
        transport.abort()

    def at(share: float) -> float:
        return answered[int(len(answered) * share)] * 1000 if answered else 0.0

    return {
        "per_second": len(answered) / took,
        "p99_ms": at(0.99),
        "failures": failures[0],
        "p50_ms": at(0.5),
        "p95_ms": at(0.95),
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(load(json.loads(sys.stdin.read())))))
