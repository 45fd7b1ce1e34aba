"""What the REST doors of providers, deployments and routes answer, as a program would use them."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.actor import Role
from apps.providers.models import Provider
from apps.tenants.models import Organization
from tests.client import Answer, GateClient
from tests.factories.providers import make_deployment, make_provider, make_route
from tests.factories.tenants import log_in, make_admin, make_member

pytestmark = pytest.mark.integration
SECRET = "sk-proj-0123456789abcdef0123456789"


@pytest.fixture
def key(organization: Organization) -> str:
    return log_in(make_admin(organization)).access


@pytest.fixture
def client() -> GateClient:
    return GateClient()


def made(answer: Answer) -> Any:
    assert answer.status == 201, answer.body
    return answer.json()


def test_from_a_provider_to_a_route(client: GateClient, key: str) -> None:
    provider = made(
        client.post(
            "/api/v1/providers",
            {"name": "openai", "kind": "openai", "api_key": SECRET},
            key=key,
        )
    )
    deployment = made(
        client.post(
            "/api/v1/deployments",
            {
                "name": "one",
                "provider": provider["id"],
                "model": "my-model",
                "input_price": 2.5,
                "output_price": "10",
                "limits": {"rpm": 60},
            },
            key=key,
        )
    )
    route = made(
        client.post(
            "/api/v1/routes",
            {
                "name": "chat",
                "targets": [{"deployment": deployment["id"], "weight": 1}],
                "sticky": True,
            },
            key=key,
        )
    )

    assert {name: provider[name] for name in ("kind", "base_url", "has_credential")} == {
        "kind": "openai",
        "base_url": "https://api.openai.com/v1",
        "has_credential": True,
    }
    assert (provider["credential_hint"], provider["deployments"]) == ("6789", 0)
    assert {
        name: deployment[name]
        for name in ("provider", "provider_name", "input_price", "output_price", "limits")
    } == {
        "provider": provider["id"],
        "provider_name": "openai",
        "input_price": 2.5,
        "output_price": 10.0,
        "limits": {"rpm": 60, "tpm": None, "parallel": None},
    }
    assert route["targets"] == [
        {
            "deployment": deployment["id"],
            "name": "one",
            "provider": "openai",
            "model": "my-model",
            "weight": 1.0,
            "priority": 0,
            "enabled": True,
        }
    ]
    assert (route["sticky"], route["managed_by"], route["revision"]) == ("session", "", 1)


def test_no_answer_holds_the_credential(client: GateClient, key: str) -> None:
    body = {"name": "openai", "kind": "openai", "api_key": SECRET}
    headers = {"Idempotency-Key": "once"}
    created = client.post("/api/v1/providers", body, key=key, headers=headers)
    at = f"/api/v1/providers/{created.json()['id']}"

    answers = [
        created,
        client.post("/api/v1/providers", body, key=key, headers=headers),
        client.get(at, key=key),
        client.get("/api/v1/providers", key=key),
        client.patch(at, {"api_key": SECRET}, key=key),
        client.patch(at, {"name": ""}, key=key),
        client.get("/api/v1/audit", key=key),
        client.get("/api/v1/deployments", key=key),
    ]

    assert [answer.status for answer in answers] == [201, 201, 200, 200, 200, 422, 200, 200]
    assert [answer.status for answer in answers if SECRET.encode() in answer.body] == []
    assert Provider.objects.get().credential == SECRET


def test_a_route_is_replaced_under_its_revision(
    organization: Organization, client: GateClient, key: str
) -> None:
    one, two = make_deployment(organization, name="one"), make_deployment(organization, name="two")
    make_route(organization, name="chat", targets=[one], retries=5)
    body = {"targets": [{"deployment": "two"}, {"deployment": one.public_id, "weight": 0}]}
    etag = client.get("/api/v1/routes/chat", key=key).headers["etag"]

    stale = client.put("/api/v1/routes/chat", body, key=key, headers={"If-Match": '"r7"'})
    replaced = client.put("/api/v1/routes/chat", body, key=key, headers={"If-Match": etag})
    again = client.put("/api/v1/routes/chat", body, key=key, headers={"If-Match": etag})

    assert (stale.status, stale.error) == (412, "stale")
    assert replaced.status == 200
    assert [(row["name"], row["weight"]) for row in replaced.json()["targets"]] == [
        (two.name, 1.0),
        (one.name, 0.0),
    ]
    assert (replaced.json()["retries"], replaced.json()["revision"]) == (2, 2)
    assert again.status == 412


def test_a_route_is_brought_back(organization: Organization, client: GateClient, key: str) -> None:
    make_deployment(organization, name="one")
    made(
        client.post("/api/v1/routes", {"name": "chat", "targets": [{"deployment": "one"}]}, key=key)
    )
    client.patch("/api/v1/routes/chat", {"retries": 0, "enabled": False}, key=key)

    versions = client.get("/api/v1/routes/chat/versions", key=key).json()
    restored = client.post("/api/v1/routes/chat/restore", {"revision": 1}, key=key)

    assert [row["revision"] for row in versions["data"]] == [2, 1]
    assert [row["definition"]["retries"] for row in versions["data"]] == [0, 2]
    assert restored.status == 200
    assert {name: restored.json()[name] for name in ("retries", "enabled", "revision")} == {
        "retries": 2,
        "enabled": True,
        "revision": 3,
    }


def test_what_is_in_use_stays(organization: Organization, client: GateClient, key: str) -> None:
    provider = make_provider(organization)
    deployment = make_deployment(organization, provider=provider)
    make_route(organization, name="spare", targets=[deployment])
    make_route(organization, name="chat", targets=[deployment], fallbacks=["spare"])

    answers = [
        client.delete(path, key=key)
        for path in (
            f"/api/v1/providers/{provider.public_id}",
            f"/api/v1/deployments/{deployment.public_id}",
            "/api/v1/routes/spare",
            "/api/v1/routes/chat",
            "/api/v1/routes/spare",
            f"/api/v1/deployments/{deployment.public_id}",
            f"/api/v1/providers/{provider.public_id}",
        )
    ]

    assert [answer.status for answer in answers] == [409, 409, 409, 204, 204, 204, 204]
    assert answers[0].error == "in_use"


def test_anothers_objects_in_bodies_are_not_there(
    organization: Organization, other: Organization, client: GateClient, key: str
) -> None:
    foreign = make_deployment(other)
    make_route(other, name="theirs")
    deployment = make_deployment(organization)
    targets = [{"deployment": deployment.public_id}]

    answers = [
        client.post(
            "/api/v1/deployments",
            {"name": "a", "provider": foreign.provider.public_id, "model": "m"},
            key=key,
        ),
        client.post(
            "/api/v1/routes",
            {"name": "a", "targets": [{"deployment": foreign.public_id}]},
            key=key,
        ),
        client.post(
            "/api/v1/routes", {"name": "a", "targets": targets, "fallbacks": ["theirs"]}, key=key
        ),
        client.get(f"/api/v1/deployments?provider={foreign.provider.public_id}", key=key),
    ]

    assert [answer.status for answer in answers] == [404, 404, 422, 404]
    assert answers[2].json()["invalid_fields"] == ["fallbacks.0"]


def test_deployments_are_filtered(organization: Organization, client: GateClient, key: str) -> None:
    provider = make_provider(organization, name="main")
    make_deployment(organization, provider=provider, name="one", model="m1")
    make_deployment(organization, provider=provider, name="two", model="m2")
    make_deployment(organization, name="three", model="m1")

    def names(query: str) -> list[str]:
        answer = client.get(f"/api/v1/deployments?{query}", key=key)
        return [row["name"] for row in answer.json()["data"]]

    assert names("provider=main") == ["one", "two"]
    assert names("model=m1&ordering=-name") == ["three", "one"]
    assert names("provider=main&model=m1") == ["one"]


def test_viewers_see_and_change_nothing(organization: Organization, client: GateClient) -> None:
    key = log_in(make_member(organization, Role.VIEWER)).access
    make_route(organization, name="chat")

    seen = [
        client.get(f"/api/v1/{what}", key=key).json()["meta"]["total"]
        for what in ("providers", "deployments", "routes", "prompts")
    ]
    changed = client.patch("/api/v1/routes/chat", {"retries": 1}, key=key)

    assert seen == [1, 1, 1, 0]
    assert (changed.status, changed.error) == (403, "permission_denied")


def test_a_provider_is_tried_and_its_models_deployed(
    organization: Organization, client: GateClient, key: str
) -> None:
    at = f"/api/v1/providers/{make_provider(organization, name='sim').public_id}"

    tried = client.post(f"{at}/test", key=key).json()
    offered = client.get(f"{at}/models", key=key).json()
    found = client.post(f"{at}/discover", {}, key=key)
    after = client.get(at, key=key).json()

    assert (tried["ok"], tried["error"], tried["models"]) == (True, "", 3)
    assert [model["name"] for model in offered["data"]] == [
        "simulated",
        "simulated-embedding",
        "simulated-fast",
    ]
    assert found.status == 201
    assert [row["model"] for row in found.json()["created"]] == [
        model["name"] for model in offered["data"]
    ]
    assert (after["deployments"], after["checked_at"]) == (3, tried["checked_at"])
