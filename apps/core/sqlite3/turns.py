"""Whose turn it is to write: first come, first served within a process; between processes a lock that the kernel frees.

SQLite lets one writer in. Left alone, the others sleep up to a tenth of a second between their tries, and whoever
happens to try at the right moment is next, so some wait for seconds while the database stands idle.
"""

from __future__ import annotations

import fcntl
import os
from collections import deque
from threading import Lock
from time import monotonic, sleep

TRY_SECONDS = 0.001


class Turns:
    """The turns of one database file, for one process."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._mutex = Lock()
        self._queue: deque[Lock] = deque()
        self._holder: object | None = None
        self._file = -1
        self._process = 0

    def take(self, holder: object, seconds: float) -> bool:
        """Wait for the turn; False when it did not come in time."""
        until = monotonic() + seconds
        if not self._take_here(holder, seconds):
            return False
        try:
            is_taken = self._take_file(until)
        except BaseException:
            self.give(holder)
            raise
        if not is_taken:
            self.give(holder)
        return is_taken

    def give(self, holder: object) -> None:
        """Let the next one in. From somebody whose turn it is not, nothing."""
        with self._mutex:
            if self._holder is not holder:
                return
            if self._file >= 0:
                fcntl.flock(self._file, fcntl.LOCK_UN)
            if self._queue:
                self._holder = self._queue[0]
                self._queue.popleft().release()
            else:
                self._holder = None

    def _take_here(self, holder: object, seconds: float) -> bool:
        with self._mutex:
            if self._holder is None:
                self._holder = holder
                return True
            gate = Lock()
            gate.acquire()
            self._queue.append(gate)
        is_ours = gate.acquire(timeout=seconds)
        with self._mutex:
            if not is_ours and gate in self._queue:
                self._queue.remove(gate)
                return False
            self._holder = holder  # handed over, if at the last moment
            return True

    def _take_file(self, until: float) -> bool:
        if self._process != os.getpid():  # a fork must not share its parent's lock
            self._file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            self._process = os.getpid()
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if monotonic() > until:
                    return False
                sleep(TRY_SECONDS)
            else:
                return True


_all: dict[str, Turns] = {}
_mutex = Lock()


def turns_at(path: str) -> Turns:
    """The process's turns of a database file."""
    with _mutex:
        if path not in _all:
            _all[path] = Turns(path)
        return _all[path]
