"""A proxy that cuts connections: streams of events end after so many bytes of theirs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress


class Cutting:
    """`cut` tells how many were."""

    def __init__(self, port: int, after: int) -> None:
        self._port, self._after = port, after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cut = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(caller,), daemon=True).start()

    def _pass_on(self, caller: socket.socket) -> None:
        with (
            closing(caller),
            suppress(OSError),
            closing(socket.create_connection(("127.0.0.1", self._port))) as server,
        ):
            threading.Thread(target=_pump, args=(caller, server), daemon=True).start()
            passed = b""
            while piece := server.recv(256):
                caller.sendall(piece)
                passed += piece
                stream = passed.partition(b"text/event-stream")[2].partition(b"\r\n\r\n")[2]
                if len(stream) > self._after:
                    self.cut += 1
                    caller.shutdown(socket.SHUT_RDWR)
                    return


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)


@contextmanager
def cutting(port: int, *, after: int) -> Iterator[Cutting]:
    """In front of a server's port on loopback; each stream of events is cut after so many bytes."""
    proxy = Cutting(port, after)
    try:
        yield proxy
    finally:
        proxy.close()
