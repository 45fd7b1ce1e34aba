"""`/api/v1/audit`: the list by cursor, one entry, the export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.actor import Role
from apps.events.models import AuditEntry
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.doors import KnownTokens, known_tokens
from tests.factories.events import make_entry, make_identity

pytestmark = pytest.mark.integration


@pytest.fixture
def tokens() -> Iterator[KnownTokens]:
    with known_tokens() as known:
        yield known


@pytest.fixture
def admin(tokens: KnownTokens, organization: Organization) -> str:
    tokens.identities["admin"] = make_identity(organization)
    return "admin"


@pytest.fixture
def client() -> GateClient:
    return GateClient()


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def row_of(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.public_id,
        "action": entry.action,
        "actor": {"id": entry.actor_id, "name": entry.actor_name},
        "object": {"id": entry.object_id, "name": entry.object_name},
        "at": stamp(entry.at),
        "before": entry.before,
        "after": entry.after,
        "address": entry.address,
        "credential": {"kind": entry.credential_kind, "id": entry.credential_id},
        "request_id": entry.request_id,
        "sequence": entry.sequence,
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }


def test_list_shows_our_entries_newest_first(
    client: GateClient, admin: str, organization: Organization, other: Organization
) -> None:
    first = make_entry(organization, after={"role": "user", "password": "x"})
    make_entry(other)
    second = make_entry(organization, actor=None)

    answer = client.get("/api/v1/audit", key=admin)

    assert answer.status == 200
    assert answer.json() == {
        "data": [row_of(second), row_of(first)],
        "meta": {"limit": 20, "next_cursor": None},
    }
    assert answer.json()["data"][1]["after"] == {"role": "user", "password": "***"}


def test_list_is_walked_by_cursor(
    client: GateClient, admin: str, organization: Organization
) -> None:
    expected = [make_entry(organization).public_id for _ in range(5)][::-1]
    found: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    for _ in range(3):
        page = client.get("/api/v1/audit", key=admin, query=query).json()
        found += [row["id"] for row in page["data"]]
        query["cursor"] = page["meta"]["next_cursor"]
        make_entry(organization)  # newer rows do not disturb the walk

    assert found == expected
    assert query["cursor"] is None


def test_list_is_filtered(client: GateClient, admin: str, organization: Organization) -> None:
    wanted = make_entry(organization, topic="keys.key.revoked", object_id="key_9")
    make_entry(organization)
    later = stamp(wanted.at + timedelta(hours=1))

    def ids(**query: str) -> list[str]:
        return [
            row["id"] for row in client.get("/api/v1/audit", key=admin, query=query).json()["data"]
        ]

    assert ids(action="keys.key.revoked") == [wanted.public_id]
    assert ids(actor=wanted.actor_id) == [wanted.public_id]
    assert ids(object="key_9") == [wanted.public_id]
    assert wanted.public_id in ids(**{"from": stamp(wanted.at), "to": later})
    assert ids(**{"from": later}) == []
    assert ids(to="2020-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "x"}, "to"),
        ({"cursor": "bad"}, "cursor"),
        ({"limit": "201"}, "limit"),
    ],
)
def test_bad_filter_is_named(
    client: GateClient, admin: str, organization: Organization, query: dict[str, str], field: str
) -> None:
    answer = client.get("/api/v1/audit", key=admin, query=query)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [field])


def test_list_costs_a_fixed_number_of_queries(
    client: GateClient, admin: str, organization: Organization
) -> None:
    counts = []
    for rows in (1, 3):
        while AuditEntry.objects.count() < rows:
            make_entry(organization)
        with CaptureQueriesContext(connection) as captured:
            client.get("/api/v1/audit", key=admin)
        counts.append(len([one for one in captured if "events_auditentry" in one["sql"]]))

    assert counts == [1, 1]


@pytest.mark.parametrize(
    "path", ["/api/v1/audit", "/api/v1/audit/export", "/api/v1/audit/audit_" + "0" * 32]
)
def test_without_a_key_nobody_reads(
    client: GateClient, tokens: KnownTokens, path: str, db: None
) -> None:
    answer = client.get(path)

    assert (answer.status, answer.error) == (401, "unauthenticated")


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER, Role.SERVICE])
@pytest.mark.parametrize(
    "path", ["/api/v1/audit", "/api/v1/audit/export", "/api/v1/audit/audit_" + "0" * 32]
)
def test_other_roles_may_not_read(
    client: GateClient, tokens: KnownTokens, organization: Organization, role: Role, path: str
) -> None:
    tokens.identities["plain"] = make_identity(organization, role)

    answer = client.get(path, key="plain")

    assert (answer.status, answer.error) == (403, "permission_denied")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nobody_writes(
    client: GateClient, admin: str, organization: Organization, method: str
) -> None:
    entry = make_entry(organization)

    answers = [
        client.call(method, path, body={}, key=admin)
        for path in ("/api/v1/audit", f"/api/v1/audit/{entry.public_id}")
    ]

    assert [(answer.status, answer.error) for answer in answers] == [
        (405, "method_not_allowed")
    ] * 2


def test_one_entry_is_shown(client: GateClient, admin: str, organization: Organization) -> None:
    entry = make_entry(organization)

    answer = client.get(f"/api/v1/audit/{entry.public_id}", key=admin)

    assert (answer.status, answer.json()) == (200, row_of(entry))


def test_foreign_and_malformed_ids_are_not_found(
    client: GateClient, admin: str, organization: Organization, other: Organization
) -> None:
    foreign = make_entry(other)

    answers = [
        client.get(f"/api/v1/audit/{identifier}", key=admin)
        for identifier in (
            foreign.public_id,
            "audit_" + "0" * 32,
            "audit_x",
            "key_" + "0" * 32,
            "nonsense",
        )
    ]

    assert [(answer.status, answer.error) for answer in answers] == [(404, "not_found")] * 5


def test_export_is_the_sealed_trail_as_json_lines(
    client: GateClient, admin: str, organization: Organization, other: Organization
) -> None:
    entries = [make_entry(organization), make_entry(other), make_entry(organization)]

    answer = client.get("/api/v1/audit/export", key=admin)

    lines = [json.loads(line) for line in answer.body.splitlines()]
    for entry in entries:
        entry.refresh_from_db()
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.jsonl"'
    assert lines == [row_of(entries[0]), row_of(entries[2])]
    assert [line["sequence"] for line in lines] == [1, 2]


def test_export_of_an_empty_trail_is_empty(client: GateClient, admin: str) -> None:
    answer = client.get("/api/v1/audit/export", key=admin)

    assert (answer.status, answer.body) == (200, b"")
