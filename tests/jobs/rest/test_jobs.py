"""The REST door of jobs: bodies, filters, order; the refusals stand in tests/doors."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.core.actor import Role
from apps.core.tenancy import organization_scope
from apps.jobs.domain.priorities import Priority
from apps.jobs.domain.states import State
from apps.jobs.models import Job
from apps.jobs.services import results
from apps.tenants.models import Membership
from tests.client import GateClient
from tests.factories.doors import KnownTokens
from tests.factories.jobs import UNKNOWN, make_job
from tests.factories.tenants import actor_of, make_admin, make_member

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


class Desk:
    def __init__(self, tokens: KnownTokens, member: Membership) -> None:
        self.member = member
        self.organization = member.organization
        self.key = f"token-of-{member.pk}"
        tokens.identities[self.key] = actor_of(member).identity
        self.client = GateClient()

    def get(self, path: str) -> Any:
        answer = self.client.get(f"/api/v1/{path}", key=self.key)
        assert answer.status == 200, answer.body
        return answer.json()

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(f"/api/v1/{path}", body, key=self.key, headers=headers)

    def ids(self, query: str) -> list[str]:
        return [job["id"] for job in self.get(f"jobs?{query}")["data"]]


@pytest.fixture
def desk(tokens: KnownTokens) -> Desk:
    return Desk(tokens, make_admin())


@pytest.fixture
def stranger(tokens: KnownTokens) -> Desk:
    return Desk(tokens, make_admin())


def links(job_id: str) -> dict[str, str]:
    return {
        "status": f"/api/v1/job/{job_id}/status",
        "stream": f"/api/v1/job/{job_id}/stream",
        "events": f"/api/v1/jobs/{job_id}/events",
        "cancel": f"/api/v1/jobs/{job_id}/cancel",
        "result": f"/api/v1/jobs/{job_id}/result",
    }


def test_create_answers_where_to_look(desk: Desk) -> None:
    answer = desk.post("jobs", {"kind": "demo.sleep", "payload": {"seconds": 0.1}})

    body = answer.json()
    job_id = body["job_id"]
    assert answer.status == 202
    assert answer.headers["location"] == f"/api/v1/jobs/{job_id}"
    assert set(body) == {"job_id", "status", "created_at", "links"}
    assert (body["status"], body["links"]) == ("queued", links(job_id))


def test_create_under_an_idempotency_key_makes_one_job(desk: Desk) -> None:
    body = {"kind": "demo.sleep", "payload": {"seconds": 0.1}}

    first = desk.post("jobs", body, **{"Idempotency-Key": "once"})
    second = desk.post("jobs", body, **{"Idempotency-Key": "once"})
    other = desk.post("jobs", {**body, "priority": "low"}, **{"Idempotency-Key": "once"})

    assert (first.status, second.status, other.status) == (202, 202, 409)
    assert first.json() == second.json()
    assert len(desk.ids("")) == 1


def test_retrieve_shows_all_of_it(desk: Desk) -> None:
    job = make_job(desk.organization, by=desk.member, priority=Priority.HIGH)

    body = desk.get(f"jobs/{job.public_id}")

    assert body == {
        "id": job.public_id,
        "job_id": job.public_id,
        "kind": "demo.sleep",
        "status": "queued",
        "priority": "high",
        "progress": 0.0,
        "message": "",
        "steps": [],
        "estimated_completion": None,
        "attempts": 0,
        "max_attempts": 3,
        "error": None,
        "created_by": {"id": desk.member.user.public_id, "name": desk.member.user.name},
        "parent": None,
        "run_at": body["run_at"],
        "created_at": body["created_at"],
        "started_at": None,
        "finished_at": None,
        "cancel_requested_at": None,
        "payload": {"seconds": 1.0},
        "result": None,
        "callback_url": "",
        "children": None,
        "links": links(job.public_id),
    }


def test_bulk_answers_the_group_and_its_jobs_in_order(desk: Desk) -> None:
    jobs = [{"kind": "demo.sleep", "payload": {"seconds": float(n)}} for n in range(3)]

    answer = desk.post("jobs/bulk", {"jobs": jobs, "name": "three"})

    body = answer.json()
    group = desk.get(f"jobs/{body['job_id']}")
    seconds = [desk.get(f"jobs/{job}")["payload"]["seconds"] for job in body["jobs"]]
    assert (answer.status, seconds) == (202, [0.0, 1.0, 2.0])
    assert (group["kind"], group["status"], group["children"]) == (
        "jobs.group",
        "running",
        {"queued": 3},
    )
    assert desk.get(f"jobs/{body['jobs'][0]}")["parent"] == body["job_id"]


def test_bulk_with_one_wrong_job_makes_none(desk: Desk) -> None:
    jobs = [
        {"kind": "demo.sleep"},
        {"kind": "demo.sleep", "payload": {"seconds": -1}},
    ]

    answer = desk.post("jobs/bulk", {"jobs": jobs})

    assert (answer.status, answer.json()["invalid_fields"]) == (422, ["jobs.1.payload.seconds"])
    assert desk.ids("") == []


def test_list_is_newest_first_and_ours_alone(desk: Desk, stranger: Desk) -> None:
    first, second = make_job(desk.organization), make_job(desk.organization)
    make_job(stranger.organization)

    body = desk.get("jobs")

    assert [job["id"] for job in body["data"]] == [second.public_id, first.public_id]
    assert body["meta"] == {"page": 1, "limit": 20, "total": 2, "total_pages": 1}
    assert "payload" not in body["data"][0]


def test_list_is_narrowed_by_each_filter(desk: Desk) -> None:
    now = timezone.now()
    group = make_job(desk.organization, kind="jobs.group", state=State.RUNNING)
    child = make_job(desk.organization, parent=group, priority=Priority.LOW)
    old = make_job(desk.organization, state=State.FAILED, created_at=now - timedelta(days=2))
    since = (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")

    found = {
        query: desk.ids(query)
        for query in (
            "state=failed",
            "state=failed,queued",
            "kind=jobs.group",
            "priority=low",
            f"parent={group.public_id}",
            f"from={since}",
            f"to={since}",
            "state=",
        )
    }

    assert found == {
        "state=failed": [old.public_id],
        "state=failed,queued": [old.public_id, child.public_id],
        "kind=jobs.group": [group.public_id],
        "priority=low": [child.public_id],
        f"parent={group.public_id}": [child.public_id],
        f"from={since}": [child.public_id, group.public_id],
        f"to={since}": [old.public_id],
        "state=": [old.public_id, child.public_id, group.public_id],
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=done", "state"),
        ("priority=urgent", "priority"),
        ("parent=nope", "parent"),
        ("from=yesterday", "from"),
        ("ordering=payload", "ordering"),
    ],
)
def test_list_refuses_what_is_no_filter(desk: Desk, query: str, field: str) -> None:
    answer = desk.client.get(f"/api/v1/jobs?{query}", key=desk.key)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [field])


def test_list_is_ordered_as_asked(desk: Desk) -> None:
    low, critical = (
        make_job(desk.organization, priority=priority).public_id
        for priority in (Priority.LOW, Priority.CRITICAL)
    )

    assert desk.ids("ordering=priority") == [critical, low]
    assert desk.ids("ordering=-priority") == [low, critical]


def test_kinds_on_offer_carry_their_schema(desk: Desk) -> None:
    kinds = {kind["name"]: kind for kind in desk.get("jobs/kinds")["data"]}

    assert "jobs.group" not in kinds
    assert kinds["demo.sleep"]["permission"] == "jobs.job.create"
    assert set(kinds["demo.sleep"]["payload"]["properties"]) == {
        "seconds",
        "steps",
        "fail",
        "crash",
        "result_bytes",
    }


def test_cancel_and_retry(desk: Desk) -> None:
    job = make_job(desk.organization, by=desk.member)

    cancelled = desk.post(f"jobs/{job.public_id}/cancel")
    again = desk.post(f"jobs/{job.public_id}/cancel")
    retried = desk.post(f"jobs/{job.public_id}/retry")
    too_soon = desk.post(f"jobs/{job.public_id}/retry")

    assert (cancelled.status, cancelled.json()["status"]) == (200, "cancelled")
    assert (again.status, again.json()["status"]) == (200, "cancelled")
    assert (retried.status, retried.json()["status"]) == (202, "queued")
    assert (too_soon.status, too_soon.error) == (409, "job_not_retryable")


def test_cancel_of_a_completed_job_is_a_conflict(desk: Desk) -> None:
    job = make_job(desk.organization, state=State.COMPLETED)

    answer = desk.post(f"jobs/{job.public_id}/cancel")

    assert (answer.status, answer.error) == (409, "job_ended")


def test_cancel_of_anothers_job_needs_the_wider_right(desk: Desk, tokens: KnownTokens) -> None:
    colleague = Desk(tokens, make_member(desk.organization, Role.USER))
    job = make_job(desk.organization, by=desk.member)

    answer = colleague.post(f"jobs/{job.public_id}/cancel")

    assert (answer.status, answer.error) == (403, "permission_denied")
    with organization_scope(desk.organization.pk):
        assert Job.objects.get(pk=job.pk).state == State.QUEUED


def test_parent_of_another_organisation_is_not_found(desk: Desk, stranger: Desk) -> None:
    foreign = make_job(stranger.organization, state=State.RUNNING)

    answers = [
        desk.post("jobs", {"kind": "demo.sleep", "parent": parent})
        for parent in (foreign.public_id, UNKNOWN)
    ]

    assert [(answer.status, answer.error) for answer in answers] == [(404, "not_found")] * 2


def completed(desk: Desk, result: Any) -> Job:
    return make_job(desk.organization, state=State.COMPLETED, result=result)


def with_file(desk: Desk, content: bytes, **values: Any) -> Job:
    job = completed(desk, None)
    described = results.keep_result(job, [content], **values)
    with organization_scope(desk.organization.pk):
        Job.objects.filter(pk=job.pk).update(result=described)
    return job


def test_result_of_a_completed_job_is_its_value(desk: Desk) -> None:
    job = completed(desk, {"slept": 1})

    assert desk.get(f"jobs/{job.public_id}/result") == {"slept": 1}


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.FAILED, State.CANCELLED])
def test_result_of_any_other_is_a_conflict(desk: Desk, state: State) -> None:
    job = make_job(desk.organization, state=state)

    answer = desk.client.get(f"/api/v1/jobs/{job.public_id}/result", key=desk.key)

    assert (answer.status, answer.error) == (409, "no_result")
    assert answer.json()["message"] == f"The job has no result: it is {state}."


def test_result_in_a_file_is_an_attachment(desk: Desk, settings: Any, tmp_path: Path) -> None:
    settings.SIGNALBOX_DATA_DIR = tmp_path
    page = b"<script>alert(1)</script>" * 50_000
    job = with_file(desk, page, name='a "quoted" näme.html', content_type="text/html")
    path = f"/api/v1/jobs/{job.public_id}/result"

    answer = desk.client.get(path, key=desk.key)
    again = desk.client.get(path, key=desk.key, headers={"If-None-Match": answer.headers["etag"]})

    told = ("content-type", "content-length", "x-content-type-options", "etag", "cache-control")
    assert (answer.status, answer.body) == (200, page)
    assert {name: answer.headers[name] for name in told} == {
        "content-type": "text/html",
        "content-length": str(len(page)),
        "x-content-type-options": "nosniff",
        "etag": f'"{hashlib.sha256(page).hexdigest()}"',
        "cache-control": "private, no-cache",
    }
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=utf-8''a%20%22quoted%22%20n%C3%A4me.html"
    )
    assert (again.status, again.body) == (304, b"")


def test_result_that_names_another_jobs_file_is_but_a_value(
    desk: Desk, stranger: Desk, settings: Any, tmp_path: Path
) -> None:
    settings.SIGNALBOX_DATA_DIR = tmp_path
    for owner in (desk, stranger):
        with organization_scope(owner.organization.pk):
            named = Job.objects.get(pk=with_file(owner, b"theirs").pk).result
        job = completed(desk, named)

        assert desk.get(f"jobs/{job.public_id}/result") == named


def test_result_whose_bytes_are_gone_is_unavailable(
    desk: Desk, settings: Any, tmp_path: Path
) -> None:
    settings.SIGNALBOX_DATA_DIR = tmp_path
    job = with_file(desk, b"lost")
    settings.SIGNALBOX_DATA_DIR = tmp_path / "elsewhere"

    answer = desk.client.get(f"/api/v1/jobs/{job.public_id}/result", key=desk.key)

    assert (answer.status, answer.error) == (503, "file_unreadable")
