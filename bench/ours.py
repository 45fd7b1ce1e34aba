"""Our own server on a fresh data directory, seeded by its own commands and its own API."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import ROOT
from bench.servers import Server, free_port, plain_environment

ORGANIZATION = "bench"
EMAIL = "bench@example.com"
PASSWORD = "signal-box-lever-42"  # noqa: S105 - of an installation that lives for minutes
RATE = "100000/s"
"""Nobody runs into it, and every call is counted against it all the same."""


class CommandFailed(RuntimeError):
    """A management command failed; the message holds what it printed."""


@dataclass
class House:
    """One installation; several servers may run on it, one after the other or side by side."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    key: str = ""

    def __post_init__(self) -> None:
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "bench.settings",
            "SIGNALBOX_DATA_DIR": str(self.folder / "house"),
            **self.environment,
        }

    def lay_out(self) -> None:
        """Tables, one organisation, one admin and the key that all calls carry."""
        self.manage("migrate", "--verbosity", "0")
        owner = ("--organization", ORGANIZATION)
        self.manage("bootstrap", *owner, "--email", EMAIL, "--password", PASSWORD)
        made = self.manage(
            "generate_api_key", *owner, "--user", EMAIL, "--role", "admin", "--limit", f"all={RATE}"
        )
        self.key = made.strip().splitlines()[-1]

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=plain_environment() | self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        if done.returncode:
            raise CommandFailed(f"manage.py {arguments[0]}:\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout

    def start(
        self,
        *,
        cores: set[int],
        name: str = "ours",
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> Server:
        port = free_port()
        command = [sys.executable, "manage.py", "serve", "--host", "127.0.0.1", "--port", str(port)]
        return Server(
            name,
            [*command, "--workers", str(workers)],
            port=port,
            cores=cores,
            folder=self.folder,
            environment=self.environment | dict(environment or {}),
        )

    def fill(self, server: Server, rows: int) -> None:
        """As many keys as the list needs, made one after the other through the API."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        for number in range(rows):
            body = json.dumps({"name": f"Key {number}", "role": "viewer"})
            connection.request("POST", "/api/v1/keys", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != http.HTTPStatus.CREATED:
                raise CommandFailed(f"POST /api/v1/keys: {answer.status} {text[:500]!r}")
        connection.close()
