"""`manage.py up` as a stranger meets it: an empty folder, a process, a port."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from config.env import read_environment
from tests.rig.environment import ROOT, program_variables
from tests.rig.http import Client
from tests.rig.process import Process, free_port

STARTS_WITHIN = 45.0  # the first time, on a loaded machine
AGAIN_WITHIN = 5.0
FIRST_WORDS = ["URL", "admin", "user", "approver", "key"]


class Up:
    """One house in a folder of its own, started as often as a test likes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.starts = 0
        self.seconds = 0.0

    def environment(self) -> dict[str, str]:
        ours = program_variables()
        outside = {name: value for name, value in os.environ.items() if name not in ours}
        return {
            **outside,
            "DJANGO_SETTINGS_MODULE": "config.settings.development",
            "SIGNALBOX_DATA_DIR": str(self.folder / "data"),
            "PORT": str(self.port),
            "API_PORT": "1",
        }

    @contextmanager
    def running(self) -> Iterator[Process]:
        self.starts += 1
        started = time.monotonic()
        process = Process(
            [sys.executable, "manage.py", "up"],
            log=self.folder / f"up-{self.starts}.log",
            env=self.environment(),
            cwd=ROOT,
        )
        try:
            process.wait_until(self._is_healthy, timeout=STARTS_WITHIN, what="manage.py up")
            self.seconds = time.monotonic() - started
            yield process
        finally:
            process.close()

    def try_again(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", "up", *options],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=STARTS_WITHIN,
            check=False,
        )

    def lines(self) -> list[str]:
        """What the last start said."""
        return (self.folder / f"up-{self.starts}.log").read_text().splitlines()

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@pytest.fixture
def up(tmp_path: Path) -> Up:
    return Up(tmp_path)


@pytest.mark.journey
def test_up_shows_everything_once_and_then_the_address_alone(up: Up) -> None:
    with up.running():
        said = up.lines()
        pattern = (
            rf"URL http://localhost:{up.port}\n"
            r"admin admin@demo\.example / (\S{16})\n"
            r"user user@demo\.example / \S{16}\n"
            r"approver approver@demo\.example / \S{16}\n"
            r"key (ltb_[\w-]{43})"
        )
        match = re.fullmatch(pattern, "\n".join(said))
        assert match, said
        password, key = match.groups()
        by_key = Client(up.url, key).get("/api/v1/auth/me").json()
        models = Client(up.url, key).get("/models").json()["models"]
        login = {"email": "admin@demo.example", "password": password}
        signed_in = Client(up.url).post("/api/v1/auth/login", json=login).json()
    assert (by_key["organization"]["slug"], by_key["role"]) == ("demo", "admin")
    assert signed_in["user"] == by_key["user"]
    assert [(model["name"], len(model["versions"])) for model in models] == [("churn-predictor", 2)]

    with up.running():
        assert up.lines() == [f"URL http://localhost:{up.port}"]
        assert up.seconds < AGAIN_WITHIN
        members = Client(up.url, key).get("/api/v1/members").json()
    assert members["meta"]["total"] == 3


@pytest.mark.integration
def test_up_ends_without_a_word_at_ctrl_c_and_leaves_nobody_behind(up: Up) -> None:
    with up.running() as process:
        family = psutil.Process(process.pid).children(recursive=True)
        process.signal(signal.SIGINT)
        status = process.wait(15)

    assert (status, [line.split()[0] for line in up.lines()]) == (0, FIRST_WORDS)
    assert len(family) >= 1
    assert [one for one in family if one.is_running()] == []


@pytest.mark.integration
def test_up_says_in_one_sentence_that_the_port_is_taken(up: Up) -> None:
    with socket.create_server(("127.0.0.1", up.port)):
        done = up.try_again()

    sentence = f"CommandError: 127.0.0.1:{up.port} is taken or not ours to listen on.\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)
    assert not (up.folder / "data" / "signalbox.sqlite3").exists()


@pytest.mark.integration
def test_up_refuses_a_port_that_is_none(up: Up) -> None:
    done = up.try_again("--port", "70000")

    sentence = "CommandError: 127.0.0.1:70000 is taken or not ours to listen on.\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)


@pytest.mark.unit
@pytest.mark.parametrize(("variables", "port"), [({}, 0), ({"PORT": "8123"}, 8123)])
def test_environment_reads_port(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], port: int
) -> None:
    monkeypatch.delenv("PORT", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert read_environment().port == port
