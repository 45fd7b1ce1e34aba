"""The worker's side: one connection for all threads and loops, made anew when it breaks."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

import orjson

from apps.core import json
from apps.core.rpc.place import address_of

CONNECT_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 5.0


class Away(Exception):
    """The server is not there, went away, or did not answer in time."""


class Refused(Exception):
    """The server's handler failed; the message names the error."""


class Client:
    """`call` blocks its thread, `ask` its coroutine; a thread of its own reads what comes back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._pending: dict[int, Future[Any]] = {}
        self._numbers = count(1)
        self.connections = 0
        """How many were made: a number that has grown means that the server was met anew."""

    @property
    def is_connected(self) -> bool:
        return self._socket is not None

    def connect(self) -> None:
        """Raises `Away`."""
        with self._lock:
            if self._socket is not None:
                return
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            made.settimeout(CONNECT_SECONDS)
            try:
                with address_of(self._path) as address:
                    made.connect(address)
            except OSError as error:
                made.close()
                raise Away(str(error)) from error
            made.settimeout(None)
            self._socket = made
            self.connections += 1
        threading.Thread(target=self._listen, args=(made,), name="rpc", daemon=True).start()

    def call(self, method: str, params: Any, seconds: float = ANSWER_SECONDS) -> Any:
        number, answer = self._send(method, params)
        try:
            return answer.result(seconds)
        except TimeoutError:
            self._forget(number)
            raise Away("no answer in time") from None

    async def ask(self, method: str, params: Any, seconds: float = ANSWER_SECONDS) -> Any:
        number, answer = self._send(method, params)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            self._forget(number)
            raise Away("no answer in time") from None
        except asyncio.CancelledError:
            self._forget(number)
            raise

    def close(self) -> None:
        with self._lock:
            connection, self._socket = self._socket, None
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._fail_all()

    def _send(self, method: str, params: Any) -> tuple[int, Future[Any]]:
        number = next(self._numbers)
        answer: Future[Any] = Future()
        self._pending[number] = answer
        try:
            self._write({"id": number, "method": method, "params": params})
        except OSError as error:
            self._pending.pop(number, None)
            self.close()
            raise Away(str(error)) from error
        return number, answer

    def _write(self, question: dict[str, Any]) -> None:
        with self._lock:
            if self._socket is None:
                raise ConnectionError("not connected")
            self._socket.sendall(json.dumps(question) + b"\n")

    def _forget(self, number: int) -> None:
        """Nobody waits for the answer any more: the server need not work on it."""
        self._pending.pop(number, None)
        with suppress(OSError):
            self._write({"id": number, "cancel": True})

    def _listen(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    self._take(orjson.loads(line))
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                if self._socket is connection:
                    self._socket = None
            self._fail_all()

    def _take(self, said: dict[str, Any]) -> None:
        answer = self._pending.pop(said["id"], None)
        if answer is None or not answer.set_running_or_notify_cancel():
            return
        if "error" in said:
            answer.set_exception(Refused(said["error"]))
        else:
            answer.set_result(said["result"])

    def _fail_all(self) -> None:
        while self._pending:
            try:
                _, answer = self._pending.popitem()
            except KeyError:
                return
            if answer.set_running_or_notify_cancel():
                answer.set_exception(Away("the server went away"))
