"""Many jobs and their callbacks, on a real server: each told once, signed, of its own end and of the group's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.factories.receiver import Receiver, status
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = pytest.mark.integration


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def wait_for(receiver: Receiver, count: int, path: str) -> None:
    until = time.monotonic() + 40
    while len(receiver.at(path)) < count:
        assert time.monotonic() < until
        time.sleep(0.1)


def told(receiver: Receiver, path: str, secret: str) -> list[tuple[str, str, str]]:
    bodies = [Webhook(secret).verify(one.body, one.headers) for one in receiver.at(path)]
    return [
        (body["type"], body["data"]["job_id"], body["data"]["kind"])
        for body in bodies
        if isinstance(body, dict)
    ]


def test_bulk_calls_back_for_the_group_and_for_each_that_asks(
    site: Site, receiver: Receiver
) -> None:
    receiver.answers["/group"] = [status(410), status(200)]
    allowed = {"SIGNALBOX_ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{receiver.port}"}
    server = site.start(env=allowed)
    secret = server.get("/api/v1/webhooks/callback-secret").json()["secret"]
    job: dict[str, Any] = {"kind": "demo.sleep", "payload": {"seconds": 0.1}}

    answer = server.post(
        "/api/v1/jobs/bulk",
        json={
            "name": "nightly",
            "callback_url": receiver.url("/group"),
            "jobs": [job, {**job, "callback_url": receiver.url("/one")}, job],
        },
    )
    ticket = answer.json()
    wait_for(receiver, 1, "/group")
    wait_for(receiver, 1, "/one")

    assert answer.status == 202
    assert told(receiver, "/one", secret) == [
        ("jobs.job.completed", ticket["jobs"][1], "demo.sleep")
    ]
    assert told(receiver, "/group", secret) == [
        ("jobs.job.completed", ticket["job_id"], "jobs.group")
    ]
    replay(server, ticket["job_id"])
    wait_for(receiver, 2, "/group")
    first, again = receiver.at("/group")
    assert (again.body, again.headers["webhook-id"]) == (first.body, first.headers["webhook-id"])
    assert len(receiver.at("/one")) == 1


def replay(server: ServerProcess, job_id: str) -> None:
    """Send the callback of a job again, found by the job, once it has been given up."""
    until = time.monotonic() + 20
    while True:
        listed = server.get(f"/api/v1/webhooks/callbacks?job={job_id}&state=failed").json()["data"]
        if listed:
            break
        assert time.monotonic() < until
        time.sleep(0.1)
    (delivery,) = listed
    assert (delivery["webhook"], delivery["job"]) == (None, job_id)
    answer = server.post(f"/api/v1/webhooks/deliveries/{delivery['id']}/replay")
    assert (answer.status, answer.json()["state"]) == (202, "pending")
