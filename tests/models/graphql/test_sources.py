"""Each deed on sources through GraphQL says what the services say; no answer holds a credential."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.actor import Role
from apps.core.tenancy import organization_scope
from apps.jobs.models import Job
from apps.models.models import MlflowSource
from apps.models.services import sources
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.tenants import actor_of, log_in, make_admin, make_member

pytestmark = pytest.mark.integration
FIELDS = "name url auth hasCredential credentialHint follows everySeconds enabled syncError outcomes revision"
CREATE = f"mutation ($input: MlflowSourceInput!) {{ createMlflowSource(input: $input) {{ source {{ id {FIELDS} }} }} }}"
UPDATE = "mutation ($id: ID!, $input: MlflowSourceChangeInput!, $at: Int) { updateMlflowSource(id: $id, input: $input, expectedRevision: $at) { source { enabled revision } } }"
SYNC = "mutation ($id: ID!) { syncMlflowSource(id: $id) { jobId } }"
DELETE = "mutation ($id: ID!) { deleteMlflowSource(id: $id) { id } }"
READ = "query ($id: ID!) { mlflowSource(id: $id) { name } mlflowSources { totalCount nodes { name } } }"
SECRET = "dapi-0123456789abcdef"
GIVEN = {
    "name": "lab",
    "url": "https://mlflow.example.com",
    "auth": "bearer",
    "credential": SECRET,
    "follows": [{"model": "churn", "stage": "Production"}],
}


def ask(key: str, query: str, **variables: Any) -> Any:
    answer = GateClient().post("/graphql", {"query": query, "variables": variables}, key=key)
    assert SECRET.encode() not in answer.body
    return answer.json()


def code_of(body: Any) -> str:
    return str(body["errors"][0]["extensions"]["code"])


def test_every_deed_of_an_administrator(organization: Organization, other: Organization) -> None:
    with organization_scope(other.pk):
        sources.create_source(actor=actor_of(make_admin(other)), **GIVEN)
    key = log_in(make_admin(organization)).access

    made = ask(key, CREATE, input=GIVEN)["data"]["createMlflowSource"]["source"]
    number = made.pop("id")
    assert made == {
        "name": "lab",
        "url": "https://mlflow.example.com",
        "auth": "bearer",
        "hasCredential": True,
        "credentialHint": "cdef",
        "follows": [{"model": "churn", "stage": "Production", "as": "churn"}],
        "everySeconds": 3600,
        "enabled": True,
        "syncError": "",
        "outcomes": [],
        "revision": 1,
    }
    changed = ask(key, UPDATE, id=number, input={"enabled": False}, at=1)["data"]
    assert changed == {"updateMlflowSource": {"source": {"enabled": False, "revision": 2}}}
    assert code_of(ask(key, UPDATE, id=number, input={"enabled": True}, at=1)) == "STALE"
    assert code_of(ask(key, UPDATE, id=number, input={"name": None})) == "INVALID"
    assert ask(key, READ, id=number)["data"] == {
        "mlflowSource": {"name": "lab"},
        "mlflowSources": {"totalCount": 1, "nodes": [{"name": "lab"}]},
    }
    job = ask(key, SYNC, id=number)["data"]["syncMlflowSource"]["jobId"]
    assert Job.objects.get().public_id == job
    assert ask(key, DELETE, id=number)["data"] == {"deleteMlflowSource": {"id": number}}
    assert MlflowSource.objects.count() == 0


def test_others_may_look(organization: Organization) -> None:
    source = sources.create_source(actor=actor_of(make_admin(organization)), **GIVEN)
    key = log_in(make_member(organization, role=Role.VIEWER)).access

    assert ask(key, READ, id=source.public_id)["data"]["mlflowSource"] == {"name": "lab"}
    for query in (SYNC, DELETE):
        assert code_of(ask(key, query, id=source.public_id)) == "DENIED"
