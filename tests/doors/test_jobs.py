"""REST: jobs."""

from __future__ import annotations

from typing import Any

from apps.jobs.domain.states import State
from apps.jobs.permissions import JobPermission
from tests.client import Answer, GateClient
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.jobs import make_job

NEW = {
    "kind": "demo.sleep",
    "payload": {"seconds": 0.5},
    "priority": "high",
    "callback_url": "https://example.com/done",
    "run_at": "2099-01-01T00:00:00Z",
}


class TestJobs(RestDoor):
    calls = (
        Listing("GET", "/api/v1/jobs", JobPermission.VIEW),
        Call(
            "POST",
            "/api/v1/jobs",
            JobPermission.CREATE,
            body=NEW,
            status=202,
            wrong={
                "kind": ["", "nothing.here", "a" * 81, "jobs.group"],
                "payload": [{"seconds": "1"}, {"seconds": -1}, {"seconds": 1, "more": 1}],
                "priority": ["", "urgent", "HIGH"],
                "callback_url": ["example.com", "ftp://example.com", "https://a:b@example.com"],
                "run_at": ["tomorrow", ""],
            },
        ),
        Call(
            "POST",
            "/api/v1/jobs/bulk",
            JobPermission.CREATE,
            body={"jobs": [NEW, NEW], "name": "both", "callback_url": "https://example.com/done"},
            status=202,
            wrong={"jobs": [[], [7], [{"kind": "nothing.here"}], [{**NEW, "payload": 7}]]},
        ),
        Call("GET", "/api/v1/jobs/kinds", JobPermission.VIEW),
        Call("GET", "/api/v1/jobs/{id}", JobPermission.VIEW),
        Call("POST", "/api/v1/jobs/{id}/cancel", JobPermission.MANAGE),
    )

    def make(self, place: Place) -> str:
        return str(make_job(place.organization, by=place.admin).public_id)


class TestFailedJobs(RestDoor):
    calls = (Call("POST", "/api/v1/jobs/{id}/retry", JobPermission.MANAGE, status=202),)

    def make(self, place: Place) -> str:
        return str(make_job(place.organization, by=place.admin, state=State.FAILED).public_id)


class TestJobResult(RestDoor):
    calls = (Call("GET", "/api/v1/jobs/{id}/result", JobPermission.VIEW),)

    def make(self, place: Place) -> str:
        job = make_job(place.organization, by=place.admin, state=State.COMPLETED, result={"n": 1})
        return str(job.public_id)


class TestJobStatus(RestDoor):
    """Public; called with a key here, since a stranger with an id is told the bare state."""

    calls = (Call("GET", "/api/v1/jobs/{id}/status", public=True, has_service=False),)

    def send(
        self, client: GateClient, call: Call, place: Place, *, key: str | None = None, **rest: Any
    ) -> Answer:
        return super().send(client, call, place, key=place.key if key is None else key, **rest)

    def make(self, place: Place) -> str:
        return str(make_job(place.organization, by=place.admin).public_id)


class TestJobEvents(RestDoor):
    """A job that has ended, so that its stream does."""

    calls = (Call("GET", "/api/v1/jobs/{id}/events", JobPermission.VIEW, has_service=False),)

    def make(self, place: Place) -> str:
        return str(make_job(place.organization, by=place.admin, state=State.COMPLETED).public_id)
