"""uvicorn as we run it, on a real socket in this process: patience with headers has an end, and draining a beginning."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import pytest

from apps.core.asgi import server as servers
from apps.core.asgi.lifecycle import Lifecycle
from apps.core.asgi.server import DrainingServer, server_config
from tests.rig.process import free_port

seen: ContextVar[str] = ContextVar("seen", default="fresh")


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers the length of the body and whether its context is fresh; `/slow` takes its time."""
    before = seen.get()
    seen.set("used")
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    await asyncio.sleep(0.3 if scope["path"] == "/slow" else 0)
    await asyncio.sleep(30 if scope["path"] == "/stuck" else 0)
    text = f"{before} {length}".encode()
    headers = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


@pytest.fixture
def lifecycle(monkeypatch: pytest.MonkeyPatch) -> Lifecycle:
    """One of this test's own: draining the real one would drain the whole run."""
    made = Lifecycle()
    monkeypatch.setattr(servers, "lifecycle", made)
    return made


@contextmanager
def serving() -> Iterator[tuple[int, DrainingServer]]:
    config = server_config(host="127.0.0.1", port=free_port(), workers=1, grace=1)
    config.app, config.lifespan = application, "off"  # type: ignore[assignment]  # in place of the house
    server = DrainingServer(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield config.port, server
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """One server for all tests that leave it fit for the next."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(servers, "lifecycle", Lifecycle())
        patch.setattr(servers, "HEADER_SECONDS", 0.3)
        with serving() as (port, _):
            yield port


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def read_to_end(connection: socket.socket) -> bytes:
    """All that comes until the server closes; fails by timeout when it does not."""
    received = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return received


def read_answer(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1)
    length = int(received.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return connection.recv(length, socket.MSG_WAITALL)


def drip(connection: socket.socket, part: bytes, times: int) -> None:
    with suppress(OSError):  # cut off, as it should be
        for _ in range(times):
            connection.sendall(part)
            time.sleep(0.05)


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

SLOW: dict[str, Callable[[socket.socket], None]] = {
    "says nothing": lambda connection: None,
    "stops in its first line": lambda connection: connection.sendall(b"GET / HT"),
    "stops in its headers": lambda connection: connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n"),
    "drips": lambda connection: drip(connection, b"a", 20),
    "drips headers": lambda connection: drip(connection, b"GET / HTTP/1.1\r\nA: b\r\n", 20),
}


@pytest.mark.parametrize("behave", SLOW.values(), ids=SLOW)
def test_a_client_slow_with_its_headers_is_cut_off(
    port: int, behave: Callable[[socket.socket], None]
) -> None:
    started = time.monotonic()

    with connect(port) as connection:
        behave(connection)
        read_to_end(connection)

    assert time.monotonic() - started < 3.0


def test_a_second_request_has_the_same_patience(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(GET)
        first = read_answer(connection)
        connection.sendall(b"GET / HT")
        rest = read_to_end(connection)

    assert (first, rest) == (b"fresh 0", b"")


def test_a_quiet_connection_is_kept_between_requests(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(GET)
        answers = [read_answer(connection)]
        time.sleep(0.5)
        connection.sendall(GET[:10])
        time.sleep(0.05)
        connection.sendall(GET[10:])
        answers.append(read_answer(connection))

    assert answers == [b"fresh 0", b"fresh 0"]


def test_a_slow_body_is_no_slow_header(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n12")
        time.sleep(0.5)
        connection.sendall(b"34")

        assert read_answer(connection) == b"fresh 4"


@pytest.mark.parametrize(
    "part",
    [b"A" * 10_000, b"A: " + b"b" * 200 + b"\r\n", b"A: b\r\n"],
    ids=["one name", "long lines", "short lines"],
)
def test_headers_have_a_size(port: int, part: bytes) -> None:
    with connect(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        time.sleep(0.05)
        connection.sendall(part * (70_000 // len(part)))
        received = read_to_end(connection)

    assert received.startswith(b"HTTP/1.1 431 ")


def test_endless_headers_are_not_read_to_their_end(port: int) -> None:
    sent = 0
    with connect(port) as connection, suppress(OSError):
        connection.sendall(b"GET / HTTP/1.1\r\n")
        while sent < 64 * 2**20:  # the kernel takes some megabytes on its own account
            sent += connection.send(b"A: b\r\n" * 10_000)

    assert sent < 64 * 2**20


def test_a_body_with_the_next_request_behind_it_is_no_header(port: int) -> None:
    body = b"x" * 200_000
    with connect(port) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + body + GET[:10]
        )
        first = read_answer(connection)
        connection.sendall(GET[10:])

        assert (first, read_answer(connection)) == (b"fresh 200000", b"fresh 0")


def test_pipelined_requests_share_no_context(port: int) -> None:
    """The second begins inside the first's task: what that had entered must not be found there."""
    with connect(port) as connection:
        connection.sendall(GET * 3)

        assert [read_answer(connection) for _ in range(3)] == [b"fresh 0"] * 3


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"CONNECT a:80 HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_and_closed(port: int, junk: bytes) -> None:
    with connect(port) as connection:
        connection.sendall(junk)
        received = read_to_end(connection)

    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1") == 1


def test_draining_tells_the_house_and_finishes_what_is_open(lifecycle: Lifecycle) -> None:
    with serving() as (port, server), connect(port) as connection:
        connection.sendall(GET.replace(b"/ ", b"/slow "))
        time.sleep(0.1)
        server.should_exit = True
        answer = read_answer(connection)
        was_told = lifecycle.is_draining
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset, either says that nobody listens
            connect(port).recv(1)

    assert (answer, was_told) == (b"fresh 0", True)


def test_draining_ends_with_its_grace(lifecycle: Lifecycle) -> None:
    started = time.monotonic()

    with serving() as (port, server), connect(port) as connection:
        connection.sendall(GET.replace(b"/ ", b"/stuck "))
        time.sleep(0.1)
        server.should_exit = True
        read_to_end(connection)

    assert time.monotonic() - started < 5
