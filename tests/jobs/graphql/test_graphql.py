"""Jobs through GraphQL say what REST says, errors included."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.console.views.jobs import CREATE_IN_GRAPHQL
from apps.core.actor import Role
from apps.jobs.domain.states import State
from apps.tenants.models import Membership
from tests.client import GateClient
from tests.factories.doors import KnownTokens
from tests.factories.jobs import UNKNOWN, make_job
from tests.factories.tenants import actor_of, make_admin, make_member

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

JOB = (
    "id kind status priority progress message steps { name started_at: startedAt } attempts payload result "
    "error { code message } created_by: createdBy { id name } parent { id } created_at: createdAt"
)
LIST = f"query ($state: String, $parent: ID) {{ jobs(state: $state, parent: $parent) {{ nodes {{ {JOB} }} totalCount }} }}"
ONE = f"query ($id: ID!) {{ job(id: $id) {{ {JOB} }} }}"
CREATE = "mutation ($input: NewJobInput!) { createJob(input: $input) { job { id status priority payload } } }"
CREATE_MANY = 'mutation ($jobs: [JobInput!]!) { createJobs(jobs: $jobs, name: "two") { group { id kind } ids } }'
CANCEL = "mutation ($id: ID!) { cancelJob(id: $id) { job { id status } } }"
RETRY = "mutation ($id: ID!) { retryJob(id: $id) { job { id status } } }"


class House:
    """The two doors, for one member."""

    def __init__(self, tokens: KnownTokens, member: Membership) -> None:
        self.organization = member.organization
        self.member = member
        self.key = f"token-of-{member.pk}"
        tokens.identities[self.key] = actor_of(member).identity
        self.client = GateClient()

    def ask(self, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        return self.client.post("/graphql", body, key=self.key).json()

    def data(self, query: str, **variables: Any) -> Any:
        answer = self.ask(query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def code(self, query: str, **variables: Any) -> tuple[str, str]:
        extensions = self.ask(query, **variables)["errors"][0]["extensions"]
        return extensions["code"], extensions["error"]

    def rest(self, path: str) -> Any:
        return self.client.get(f"/api/v1/{path}", key=self.key).json()


@pytest.fixture
def house(tokens: KnownTokens) -> House:
    return House(tokens, make_admin())


@pytest.fixture
def stranger(tokens: KnownTokens) -> House:
    return House(tokens, make_admin())


def test_one_job_is_what_rest_shows(house: House) -> None:
    group = make_job(house.organization, kind="jobs.group", state=State.RUNNING)
    job = make_job(
        house.organization, by=house.member, state=State.COMPLETED, parent=group, result=[1]
    )

    found = house.data(ONE, id=job.public_id)["job"]

    rest = house.rest(f"jobs/{job.public_id}")
    assert found == {
        **{name: rest[name] for name in found if name != "parent"},
        "parent": {"id": group.public_id},
    }


def test_list_is_narrowed_and_ours_alone(house: House, stranger: House) -> None:
    make_job(house.organization)
    failed = make_job(house.organization, state=State.FAILED)
    make_job(stranger.organization, state=State.FAILED)

    found = house.data(LIST, state="failed")["jobs"]

    assert found["totalCount"] == 1
    assert [job["id"] for job in found["nodes"]] == [failed.public_id]


def test_list_costs_the_same_for_more_rows(house: House) -> None:
    group = make_job(house.organization, kind="jobs.group", state=State.RUNNING)
    costs = []
    for more in (1, 2):
        for _ in range(more):
            make_job(house.organization, parent=group)
        with CaptureQueriesContext(connection) as queries:
            found = house.data(LIST, parent=group.public_id)["jobs"]
        costs.append((found["totalCount"], len(queries)))

    assert costs == [(1, costs[0][1]), (3, costs[0][1])]


def test_create_job_by_the_sample_of_the_console(house: House) -> None:
    made = house.data(CREATE_IN_GRAPHQL)["createJob"]["job"]

    assert made["status"] == "queued"
    assert house.rest(f"jobs/{made['id']}")["payload"]["seconds"] == 30


def test_create_job_refuses_what_rest_refuses(house: House) -> None:
    codes = [
        house.code(CREATE, input={"kind": "nothing.here"}),
        house.code(CREATE, input={"kind": "demo.sleep", "payload": {"seconds": -1}}),
        house.code(CREATE, input={"kind": "demo.sleep", "priority": "urgent"}),
        house.code(CREATE, input={"kind": "demo.sleep", "payload": [1]}),
        house.code(CREATE, input={"kind": "demo.sleep", "parent": UNKNOWN}),
    ]

    assert codes == [("INVALID", "validation_error")] * 4 + [("NOT_FOUND", "not_found")]


def test_create_jobs_answers_the_group(house: House) -> None:
    jobs = [{"kind": "demo.sleep", "payload": {"seconds": n}} for n in (1.0, 2.0)]

    made = house.data(CREATE_MANY, jobs=jobs)["createJobs"]

    assert made["group"]["kind"] == "jobs.group"
    assert house.rest(f"jobs/{made['group']['id']}")["children"] == {"queued": 2}
    assert [house.rest(f"jobs/{i}")["payload"]["seconds"] for i in made["ids"]] == [1.0, 2.0]


def test_cancel_and_retry(house: House) -> None:
    job = make_job(house.organization).public_id

    assert house.data(CANCEL, id=job)["cancelJob"]["job"] == {"id": job, "status": "cancelled"}
    assert house.data(RETRY, id=job)["retryJob"]["job"] == {"id": job, "status": "queued"}
    assert house.code(RETRY, id=job) == ("CONFLICT", "job_not_retryable")


@pytest.mark.parametrize("query", [ONE, CANCEL, RETRY])
def test_another_organisations_job_is_not_found(query: str, house: House, stranger: House) -> None:
    foreign = make_job(stranger.organization).public_id

    for job_id in (foreign, UNKNOWN, "nope"):
        assert house.code(query, id=job_id) == ("NOT_FOUND", "not_found")


def test_viewer_may_look_and_no_more(house: House, tokens: KnownTokens) -> None:
    viewer = House(tokens, make_member(house.organization, Role.VIEWER))
    job = make_job(house.organization).public_id

    assert viewer.data(ONE, id=job)["job"]["id"] == job
    assert viewer.code(CANCEL, id=job) == ("DENIED", "permission_denied")
    assert viewer.code(CREATE, input={"kind": "demo.sleep"}) == ("DENIED", "permission_denied")


def test_kinds_are_those_of_rest(house: House) -> None:
    found = house.data(
        "{ jobKinds { name permission time_limit: timeLimit max_attempts: maxAttempts payload } }"
    )

    assert found["jobKinds"] == house.rest("jobs/kinds")["data"]
