"""Each deed on providers, deployments and routes through GraphQL says what the services say, refusals included."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.actor import Role
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.providers import make_deployment, make_provider, make_route
from tests.factories.tenants import log_in, make_admin, make_member

pytestmark = pytest.mark.integration
SECRET = "sk-proj-0123456789abcdef0123456789"
CREATE_PROVIDER = "mutation ($input: ProviderInput!) { createProvider(input: $input) { provider { id name hasCredential credentialHint baseUrl enabled deploymentCount } } }"
UPDATE_PROVIDER = "mutation ($id: ID!, $input: ProviderChangeInput!, $r: Int) { updateProvider(id: $id, input: $input, expectedRevision: $r) { provider { name enabled revision } } }"
DELETE_PROVIDER = "mutation ($id: ID!) { deleteProvider(id: $id) { id } }"
TEST_PROVIDER = (
    "mutation ($id: ID!) { testProvider(id: $id) { ok error models provider { checkError } } }"
)
DISCOVER = "mutation ($id: ID!, $models: [String!]) { discoverDeployments(id: $id, models: $models) { created { name model } skipped } }"
CREATE_DEPLOYMENT = "mutation ($input: DeploymentInput!) { createDeployment(input: $input) { deployment { id name provider { name } inputPrice outputPrice cachedInputPrice limits { rpm tpm } timeouts { firstToken idle } capabilities } } }"
UPDATE_DEPLOYMENT = "mutation ($id: ID!, $input: DeploymentChangeInput!) { updateDeployment(id: $id, input: $input) { deployment { model enabled revision } } }"
DELETE_DEPLOYMENT = "mutation ($id: ID!) { deleteDeployment(id: $id) { id } }"
CREATE_ROUTE = "mutation ($input: RouteInput!) { createRoute(input: $input) { route { name sticky targets { weight deployment { name provider { name } } } } } }"
UPDATE_ROUTE = "mutation ($name: String!, $input: RouteChangeInput!, $r: Int) { updateRoute(name: $name, input: $input, expectedRevision: $r) { route { retries sticky revision targets { weight } } } }"
RESTORE_ROUTE = "mutation ($name: String!, $revision: Int!) { restoreRoute(name: $name, revision: $revision) { route { retries revision } } }"
DELETE_ROUTE = "mutation ($name: String!) { deleteRoute(name: $name) { name } }"
LIST = "{ providers { totalCount nodes { name hasCredential deploymentCount } } deployments { totalCount nodes { name provider { name } } } routes { totalCount nodes { name targets { deployment { name provider { kind } } } } } }"
ONE = "query ($id: ID!, $name: String!) { provider(id: $id) { name } providerModels(id: $id) { models { name } } route(name: $name) { name } routeVersions(name: $name) { nodes { revision definition } } }"


@pytest.fixture
def key(organization: Organization) -> str:
    return log_in(make_admin(organization)).access


def ask(key: str, query: str, **variables: Any) -> Any:
    answer = GateClient().post("/graphql", {"query": query, "variables": variables}, key=key)
    assert SECRET.encode() not in answer.body
    return answer.json()


def done(key: str, query: str, **variables: Any) -> Any:
    body = ask(key, query, **variables)
    assert "errors" not in body, body
    (payload,) = body["data"].values()
    return payload


def code_of(body: Any) -> str:
    return str(body["errors"][0]["extensions"]["code"])


def test_deeds_on_providers(organization: Organization, key: str) -> None:
    made = done(key, CREATE_PROVIDER, input={"name": "openai", "kind": "openai", "apiKey": SECRET})[
        "provider"
    ]
    simulated = make_provider(organization, name="sim").public_id

    changed = done(
        key, UPDATE_PROVIDER, id=made["id"], input={"name": "renamed", "enabled": False}, r=1
    )
    stale = ask(key, UPDATE_PROVIDER, id=made["id"], input={"name": "x"}, r=1)
    tried = done(key, TEST_PROVIDER, id=simulated)
    found = done(key, DISCOVER, id=simulated, models=["simulated"])
    in_use = ask(key, DELETE_PROVIDER, id=simulated)
    removed = done(key, DELETE_PROVIDER, id=made["id"])

    assert made == {
        "id": made["id"],
        "name": "openai",
        "hasCredential": True,
        "credentialHint": "6789",
        "baseUrl": "https://api.openai.com/v1",
        "enabled": True,
        "deploymentCount": 0,
    }
    assert changed["provider"] == {"name": "renamed", "enabled": False, "revision": 2}
    assert (code_of(stale), code_of(in_use)) == ("STALE", "CONFLICT")
    assert tried == {"ok": True, "error": "", "models": 3, "provider": {"checkError": ""}}
    assert found == {"created": [{"name": "simulated", "model": "simulated"}], "skipped": []}
    assert removed == {"id": made["id"]}


def test_deeds_on_deployments(organization: Organization, key: str) -> None:
    make_provider(organization, name="main")
    given = {
        "name": "one",
        "provider": "main",
        "model": "nobody-knows-it",
        "inputPrice": 2.5,
        "outputPrice": 10,
        "cachedInputPrice": None,
        "limits": {"rpm": 5},
        "timeouts": {"firstToken": 3},
        "capabilities": ["chat"],
    }

    made = done(key, CREATE_DEPLOYMENT, input=given)["deployment"]
    changed = done(
        key, UPDATE_DEPLOYMENT, id=made["id"], input={"model": "another", "enabled": False}
    )
    wrong = ask(key, UPDATE_DEPLOYMENT, id=made["id"], input={"model": None})
    removed = done(key, DELETE_DEPLOYMENT, id=made["id"])

    assert made == {
        "id": made["id"],
        "name": "one",
        "provider": {"name": "main"},
        "inputPrice": 2.5,
        "outputPrice": 10.0,
        "cachedInputPrice": None,
        "limits": {"rpm": 5, "tpm": None},
        "timeouts": {"firstToken": 3.0, "idle": 60.0},
        "capabilities": ["chat"],
    }
    assert changed["deployment"] == {"model": "another", "enabled": False, "revision": 2}
    assert code_of(wrong) == "INVALID"
    assert removed == {"id": made["id"]}


def test_deeds_on_routes(organization: Organization, key: str) -> None:
    one = make_deployment(organization, provider=make_provider(organization, name="main"))
    given = {
        "name": "chat",
        "targets": [{"deployment": one.public_id, "weight": 2}],
        "sticky": "key",
        "guardrails": [{"name": "redact", "options": {}}],
    }

    made = done(key, CREATE_ROUTE, input=given)["route"]
    changed = done(key, UPDATE_ROUTE, name="chat", input={"retries": 0, "sticky": "none"}, r=1)
    stale = ask(key, UPDATE_ROUTE, name="chat", input={"retries": 1}, r=1)
    restored = done(key, RESTORE_ROUTE, name="chat", revision=1)
    read = ask(key, ONE, id=one.provider.public_id, name="chat")["data"]
    removed = done(key, DELETE_ROUTE, name="chat")

    assert made == {
        "name": "chat",
        "sticky": "key",
        "targets": [
            {"weight": 2.0, "deployment": {"name": one.name, "provider": {"name": "main"}}}
        ],
    }
    assert changed["route"] == {
        "retries": 0,
        "sticky": "none",
        "revision": 2,
        "targets": [{"weight": 2.0}],
    }
    assert code_of(stale) == "STALE"
    assert restored["route"] == {"retries": 2, "revision": 3}
    assert [row["revision"] for row in read["routeVersions"]["nodes"]] == [3, 2, 1]
    assert read["providerModels"]["models"][0] == {"name": "simulated"}
    assert removed == {"name": "chat"}


def test_lists_hold_ours_alone_and_cost_the_same(
    organization: Organization, other: Organization, key: str
) -> None:
    make_route(other)
    make_route(organization, name="chat")
    short = ask(key, LIST)["data"]
    with CaptureQueriesContext(connection) as few:
        ask(key, LIST)
    for _ in range(2):
        make_route(organization, targets=[make_deployment(organization) for _ in range(2)])
    with CaptureQueriesContext(connection) as many:
        long = ask(key, LIST)["data"]

    counts = ("providers", "deployments", "routes")
    assert [short[name]["totalCount"] for name in counts] == [1, 1, 1]
    assert [long[name]["totalCount"] for name in counts] == [5, 5, 3]
    assert len(many) == len(few)


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER])
def test_deeds_refuse_who_may_not_and_strangers(
    organization: Organization, other: Organization, role: Role
) -> None:
    route = make_route(organization, name="chat")
    deployment = route.targets.get().deployment
    one = {"id": deployment.public_id}
    at = {"id": deployment.provider.public_id}
    named = {"name": "chat"}
    deeds: list[tuple[str, dict[str, Any]]] = [
        (UPDATE_PROVIDER, {**at, "input": {"name": "x"}}),
        (DELETE_PROVIDER, at),
        (TEST_PROVIDER, at),
        (DISCOVER, at),
        (UPDATE_DEPLOYMENT, {**one, "input": {"model": "x"}}),
        (DELETE_DEPLOYMENT, one),
        (UPDATE_ROUTE, {**named, "input": {"retries": 1}}),
        (RESTORE_ROUTE, {**named, "revision": 1}),
        (DELETE_ROUTE, named),
    ]
    member = log_in(make_member(organization, role)).access
    stranger = log_in(make_admin(other)).access

    assert {code_of(ask(member, deed, **values)) for deed, values in deeds} == {"DENIED"}
    assert {code_of(ask(stranger, deed, **values)) for deed, values in deeds} == {"NOT_FOUND"}
