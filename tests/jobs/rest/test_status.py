"""The door that CI polls, without a key and with one."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.actor import Role
from apps.jobs.domain.states import State
from apps.jobs.models import Job
from tests.client import GateClient
from tests.factories.doors import KnownTokens
from tests.factories.events import make_identity
from tests.factories.jobs import UNKNOWN, make_job
from tests.factories.tenants import make_organization

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

STEPS = [{"name": "load", "started_at": "2026-01-15T10:30:00+00:00", "ended_at": None}]


@pytest.fixture
def client(db: None) -> GateClient:
    return GateClient()


@pytest.fixture
def job(tokens: KnownTokens) -> Job:
    organization = make_organization()
    tokens.identities["ours"] = make_identity(organization, Role.VIEWER)
    tokens.identities["theirs"] = make_identity(make_organization())
    tokens.identities["blind"] = make_identity(organization, permissions=frozenset())
    return make_job(
        organization, state=State.RUNNING, progress=50.0, message="half way", steps=STEPS
    )


@pytest.mark.parametrize("spelling", ["job", "jobs"])
def test_stranger_is_told_the_bare_state(client: GateClient, job: Job, spelling: str) -> None:
    answer = client.get(f"/api/v1/{spelling}/{job.public_id}/status")

    assert answer.status == 200
    assert answer.json() == {"job_id": job.public_id, "status": "running", "progress": 50.0}
    assert answer.headers["cache-control"] == "no-store"


def test_bad_key_is_told_no_more_than_a_stranger(client: GateClient, job: Job) -> None:
    answer = client.get(f"/api/v1/job/{job.public_id}/status", key="guess")

    assert answer.json() == {"job_id": job.public_id, "status": "running", "progress": 50.0}


def test_stranger_is_refused_where_the_installation_says_so(
    client: GateClient, job: Job, settings: Any
) -> None:
    settings.SIGNALBOX_JOB_PUBLIC_STATUS = False

    stranger = client.get(f"/api/v1/job/{job.public_id}/status")
    member = client.get(f"/api/v1/job/{job.public_id}/status", key="ours")

    assert (stranger.status, stranger.error) == (401, "unauthenticated")
    assert member.status == 200


def test_key_of_the_organisation_is_told_the_whole(client: GateClient, job: Job) -> None:
    body = client.get(f"/api/v1/job/{job.public_id}/status", key="ours").json()

    estimate = body.pop("estimated_completion")
    assert estimate > job.started_at.isoformat()[:19]
    assert body == {
        "job_id": job.public_id,
        "status": "running",
        "progress": 50.0,
        "message": "half way",
        "steps": STEPS,
        "attempts": 1,
        "result": None,
        "error": None,
        "seq": 1_050_001,
    }


def test_result_is_for_keys_alone(client: GateClient, job: Job) -> None:
    done = make_job(job.organization, state=State.COMPLETED, result={"verdict": "red"})
    path = f"/api/v1/job/{done.public_id}/status"

    stranger, member = client.get(path).json(), client.get(path, key="ours").json()

    assert stranger == {"job_id": done.public_id, "status": "completed", "progress": 100.0}
    assert member["result"] == {"verdict": "red"}


def test_key_of_another_organisation_finds_nothing(client: GateClient, job: Job) -> None:
    answer = client.get(f"/api/v1/job/{job.public_id}/status", key="theirs")

    assert (answer.status, answer.error) == (404, "not_found")


def test_key_without_the_permission_is_denied(client: GateClient, job: Job) -> None:
    answer = client.get(f"/api/v1/job/{job.public_id}/status", key="blind")

    assert (answer.status, answer.error) == (403, "permission_denied")


@pytest.mark.parametrize("job_id", [UNKNOWN, "nope", "%00", "key_" + "0" * 32, "a" * 5000])
def test_what_is_not_there_is_not_found(client: GateClient, job_id: str) -> None:
    answer = client.get(f"/api/v1/job/{job_id}/status")

    assert answer.status in (400, 404)
    assert (answer.status == 400) is (job_id == "%00")
