"""Workers of one machine find each other in a folder: a named pipe to be rung by, a locked file as the sign of life.

The lock is the kernel's: it is gone the moment its process is, however that died. So a worker's jobs need not wait
for their lease when somebody on the same machine is there to look.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

from django.conf import settings

BELL, LOCK = ".bell", ".lock"
LISTEN_SECONDS = 1.0


def folder() -> Path:
    path: Path = settings.SIGNALBOX_DATA_DIR / "workers"
    return path


def host() -> str:
    """This machine's name, fit for the name of a file."""
    return "".join(char if char.isalnum() else "-" for char in socket.gethostname())[:40]


def ring(jobs: list[Any]) -> None:
    """Wake the workers of this machine. A pipe nobody reads, or one that is full, needs no ring."""
    try:
        bells = [entry.path for entry in os.scandir(folder()) if entry.name.endswith(BELL)]
    except OSError:
        return  # no worker was ever here
    for bell in bells:
        with contextlib.suppress(OSError):
            descriptor = os.open(bell, os.O_WRONLY | os.O_NONBLOCK)
            try:
                os.write(descriptor, b".")
            finally:
                os.close(descriptor)


class Presence:
    """This worker's own pipe and lock, from `enter` to `leave` or its death."""

    def __init__(self, name: str) -> None:
        self._bell = folder() / f"{name}{BELL}"
        self._lock = folder() / f"{name}{LOCK}"
        self._pipe = self._file = -1
        self._is_here = False

    def enter(self, hear: Callable[[], None]) -> None:
        folder().mkdir(parents=True, exist_ok=True)
        # Locked before it has its name: nobody ever sees a living worker's file unlocked.
        young = self._lock.with_suffix(".young")
        self._file = os.open(young, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        young.rename(self._lock)
        os.mkfifo(self._bell, 0o600)
        # For reading and writing, or each ringer's hanging up would look like the end.
        self._pipe = os.open(self._bell, os.O_RDWR | os.O_NONBLOCK)
        self._is_here = True
        Thread(target=self._listen, args=(hear,), name="bell", daemon=True).start()

    def leave(self) -> None:
        self._is_here = False
        for path in (self._bell, self._lock):
            path.unlink(missing_ok=True)
        os.close(self._file)

    def _listen(self, hear: Callable[[], None]) -> None:
        while self._is_here:
            readable, _, _ = select.select([self._pipe], [], [], LISTEN_SECONDS)
            if readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._pipe, 65536)
                hear()
        os.close(self._pipe)


def bury_dead() -> Iterator[str]:
    """Names of workers of this machine that have died; each is forgotten once the caller has dealt with it."""
    with contextlib.suppress(FileNotFoundError):
        for lock in folder().glob(f"{host()}*{LOCK}"):
            if (descriptor := _take(lock)) is None:
                continue
            try:
                yield lock.name.removesuffix(LOCK)
                lock.with_suffix(BELL).unlink(missing_ok=True)
                lock.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


def _take(lock: Path) -> int | None:
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
