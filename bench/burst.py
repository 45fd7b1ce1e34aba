"""`python -m bench.burst`: subscribers under a burst of events, every third of whom sleeps through it.

Each must have been told every number, or of the gap; the gaps are read back by REST. A hole that nobody was told of, or
that does not close, is printed as lost: the goal is none.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import http.client
import json
import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import uvloop

from bench import cores as cpu
from bench.listeners import OPENING, SUBSCRIBE, TOPIC
from bench.ours import House
from bench.servers import Server, resident_megabytes
from bench.table import format_table

TEXT = 0x81
HEAD = 200
"""Of a frame's bytes, which hold all its numbers."""
NUMBERS = re.compile(rb'"(?:seq|from|to)":(\d+)')
AT_ONCE = 1000
"""Jobs of one call."""
SLOW_EVERY = 3
PATIENCE = 60.0
HEADER = (
    "subscribers",
    "events",
    "frames/s",
    "slow ones' gaps",
    "cut off",
    "read back",
    "lost",
    "MB",
)


class Subscriber(asyncio.Protocol):
    """What one was told: the highest number without a hole before it, and the gaps. As light as it can be."""

    def __init__(self, opening: bytes, start: int, end: int, *, is_slow: bool) -> None:
        loop = asyncio.get_running_loop()
        self.is_open, self.is_done = loop.create_future(), loop.create_future()
        self.is_slow, self.is_cut = is_slow, False
        self.last, self.end = start, end
        self.frames = self.lost = 0
        self.gaps: list[tuple[int, int]] = []
        self._opening = opening
        self._buffer = bytearray()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.write(self._opening)

    def connection_lost(self, exc: Exception | None) -> None:
        for one in (self.is_open, self.is_done):
            if not one.done():
                self.is_cut = True
                one.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.is_open.done():
            self._open()
            return
        position = 0
        while (frame := _frame_at(self._buffer, position)) is not None:
            kind, text, position = frame
            if kind == TEXT:
                self._hear(text)
        del self._buffer[:position]

    def _open(self) -> None:
        head, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not end:
            return
        if rest:  # the answer to the subscription: from here on only events come
            if self.is_slow:
                self.transport.pause_reading()
            self._buffer.clear()
            self.is_open.set_result(None)
        elif b" 101 " in head:
            self.transport.write(bytes((0x81, 0x80 | len(SUBSCRIBE))) + bytes(4) + SUBSCRIBE)

    def _hear(self, text: bytes) -> None:
        numbers = [int(number) for number in NUMBERS.findall(text)]
        first, last = numbers[0], numbers[-1]
        if first != self.last + 1:
            self.lost += abs(first - self.last - 1)
        if text.startswith(b'{"type":"gap"'):
            self.gaps.append((first, last))
        self.last, self.frames = last, self.frames + 1
        if self.last >= self.end and not self.is_done.done():
            self.is_done.set_result(None)


def _frame_at(buffer: bytearray, start: int) -> tuple[int, bytes, int] | None:
    """The kind and text of the frame that begins here, and where it ends; None when it is not whole."""
    if len(buffer) < start + 4:
        return None
    begin, length = start + 2, buffer[start + 1]
    if length == 126:
        begin, length = start + 4, int.from_bytes(buffer[start + 2 : start + 4], "big")
    end = begin + length
    return (
        (buffer[start], bytes(buffer[begin : min(end, begin + HEAD)]), end)
        if len(buffer) >= end
        else None
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.burst", description=__doc__)
    parser.add_argument("--subscribers", type=int, default=300)
    parser.add_argument("--events", type=int, default=6000)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="signalbox-burst-") as folder:
        house = House(Path(folder))
        house.lay_out()
        server = house.start(cores=cpu.SERVER)
        try:
            print(report(server, house.key, options.subscribers, options.events))
        finally:
            server.stop()


def report(server: Server, key: str, subscribers: int, events: int) -> str:
    """The burst's table; the numbers of the topic may have begun before."""
    began = monotonic()
    with cpu.on(cpu.LOAD):
        crowd, read_back = uvloop.run(burst(server, key, subscribers, events))
    seconds = monotonic() - began
    slow = [one for one in crowd if one.is_slow]
    line = (
        f"{subscribers:,}",
        f"{events:,}",
        f"{sum(one.frames for one in crowd) / seconds:,.0f}",
        f"{median(len(one.gaps) for one in slow):.0f}",
        str(sum(one.is_cut for one in crowd)),
        f"{read_back:,}",
        str(sum(one.lost for one in crowd)),
        f"{resident_megabytes(server.process.pid):.0f}",
    )
    return format_table([HEADER, line])


async def burst(
    server: Server, key: str, subscribers: int, events: int
) -> tuple[list[Subscriber], int]:
    start = _page(server, key, after=0)["meta"]["last_seq"]
    end = start + events
    opening = OPENING.format(path="/ws", key=key).encode()
    crowd = [
        Subscriber(opening, start, end, is_slow=n % SLOW_EVERY == 0) for n in range(subscribers)
    ]
    for one in crowd:
        await asyncio.get_running_loop().create_connection(
            functools.partial(lambda found: found, one), sock=small_socket(server.port)
        )
        await one.is_open
    await asyncio.to_thread(make_events, server, key, events)
    await asyncio.wait([one.is_done for one in crowd if not one.is_slow], timeout=PATIENCE)
    for one in crowd:
        if one.is_slow:
            one.transport.resume_reading()
    await asyncio.wait([one.is_done for one in crowd], timeout=PATIENCE)
    read_back = await asyncio.to_thread(fill, server, key, crowd, end)
    for one in crowd:
        one.transport.abort()
    return crowd, read_back


def small_socket(port: int) -> socket.socket:
    """With buffers so small that a reader who sleeps is soon felt by the server."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    plain.connect(("127.0.0.1", port))
    plain.setblocking(False)
    return plain


def make_events(server: Server, key: str, count: int) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for start in range(0, count, AT_ONCE):
        jobs = [{"kind": "demo.sleep", "run_at": later}] * min(AT_ONCE, count - start)
        _call(server, key, "POST", "/api/v1/jobs/bulk", {"jobs": jobs})


def fill(server: Server, key: str, crowd: list[Subscriber], end: int) -> int:
    """Read every gap back, each page once however many miss it; what is not there is lost. How many events."""
    missing: set[int] = set()
    for one in crowd:
        ends = [*one.gaps, (one.last + 1, end)] if one.last < end else one.gaps
        for first, last in ends:
            missing.update(range(first, last + 1))
    found: set[int] = set()
    while missing - found:
        page = _page(server, key, after=min(missing - found) - 1)
        numbers = [event["seq"] for event in page["data"]]
        if not numbers:
            break
        found.update(numbers)
    crowd[0].lost += len(missing - found)
    return len(missing & found)


def _page(server: Server, key: str, *, after: int) -> dict[str, Any]:
    return _call(server, key, "GET", f"/api/v1/events?topic={TOPIC}&after={after}&limit=200")


def _call(server: Server, key: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    found: dict[str, Any] = json.loads(answer.read())
    connection.close()
    if answer.status >= http.HTTPStatus.BAD_REQUEST:
        raise RuntimeError(f"{method} {path}: {answer.status} {found}")
    return found


if __name__ == "__main__":
    main()
