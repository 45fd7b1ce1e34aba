"""`auditEntries` and `auditEntry`, and that they say what REST says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.doors import known_tokens
from tests.factories.events import make_entry, make_identity

pytestmark = pytest.mark.integration

FIELDS = (
    "id action actor { id name } object { id name } at before after address credential { kind id } "
    "request_id: requestId sequence previous_hash: previousHash hash"
)


@pytest.fixture
def ask(organization: Organization) -> Iterator[Any]:
    with known_tokens() as tokens:
        tokens.identities["admin"] = make_identity(organization)
        client = GateClient()

        def run(query: str, **variables: Any) -> Any:
            body = {"query": query, "variables": variables}
            answer = client.post("/graphql", body, key="admin").json()
            assert "errors" not in answer, answer
            return answer["data"]

        run.client = client  # type: ignore[attr-defined]
        yield run


def test_list_says_what_the_rest_list_says(
    ask: Any, organization: Organization, other: Organization
) -> None:
    make_entry(organization, after={"limits": {"default": "5/m"}})
    make_entry(other)
    make_entry(organization, before={"role": "user"})

    data = ask(f"{{ auditEntries {{ nodes {{ {FIELDS} }} totalCount }} }}")

    rest = ask.client.get("/api/v1/audit", key="admin").json()["data"]
    assert data["auditEntries"] == {"nodes": rest, "totalCount": 2}


def test_one_entry_says_what_the_rest_entry_says(ask: Any, organization: Organization) -> None:
    entry = make_entry(organization)

    data = ask(f"query q($id: ID!) {{ auditEntry(id: $id) {{ {FIELDS} }} }}", id=entry.public_id)

    assert (
        data["auditEntry"] == ask.client.get(f"/api/v1/audit/{entry.public_id}", key="admin").json()
    )


def test_list_is_filtered(ask: Any, organization: Organization) -> None:
    wanted = make_entry(organization, topic="keys.key.revoked", object_id="key_9")
    make_entry(organization)

    def ids(arguments: str) -> list[str]:
        data = ask(f"{{ auditEntries({arguments}) {{ nodes {{ id }} }} }}")
        return [node["id"] for node in data["auditEntries"]["nodes"]]

    assert ids('action: "keys.key.revoked"') == [wanted.public_id]
    assert ids(f'actor: "{wanted.actor_id}"') == [wanted.public_id]
    assert ids('object: "key_9"') == [wanted.public_id]
    assert ids('until: "2020-01-01T00:00:00Z"') == []
    assert len(ids('since: "2020-01-01T00:00:00Z"')) == 2
