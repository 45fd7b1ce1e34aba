"""Large results on a real server: kept as a file by the worker, thread or child, and had at `links.result`."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = pytest.mark.integration

MANY = 2_000_000


def run(server: ServerProcess, kind: str, **payload: Any) -> dict[str, Any]:
    """The job as it is after its end."""
    ticket = server.post("/api/v1/jobs", json={"kind": kind, "payload": payload}).json()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        job: dict[str, Any] = server.get(f"/api/v1/jobs/{ticket['job_id']}").json()
        if job["status"] not in ("queued", "running"):
            return job
        time.sleep(0.1)
    raise AssertionError(job)


@pytest.mark.parametrize("kind", ["demo.sleep", "demo.compute"])
def test_large_result_is_had_at_its_link(kind: str, shared_server: ServerProcess) -> None:
    job = run(shared_server, kind, seconds=0.1, result_bytes=MANY)

    answer = shared_server.get(job["links"]["result"])

    assert job["status"] == "completed"
    assert (job["result"]["url"], job["result"]["size"]) == (
        job["links"]["result"],
        len(answer.body),
    )
    assert json.loads(answer.body) == {"slept": 0.1, "steps": 1, "filling": "z" * MANY}
    assert answer.headers["content-disposition"] == f'attachment; filename="{job["id"]}.json"'


def test_large_result_is_not_had_without_a_key_or_by_a_stranger(
    shared_site: Site, shared_server: ServerProcess
) -> None:
    job = run(shared_server, "demo.sleep", seconds=0.0, result_bytes=MANY)
    shared_site.manage(
        "bootstrap", "--organization", "elsewhere", "--email", "b@example.com", "--password",
        shared_site.password,
    )  # fmt: skip
    printed = shared_site.manage(
        "generate_api_key", "--organization", "elsewhere", "--user", "b@example.com", "--role",
        "admin",
    )  # fmt: skip
    stranger = shared_server.as_key(printed.strip().splitlines()[-1])

    assert shared_server.anonymous.get(job["links"]["result"]).status == 401
    assert stranger.get(job["links"]["result"]).status == 404
