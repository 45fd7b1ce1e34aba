"""The sockets' way past the server's `send`, on real connections: whole frames, and no more than the reader takes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from apps.core import json
from apps.core.asgi import server as servers
from apps.core.asgi.lifecycle import Lifecycle
from apps.core.asgi.server import DrainingServer, server_config
from apps.core.ws.base import SPARE
from apps.core.ws.registry import registry
from apps.events.hub import hub
from tests.factories.doors import KnownTokens, sockets
from tests.factories.events import make_identity, make_published
from tests.rig.process import free_port

pytestmark = pytest.mark.integration

FILLER = "x" * 8_000
MANY = 1_500
"""Of these, more than the kernel takes for a reader that sleeps."""


@pytest.fixture(autouse=True)
def lifecycle(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of this test's own: draining the real one would drain the whole run."""
    monkeypatch.setattr(servers, "lifecycle", Lifecycle())


@contextmanager
def serving(application: Any) -> Iterator[int]:
    config = server_config(host="127.0.0.1", port=free_port(), workers=1, grace=1)
    config.app, config.lifespan = application, "off"
    server = DrainingServer(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield config.port
    finally:
        server.should_exit = True
        thread.join(10)


def open_socket(port: int, key: str = "") -> ClientConnection:
    """A client whose buffers are as small as they come, and who reads nothing unasked."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", port))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return connect(f"ws://127.0.0.1:{port}/ws", sock=plain, additional_headers=headers, max_queue=1)


def read_to_the_end(client: ClientConnection) -> None:
    while True:
        client.recv(5)


def test_frame_of_any_length_arrives_whole() -> None:
    texts = ["", "é", "x" * 125, "x" * 126, "ü" * 40_000, "x" * 65_535, "x" * 65_536]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for text in texts:
            while not send.__self__.write_text(text):
                await send({"type": "websocket.send", "text": "wait"})
        await receive()

    with serving(application) as port, open_socket(port) as client:
        heard: list[Any] = []
        while len(heard) < len(texts):
            text = client.recv(5)
            heard += [] if text == "wait" else [text]

    assert heard == texts


def test_nothing_is_written_before_the_handshake_after_the_close_or_to_nobody() -> None:
    taken: list[bool] = []
    is_over = threading.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        write = send.__self__.write_text
        await receive()
        taken.append(write("too soon"))
        await send({"type": "websocket.accept"})
        taken.append(write("hello"))
        await receive()
        taken.append(write("too late"))
        is_over.set()

    with serving(application) as port:
        with open_socket(port) as client:
            heard = client.recv(5)
        is_over.wait(5)

    assert (heard, taken) == ("hello", [False, True, False])


def test_reader_that_sleeps_is_told_of_its_gaps(tokens: KnownTokens, settings: Any) -> None:
    settings.SIGNALBOX_SOCKET_CAPACITY = 8
    tokens.identities["admin"] = make_identity()

    with serving(sockets) as port, open_socket(port, "admin") as client:
        client.send('{"type":"subscribe","topics":["audit.events"]}')
        client.recv(5)
        for number in range(1, MANY + 1):
            hub.publish([make_published(number, data={"filler": FILLER})])
        time.sleep(0.3)
        (consumer,) = registry._sockets
        is_direct = consumer._write_now is not None  # type: ignore[attr-defined]  # the socket behind it
        waiting = len(consumer._outgoing)  # type: ignore[attr-defined]  # as above
        covered, gaps, last = 0, 0, 0
        while last < MANY:
            frame = json.parse(client.recv(5).encode())  # type: ignore[union-attr]  # frames are text
            first, last = frame.get("from", frame.get("seq")), frame.get("to", frame.get("seq"))
            assert first == covered + 1
            covered, gaps = last, gaps + (frame["type"] == "gap")
        hub.publish([make_published(MANY + 1)])
        after = json.parse(client.recv(5).encode())  # type: ignore[union-attr]  # as above

    assert (is_direct, 0 < waiting <= 8 + SPARE) == (True, True)
    assert (gaps > 0, after["seq"]) == (True, MANY + 1)


def test_reader_that_never_wakes_is_cut_off(
    tokens: KnownTokens, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIGNALBOX_SOCKET_CAPACITY = 8
    monkeypatch.setattr("apps.core.ws.consumer.STALLED_SECONDS", 0.1)
    monkeypatch.setattr("apps.core.ws.base.CUT_SECONDS", 0.1)
    tokens.identities["admin"] = make_identity()

    with serving(sockets) as port, open_socket(port, "admin") as client:
        client.send('{"type":"subscribe","topics":["audit.events"]}')
        client.recv(5)
        for number in range(1, MANY + 1):
            hub.publish([make_published(number, data={"filler": FILLER})])
        deadline = time.monotonic() + 5
        while registry.count and time.monotonic() < deadline:
            time.sleep(0.02)
        left = registry.count
        with pytest.raises(ConnectionClosed):
            read_to_the_end(client)

    assert left == 0
