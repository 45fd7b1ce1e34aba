"""uvicorn as we run it: slow headers are cut off, and open streams are told before the server drains."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from socket import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import multiprocess

from apps.core.asgi.lifecycle import lifecycle
from apps.core.ws.protocol import PatientSocketProtocol

SWITCH_SECONDS = 0.0005
"""How long a thread at work may keep the loop from its turn: a tenth of what Python gives it."""
HEADER_SECONDS = 15.0
HEADER_BYTES = 64 * 1024
TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class HeldHead:
    """A transport for one answer that lets its head wait for the body, and no longer than this turn of the loop.

    uvicorn writes the two apart; together they are one system call here and one wake-up there.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None
        self._has_held = False

    def write(self, data: bytes) -> None:
        if not self._has_held:
            self._head, self._has_held = data, True
            self._loop.call_soon(self._let_go)
        elif self._head is not None:
            head, self._head = self._head, None
            self._transport.writelines((head, data))
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._let_go()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _let_go(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.write(head)


class PatientProtocol(HttpToolsProtocol):
    """Gives a client a fixed time from its first byte to the end of its headers, drip as it may, and a fixed size.

    Trailers have the same size, and are dropped.
    """

    _header_timer: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _has_begun = False
    _has_headers = False
    _has_body = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._start_header_timer()

    def data_received(self, data: bytes) -> None:
        self._has_begun = self._has_body = False
        super().data_received(data)
        if self._has_begun and not self._has_headers:
            # Only now: most headers come whole, and a timer that is set to be cancelled costs what a small view does.
            self._start_header_timer()
        if self._has_begun or self._has_body:
            return  # the piece in which a message begins may hold the end of the one before
        # Headers or trailers that are not whole yet; the parser keeps what it has without any bound of its own.
        self._header_bytes += len(data)
        if self._header_bytes > HEADER_BYTES and not self.transport.is_closing():
            self.transport.write(TOO_LONG)
            self._cut_off()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes, self._has_begun, self._has_headers = 0, True, False

    def on_body(self, body: bytes) -> None:
        self._header_bytes, self._has_body = 0, True
        super().on_body(body)

    def on_headers_complete(self) -> None:
        self._has_headers = True
        self._stop_header_timer()
        super().on_headers_complete()
        # A list of its own: uvicorn adds trailers to the other, and they would slip past a proxy that vouches for headers.
        self.scope["headers"] = self.headers[:]

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_header_timer()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.transport = HeldHead(self.transport, self.loop)
        super()._start_asgi_task(cycle, app)

    def _start_header_timer(self) -> None:
        self._stop_header_timer()
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self._cut_off)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _cut_off(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()


class DrainingServer(uvicorn.Server):
    """Tells the house that it drains as soon as the signal arrives, not after the last stream has ended."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def startup(self, sockets: Any = None) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        await super().startup(sockets)

    async def shutdown(self, sockets: Any = None) -> None:
        if self._on_stop is not None:
            self._on_stop()
        await lifecycle.drain()
        await super().shutdown(sockets)


class DrainingProcess(multiprocess.Process):
    """A worker with our server in it; made in the parent, run in the child."""

    @property
    def server(self) -> uvicorn.Server:
        if self._server is None:
            self._server = DrainingServer(self.config)
        return self._server


class Supervisor(multiprocess.Multiprocess):
    """Tells whoever runs beside the workers as soon as the signal arrives."""

    def __init__(
        self, config: uvicorn.Config, sockets: list[socket], on_stop: Callable[[], None] | None
    ) -> None:
        super().__init__(config, sockets=sockets)
        self._on_stop = on_stop

    def terminate_all(self) -> None:
        if self._on_stop is not None:
            self._on_stop()
        super().terminate_all()


def serve_workers(
    config: uvicorn.Config, bound: socket, on_stop: Callable[[], None] | None = None
) -> None:
    """Several processes on one socket, each started anew when it dies; returns after a signal."""
    multiprocess.Process = DrainingProcess  # type: ignore[misc]  # the supervisor takes no class of ours
    Supervisor(config, [bound], on_stop).run()


def server_config(*, host: str, port: int, workers: int, grace: int, **ssl: Any) -> uvicorn.Config:
    return uvicorn.Config(
        "config.asgi:application",
        host=host,
        port=port,
        workers=workers,
        http=PatientProtocol,
        ws=PatientSocketProtocol,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=4096,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=grace,
        ws_max_size=1024 * 1024,
        ws_ping_interval=30.0,
        ws_ping_timeout=30.0,
        ws_per_message_deflate=False,
        reset_contextvars=True,
        **ssl,
    )
