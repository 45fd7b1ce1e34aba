"""The development server with its worker: one, however often the code is loaded anew, and none left behind."""

from __future__ import annotations

import http.client
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.rig.environment import ROOT
from tests.rig.http import Client
from tests.rig.process import Process, free_port
from tests.rig.site import Site

pytestmark = pytest.mark.integration


class Reloading:
    """`manage.py runserver` with its autoreload, watching a module of the test's own."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.module = folder / "watched_by_the_test.py"
        self.module.write_text("VALUE = 1\n")
        (folder / "sitecustomize.py").write_text("import watched_by_the_test\n")
        self.port = free_port()
        self.client = Client(f"http://127.0.0.1:{self.port}", site.key)
        self.process = Process(
            [sys.executable, "manage.py", "runserver", f"127.0.0.1:{self.port}"],
            log=folder / "runserver.log",
            env={**site.environment(), "PYTHONPATH": str(folder)},
            cwd=ROOT,
        )
        self.process.wait_until(self.answers, timeout=60, what="runserver")

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def workers(self) -> list[int]:
        return workers_below(self.process.pid)

    def reload(self) -> None:
        self.module.write_text(f"VALUE = {time.time()}\n")


def workers_below(pid: int) -> list[int]:
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if "worker" in process.cmdline() and "--embedded" in process.cmdline():
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def wait_until(is_so: Callable[[], bool], timeout: float = 40.0) -> None:
    until = time.monotonic() + timeout
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture
def reloading(site: Site, tmp_path: Path) -> Iterator[Reloading]:
    running = Reloading(site, tmp_path)
    yield running
    running.process.close()


def test_one_worker_runs_jobs_and_is_begun_anew_with_the_code(reloading: Reloading) -> None:
    wait_until(lambda: len(reloading.workers()) == 1)
    (first,) = reloading.workers()
    payload = {"kind": "demo.sleep", "payload": {"seconds": 8.0, "steps": 2}}
    job = reloading.client.post("/api/v1/jobs", json=payload).json()["job_id"]

    def standing() -> dict[str, object]:
        return dict(reloading.client.get(f"/api/v1/jobs/{job}").json())

    wait_until(lambda: standing()["status"] == "running")
    reloading.reload()
    wait_until(lambda: reloading.workers() not in ([], [first]))
    wait_until(reloading.answers)
    wait_until(lambda: standing()["status"] == "completed")

    assert len(reloading.workers()) == 1
    assert not psutil.pid_exists(first)
    assert standing()["attempts"] == 1  # given back by its first worker, not lost


def test_worker_ends_with_the_server(site: Site) -> None:
    server = site.start("runserver")
    wait_until(lambda: len(workers_below(server.pid)) == 1)
    (worker,) = workers_below(server.pid)

    server.signal(signal.SIGTERM)

    wait_until(lambda: not psutil.pid_exists(worker))


def test_no_worker_where_others_do_the_work(site: Site) -> None:
    server = site.start("runserver", env={"SIGNALBOX_EMBEDDED_WORKER": "false"})

    time.sleep(2)

    assert workers_below(server.pid) == []
