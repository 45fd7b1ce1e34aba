"""The server's side: one task a question, so that one that waits holds nobody up."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from apps.core import json
from apps.core.rpc.place import address_of

log = structlog.get_logger(__name__)
MOST_BYTES: Final = 16 * 1024 * 1024
"""Of a question: a drained batch of records is one."""


class Session:
    """One connection. `on_end` is called when it is gone."""

    def __init__(self) -> None:
        self.on_end: list[Callable[[], None]] = []
        self.kept: dict[str, Any] = {}
        """What handlers remember of it."""


Handler = Callable[[Session, Any], Awaitable[Any]]
_handlers: dict[str, Handler] = {}


def answers(method: str, handler: Handler) -> None:
    """Let `handler(session, params)` answer the questions of that name."""
    _handlers[method] = handler


class Server:
    """Listens at a path for as long as it is not closed. A file left there by a dead server is taken away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener: asyncio.Server | None = None
        self._inode = 0
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            with address_of(self._path) as address:
                listening.bind(address)
        finally:
            os.umask(mask)
        self._inode = self._path.stat().st_ino
        listening.setblocking(False)
        self._listener = await asyncio.start_unix_server(
            self._talk, sock=listening, limit=MOST_BYTES
        )

    async def close(self) -> None:
        if self._listener is None:
            return
        self._listener.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        with suppress(OSError):
            if self._path.stat().st_ino == self._inode:  # not yet another server's
                self._path.unlink()
        self._listener = None

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        session, asked = Session(), dict[int, asyncio.Task[None]]()
        try:
            while line := await reader.readline():
                question = orjson.loads(line)
                number = question["id"]
                if question.get("cancel"):
                    if number in asked:
                        asked[number].cancel()
                    continue
                asked[number] = asyncio.create_task(_answer(session, question, writer))
                asked[number].add_done_callback(lambda _, n=number: asked.pop(n, None))  # type: ignore[misc]  # a default binds the number
        except (ConnectionError, ValueError, KeyError, asyncio.CancelledError) as error:
            log.debug("rpc_talk_ended", error=repr(error))
        finally:
            self._talks.discard(task)
            for each in list(asked.values()):
                each.cancel()
            for call in session.on_end:
                call()
            writer.close()


async def _answer(session: Session, question: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    answer: dict[str, Any] = {"id": question["id"]}
    try:
        answer["result"] = await _handlers[question["method"]](session, question["params"])
    except Exception as error:  # noqa: BLE001 - the one who asked is told
        answer["error"] = type(error).__name__
    writer.write(json.dumps(answer) + b"\n")
