"""One child process seen from the loop: started, spoken to over a socket, noticed when it dies, reaped. No threads."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from apps.models.adapters.trial.supervisor import ENVIRONMENT, ROOT
from apps.models.adapters.workers import frames

MODULE = "apps.models.adapters.workers.child"
PIECE = 256 * 1024
REAP_SECONDS = 0.02


class Process:
    """`on_answer` is called with each document, `on_death` once. It is given one thing to do at a time."""

    def __init__(
        self, memory: int, on_answer: Callable[[Any], None], on_death: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_answer = on_answer
        self._on_death = on_death
        self._heard = bytearray()
        self._unsaid = memoryview(b"")
        self.loaded: set[str] = set()
        self.reaped: asyncio.Future[int] = self._loop.create_future()
        self._is_dead = False
        self._link, theirs = socket.socketpair()
        with theirs:
            self._child = _start(theirs, memory)
        self._link.setblocking(False)
        self._loop.add_reader(self._link, self._hear)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """Looked up, for the loop may not have heard of it yet."""
        if self._is_dead:
            return False
        try:
            return self._link.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def say(self, frame: bytes, files: Sequence[int] = ()) -> None:
        """Nothing else is on its way, so the socket takes the beginning, and the files with it, at once."""
        self._unsaid = memoryview(frame)
        try:
            sent = socket.send_fds(self._link, [frame], list(files)) if files else 0
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            sent = 0
        self._unsaid = self._unsaid[sent:]
        self._write()

    def kill(self) -> None:
        """It and all it started. What comes of it is told as any other death."""
        if not self._child.returncode and not self.reaped.done():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)

    def _write(self) -> None:
        try:
            sent = self._link.send(self._unsaid)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # it is dead, and its end of the socket says so to `_hear`
        self._unsaid = self._unsaid[sent:]
        if self._unsaid:
            self._loop.add_writer(self._link, self._write_on)

    def _write_on(self) -> None:
        self._loop.remove_writer(self._link)
        if not self._is_dead:
            self._write()

    def _hear(self) -> None:
        try:
            piece = self._link.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self.end()
            return
        self._heard += piece
        try:
            answer = frames.take(self._heard)
        except frames.Broken:
            self.end()
            return
        if answer is not None:
            self._on_answer(answer)

    def end(self) -> None:
        """It is dead, or is to be."""
        if self._is_dead:
            return
        self._is_dead = True
        self._loop.remove_reader(self._link)
        self._loop.remove_writer(self._link)
        self._link.close()
        self.kill()  # it may have closed its end and live on
        self._on_death()
        self._reap()

    def _reap(self) -> None:
        """Freeing gigabytes takes the kernel its time, which the loop does not wait for."""
        status = self._child.poll()
        if status is None:
            self._loop.call_later(REAP_SECONDS, self._reap)
        elif not self.reaped.done():
            self.reaped.set_result(status)


def _start(theirs: socket.socket, memory: int) -> subprocess.Popen[bytes]:
    number = theirs.fileno()
    return subprocess.Popen(  # noqa: S603 - our own module, and nothing of the caller's among its words
        [sys.executable, "-s", "-W", "ignore", "-m", MODULE, str(number), str(memory)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=ENVIRONMENT,
        close_fds=True,
        pass_fds=[number],
        start_new_session=True,
    )
