"""What the suite stands on holds: the network is closed, children end, databases are the right ones."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from asgiref.sync import sync_to_async
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from tests.rig.environment import ROOT, program_variables
from tests.rig.network import ClosedNetwork, NetworkClosedError, is_loopback
from tests.rig.process import Process, StartError
from tests.rig.stack import why_unavailable


def test_connecting_outside_raises_and_is_remembered(closed_network: ClosedNetwork):
    with socket.socket() as outside, pytest.raises(NetworkClosedError):
        outside.connect(("192.0.2.1", 80))

    assert closed_network.attempts == ["socket.connect 192.0.2.1"]
    closed_network.attempts.clear()


def test_looking_up_a_name_raises_and_is_remembered(closed_network: ClosedNetwork):
    with pytest.raises(NetworkClosedError):
        socket.getaddrinfo("example.com", 443)

    assert closed_network.attempts == ["socket.getaddrinfo example.com"]
    closed_network.attempts.clear()


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("::ffff:10.0.0.1", False),
        ("localhost.example.com", False),
    ],
)
def test_is_loopback(host: str, answer: bool):
    assert is_loopback(host) == answer


def test_process_ends_with_its_status_and_its_log(tmp_path: Path):
    process = Process([sys.executable, "-c", "print('said'); exit(3)"], log=tmp_path / "log")

    assert process.wait(10) == 3
    assert process.tail() == "said"
    process.close()


def test_killed_process_says_by_which_signal(tmp_path: Path):
    process = Process([sys.executable, "-c", "import time; time.sleep(60)"], log=tmp_path / "log")

    assert process.kill() == 128 + signal.SIGKILL
    process.close()


def test_program_that_is_missing_is_a_start_error(tmp_path: Path):
    with pytest.raises(StartError, match="no-such-program"):
        Process(["no-such-program"], log=tmp_path / "log")


def test_child_ends_when_the_run_is_killed(tmp_path: Path):
    script = (
        "import sys, time; from pathlib import Path; from tests.rig.process import Process;"
        "child = Process([sys.executable, '-c', 'import time; time.sleep(60)'], log=Path(sys.argv[1]));"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "log")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        child = psutil.Process(int(run.stdout.readline()))

        run.kill()

    child.wait(10)
    assert not child.is_running()


def test_database_is_the_stack_s(pytestconfig: pytest.Config):
    wanted = "postgresql" if pytestconfig.getoption("stack") == "postgres" else "sqlite"

    assert why_unavailable() == ""
    assert connection.vendor == wanted


def test_environment_holds_only_what_the_rig_chose():
    ours = program_variables() & set(os.environ)

    assert ours - {"DATABASE_URL", "REDIS_URL", "SIGNALBOX_DATA_DIR"} == set()
    assert Path(os.environ["SIGNALBOX_DATA_DIR"]).parts[:2] != ROOT.parts[:3]


async def test_coroutine_test_sees_its_own_transaction(db: None):
    await sync_to_async(ContentType.objects.create)(app_label="rig", model="signal")

    found = await sync_to_async(ContentType.objects.filter(app_label="rig").count)()

    assert found == 1


@pytest.mark.parametrize("turn", [1, 2])
def test_database_is_clean_at_every_turn(db: None, turn: int):
    assert ContentType.objects.filter(app_label="rig").count() == 0
    ContentType.objects.create(app_label="rig", model=f"signal{turn}")


def test_clock_of_a_wait_is_bounded(tmp_path: Path):
    started = time.monotonic()
    process = Process([sys.executable, "-c", "import time; time.sleep(60)"], log=tmp_path / "log")

    with pytest.raises(StartError, match="not ready after"):
        process.wait_until(lambda: False, timeout=0.2, what="a sleeper")

    assert time.monotonic() - started < 15
    assert not process.is_running()
