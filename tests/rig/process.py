"""Child processes that cannot outlive the test run, with their output kept in a file."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

KEEPER = Path(__file__).with_name("keeper.py")


class StartError(RuntimeError):
    """A server did not come up; the message ends with the tail of its log."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """One child under the keeper: `pid` is the child's own, `log` what it printed."""

    def __init__(
        self,
        command: Sequence[str | os.PathLike[str]],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        polite: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.log = log
        self._polite = polite
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", str(KEEPER), polite.name, *map(str, command)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.PIPE,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        assert self._keeper.stderr is not None
        first = self._keeper.stderr.readline()
        if not first.strip().isdigit():
            self._keeper.communicate()
            raise StartError(first.decode(errors="replace").strip())
        self.pid = int(first)

    def is_running(self) -> bool:
        return self._keeper.poll() is None

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_until(self, is_ready: Callable[[], bool], *, timeout: float, what: str) -> None:
        deadline = time.monotonic() + timeout
        while not is_ready():
            if not self.is_running():
                raise StartError(f"{what} ended before it was ready:\n{self.tail()}")
            if time.monotonic() > deadline:
                self.close()
                raise StartError(f"{what} was not ready after {timeout:.0f} s:\n{self.tail()}")
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        if self.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self, timeout: float = 15.0) -> int:
        """Ask politely, insist after the timeout; the exit status, 128 + n for signal n."""
        self.signal(self._polite)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """kill -9: no farewell, no flush. Its own children, if any, are left to it."""
        self.signal(signal.SIGKILL)
        return self.wait(10)

    def wait(self, timeout: float) -> int:
        return self._keeper.wait(timeout)

    def close(self) -> None:
        """End it and whatever it left behind."""
        self.terminate()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._keeper.pid, signal.SIGKILL)
        for pipe in (self._keeper.stdin, self._keeper.stderr):
            if pipe is not None:
                pipe.close()
