"""The real server as a process of its own: started, asked, logged, stopped, killed."""

from __future__ import annotations

import http.client
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.rig.environment import ROOT
from tests.rig.http import Answer, Client
from tests.rig.process import Process, free_port

READY_TIMEOUT = 45.0  # a loaded machine with two cores starts Django slowly


class ServerProcess:
    """`client` carries the site's admin key, `anonymous` none; `as_key(key)` another."""

    def __init__(
        self,
        kind: str,
        *,
        environment: Mapping[str, str],
        log: Path,
        key: str,
        workers: int,
        port: int | None,
        options: tuple[str, ...],
    ) -> None:
        self.kind = kind
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = Client(self.url, key)
        self.anonymous = Client(self.url)
        self._process = Process(
            [sys.executable, "manage.py", *self._arguments(workers), *options],
            log=log,
            env=environment,
            cwd=ROOT,
        )

    def _arguments(self, workers: int) -> list[str]:
        if self.kind == "runserver":
            return ["runserver", "--noreload", f"127.0.0.1:{self.port}"]
        return [
            self.kind, "--host", "127.0.0.1", "--port", str(self.port), "--workers", str(workers),
        ]  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def websocket_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    @property
    def log(self) -> str:
        """All it has printed so far."""
        return self._process.log.read_text(errors="replace")

    def as_key(self, key: str) -> Client:
        return Client(self.url, key)

    def get(self, path: str, **options: Any) -> Answer:
        return self.client.get(path, **options)

    def post(self, path: str, **options: Any) -> Answer:
        return self.client.post(path, **options)

    def request(self, method: str, path: str, **options: Any) -> Answer:
        return self.client.request(method, path, **options)

    def is_running(self) -> bool:
        return self._process.is_running()

    def wait_until_ready(self) -> None:
        what = f"manage.py {self.kind}"
        self._process.wait_until(self._is_healthy, timeout=READY_TIMEOUT, what=what)

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def signal(self, number: signal.Signals) -> None:
        self._process.signal(number)

    def terminate(self, timeout: float = 30.0) -> int:
        """SIGTERM, as an operator's supervisor would; the exit status."""
        return self._process.terminate(timeout)

    def kill(self) -> int:
        """kill -9: nothing is flushed, nothing is said goodbye to."""
        return self._process.kill()

    def close(self) -> None:
        self._process.close()
