"""`manage.py serve` and the operator's commands where something is missing, and where people reach what is served."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import OperationalError, connection

from apps.core import commands
from apps.core.commands import NOT_READY
from config.management.commands import serve
from tests.rig.environment import ROOT, program_variables
from tests.rig.process import free_port


def manage(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    ours = program_variables()
    outside = {name: value for name, value in os.environ.items() if name not in ours}
    settings = {
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "SIGNALBOX_DATA_DIR": str(folder),
    }
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**outside, **settings, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.integration
@pytest.mark.parametrize(
    "words",
    [
        ("serve", "--port", "{port}"),
        ("generate_api_key", "--organization", "demo", "--user", "admin"),
        ("verify_audit",),
        ("bootstrap", "--organization", "a", "--email", "a@b.example", "--password", "p"),
    ],
    ids=lambda words: words[0],
)
def test_command_on_an_empty_database_says_what_to_do(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = manage(tmp_path, *(word.format(port=free_port()) for word in words))

    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"CommandError: {NOT_READY}\n")


@pytest.mark.integration
def test_command_without_a_database_server_says_so(tmp_path: Path) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/none"

    done = manage(tmp_path, "list_api_keys", DATABASE_URL=nowhere)

    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: The database does not answer: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.django_db
def test_refuse_pending_migrations_lets_a_ready_database_pass(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIGNALBOX_DATA_DIR = tmp_path
    monkeypatch.setattr(connection, "close", lambda: None)  # the test's own transaction

    serve.refuse_pending_migrations()


@pytest.mark.unit
def test_refuse_pending_migrations_waits_for_no_database(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> bool:
        raise OperationalError("away")

    settings.SIGNALBOX_DATA_DIR = tmp_path
    monkeypatch.setattr(serve, "is_behind", away)

    serve.refuse_pending_migrations()


@pytest.mark.unit
def test_house_command_leaves_other_failures_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(commands.HouseCommand):
        def handle(self, *args: Any, **options: Any) -> None:
            raise OperationalError("disk I/O error")

    monkeypatch.setattr(commands, "is_behind", lambda: False)

    with pytest.raises(OperationalError, match="disk I/O error"):
        Failing().run_from_argv(["manage.py", "failing", "--skip-checks"])


@pytest.mark.unit
def test_house_command_behind_its_code_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(commands.HouseCommand):
        def handle(self, *args: Any, **options: Any) -> None:
            raise OperationalError("no such column")

    monkeypatch.setattr(commands, "is_behind", lambda: True)

    with pytest.raises(CommandError) as caught:
        Failing().execute(skip_checks=True, force_color=False, no_color=False)

    assert str(caught.value) == NOT_READY


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def config_of(port: int, **ssl: str) -> Any:
    return serve.configure(port=port, host="127.0.0.1", workers=1, **ssl)


@pytest.mark.unit
@pytest.mark.parametrize(("ssl", "scheme"), [({}, "http"), ({"ssl_certfile": "cert.pem"}, "https")])
def test_public_url_is_the_port_that_is_served(
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    bound: socket.socket,
    ssl: dict[str, str],
    scheme: str,
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "")  # put back after the test, whatever the call sets
    settings.SIGNALBOX_PUBLIC_URL = "http://localhost:8000"
    here = f"{scheme}://localhost:{bound.getsockname()[1]}"

    url = serve.public_url(config_of(0, **ssl), bound)

    assert (url, settings.SIGNALBOX_PUBLIC_URL) == (here, here)
    assert os.environ["PUBLIC_URL"] == here  # what workers read


@pytest.mark.unit
def test_public_url_that_is_configured_stays(
    settings: Any, monkeypatch: pytest.MonkeyPatch, bound: socket.socket
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://box.example")
    settings.SIGNALBOX_PUBLIC_URL = "https://box.example"

    assert serve.public_url(config_of(0), bound) == "https://box.example"
    assert os.environ["PUBLIC_URL"] == "https://box.example"
