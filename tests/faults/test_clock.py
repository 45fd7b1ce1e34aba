"""Somebody sets the clock an hour ahead or back while jobs run: none runs twice, nothing stands still, no time is negative."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.faults.ledger import read_ledger
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = pytest.mark.integration

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
HOUR = 3600


class Clock:
    """The clock of all processes that are started with its environment; `set` moves it by that many seconds."""

    def __init__(self, folder: Path) -> None:
        if not LIBRARIES:
            pytest.skip("NO CLOCK SET: apt-get install faketime")
        self._file = folder / "clock"
        self.set(0)

    def set(self, seconds: int) -> None:
        self._file.write_text(f"{seconds:+d}\n")

    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_clock_set_while_jobs_run(
    site: Site, tmp_path: Path, jump: int, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("stack") != "postgres":
        # SQLite's writers sleep for their turn, and the library makes `time.sleep` fail.
        pytest.skip("the clock is set with --stack=postgres")
    clock = Clock(tmp_path)
    site.env |= {"SIGNALBOX_JOB_LEASE": "3", "SIGNALBOX_JOB_THREADS": "2"}
    server = site.start(env=clock.environment())
    limited = server.as_key(site.mint_key("user", "--limit", "all=20/m"))
    before = [limited.get("/api/v1/jobs?limit=1").status for _ in range(20)]
    running = [submit(server, 5.0) for _ in range(2)]
    wait_until_running(server, running)
    queued = [submit(server, 0.1) for _ in range(3)]

    assert {job["status"] for job in look(server, running)} == {"running"}
    clock.set(jump)
    later = submit(server, 0.1)
    refused = limited.get("/api/v1/jobs?limit=1")
    ended = wait_until_ended(server, [*running, *queued, later])

    assert abs(seconds_between(ended[0], ended[-1]) - jump) < 60  # else the clock was not set
    assert {job["status"] for job in ended} == {"completed"}
    assert {job["attempts"] for job in ended} == {1}
    assert [job for job in ended if job["finished_at"] < job["started_at"]] == []
    assert before == [200] * 20
    assert (refused.status, int(refused.headers["Retry-After"]) <= 60) == (429, True)
    ledger = read_ledger(site)
    assert ledger.told_other_than_once() == {}
    assert ledger.broken_channels() == {}


def seconds_between(first: dict[str, Any], second: dict[str, Any]) -> float:
    made = [datetime.fromisoformat(job["created_at"]) for job in (first, second)]
    return (made[1] - made[0]).total_seconds()


def submit(server: ServerProcess, seconds: float) -> str:
    body = {"kind": "demo.sleep", "payload": {"seconds": seconds}}
    answer = server.post("/api/v1/jobs", json=body)
    assert answer.status == 202, answer.text
    return str(answer.json()["job_id"])


def look(server: ServerProcess, jobs: list[str]) -> list[dict[str, Any]]:
    return [server.get(f"/api/v1/jobs/{one}").json() for one in jobs]


def wait_until_running(server: ServerProcess, jobs: list[str]) -> None:
    until = time.monotonic() + 20
    while {job["status"] for job in look(server, jobs)} != {"running"}:
        assert time.monotonic() < until
        time.sleep(0.05)


def wait_until_ended(server: ServerProcess, jobs: list[str]) -> list[dict[str, Any]]:
    until = time.monotonic() + 15
    while True:
        found = look(server, jobs)
        if {job["status"] for job in found} <= {"completed", "failed"}:
            return found
        assert time.monotonic() < until, [(job["status"], job["attempts"]) for job in found]
        time.sleep(0.1)
