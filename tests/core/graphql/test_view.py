"""`/graphql` over HTTP, through the gate."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from django.db import OperationalError

from apps.core.actor import Role
from apps.core.asgi.headers import DOCS_POLICY
from apps.core.limits.rates import parse_rate
from apps.events import queries
from apps.tenants.models import Organization
from tests.client import Answer, GateClient
from tests.factories.doors import KnownTokens
from tests.factories.events import make_entry, make_identity
from tests.factories.tenants import make_organization

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

HELLO = "{ version health }"
WORLD = {"data": {"version": "0.1.0", "health": True}}


def ask(client: GateClient, query: str, key: str | None = None, **more: Any) -> Answer:
    return client.post("/graphql", {"query": query, **more}, key=key)


def errors_of(answer: Answer) -> list[tuple[str, str]]:
    return [
        (one["extensions"]["code"], one["extensions"]["error"]) for one in answer.json()["errors"]
    ]


def test_version_and_health_need_no_key(client: GateClient) -> None:
    answer = ask(client, HELLO)

    assert (answer.status, answer.json()) == (200, WORLD)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")


def test_bad_key_is_as_good_as_none(client: GateClient, tokens: KnownTokens) -> None:
    answer = ask(client, HELLO, key="bad")

    assert (answer.status, answer.json()) == (200, WORLD)


def test_field_without_a_key_is_unauthenticated(client: GateClient) -> None:
    answer = client.post(
        "/graphql", {"query": "{ auditEntries { totalCount } }"}, headers={"X-Request-ID": "call-1"}
    )

    assert answer.status == 200
    assert answer.json() == {
        "data": None,
        "errors": [
            {
                "message": "A valid key, token or session is needed.",
                "locations": [{"line": 1, "column": 3}],
                "path": ["auditEntries"],
                "extensions": {
                    "code": "UNAUTHENTICATED",
                    "error": "unauthenticated",
                    "request_id": "call-1",
                },
            }
        ],
    }


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER, Role.SERVICE])
def test_field_without_its_permission_is_denied(
    client: GateClient, tokens: KnownTokens, organization: Organization, role: Role
) -> None:
    tokens.identities["plain"] = make_identity(organization, role)

    answer = ask(client, "{ auditEntries { totalCount } }", key="plain")

    assert errors_of(answer) == [("DENIED", "permission_denied")]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/graphql",
    ],
)
def test_other_media_types_are_refused(client: GateClient, content_type: str) -> None:
    answer = client.call(
        "POST", "/graphql", raw=b'{"query": "{ version }"}', headers={"content-type": content_type}
    )

    assert (answer.status, answer.error) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"NaN",
        b'{"query": 1, "query": 2}',
        b"[" * 100_000,
        b'{"query": "\xff"}',
        b"[]",
        b'{"query": 1e999}',
    ],
)
def test_unreadable_body_is_malformed(client: GateClient, raw: bytes) -> None:
    answer = client.call("POST", "/graphql", raw=raw)

    assert answer.status == 400


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "query"),
        ({"query": ""}, 422, "query"),
        ({"query": 5}, 422, "query"),
        ({"query": HELLO, "variables": [1]}, 422, "variables"),
        ({"query": HELLO, "operationName": 5}, 422, "operationName"),
        ({"query": "query a { version } query b { version }"}, 422, "operationName"),
        ({"query": "query a { version }", "operationName": "c"}, 422, "operationName"),
    ],
)
def test_wrong_member_is_named(client: GateClient, body: Any, status: int, field: str) -> None:
    answer = client.post("/graphql", body)

    (error,) = answer.json()["errors"]
    assert (answer.status, error["extensions"]["code"]) == (status, "INVALID")
    assert [one["field"] for one in error["extensions"]["fields"]] == [field]


def test_syntax_error_names_its_place(client: GateClient) -> None:
    answer = ask(client, "{\n version(")

    assert answer.status == 400
    assert errors_of(answer) == [("MALFORMED", "syntax_error")]
    assert "line 2, column" in answer.json()["errors"][0]["message"]


def test_unknown_field_is_invalid(client: GateClient) -> None:
    answer = ask(client, "{ nothing }")

    assert answer.status == 422
    assert errors_of(answer) == [("INVALID", "validation_error")]


def test_variable_of_the_wrong_type_is_invalid(client: GateClient, admin: str) -> None:
    query = "query q($first: Int) { auditEntries(first: $first) { totalCount } }"

    answer = ask(client, query, key=admin, variables={"first": "many"})

    assert answer.status == 200
    assert errors_of(answer) == [("INVALID", "validation_error")]


def test_operation_name_chooses(client: GateClient) -> None:
    answer = ask(client, "query a { version } query b { health }", operationName="b")

    assert answer.json() == {"data": {"health": True}}


def test_batch_is_answered_in_order(client: GateClient) -> None:
    answer = client.post(
        "/graphql", [{"query": "{ version }"}, {"query": "{"}, {"query": "{ health }"}]
    )

    first, second, third = answer.json()
    assert answer.status == 200
    assert (first, third) == ({"data": {"version": "0.1.0"}}, {"data": {"health": True}})
    assert second["errors"][0]["extensions"]["error"] == "syntax_error"


def test_batch_of_eleven_is_refused(client: GateClient) -> None:
    answer = client.post("/graphql", [{"query": "{ version }"}] * 11)

    assert (answer.status, answer.error) == (400, "batch_size")


def test_get_runs_a_query(client: GateClient) -> None:
    answer = client.get(f"/graphql?query={quote(HELLO)}")

    assert (answer.status, answer.json()) == (200, WORLD)


def test_get_without_a_query_is_malformed(client: GateClient) -> None:
    answer = client.get("/graphql")

    assert (answer.status, answer.error) == (400, "query_missing")


def test_get_in_a_browser_is_graphiql(client: GateClient) -> None:
    answer = client.get("/graphql", headers={"Accept": "text/html,*/*"})

    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"] == DOCS_POLICY
    assert b'id="graphiql"' in answer.body
    assert b"https://" not in answer.body
    assert any(cookie.startswith("csrftoken=") for cookie in answer.cookies)


def test_subscription_over_http_is_refused(client: GateClient, admin: str) -> None:
    answer = ask(client, "subscription { auditEvents { topic } }", key=admin)

    assert answer.status == 400
    assert errors_of(answer) == [("MALFORMED", "subscription_over_http")]


def test_unexpected_error_shows_its_request_id_alone(
    client: GateClient, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("secret of the house: SELECT 1")

    monkeypatch.setattr(queries, "audit_entry", fail)

    answer = ask(client, '{ auditEntry(id: "audit_1") { id } }', key=admin)

    (error,) = answer.json()["errors"]
    assert error["message"] == "Something went wrong on our side."
    assert error["extensions"] == {
        "code": "INTERNAL",
        "error": "internal_error",
        "request_id": answer.headers["x-request-id"],
    }
    assert b"secret" not in answer.body


def test_root_fields_and_batches_count_as_calls(
    client: GateClient, tokens: KnownTokens, organization: Organization
) -> None:
    tokens.identities["few"] = make_identity(organization, limits={"default": parse_rate("10/m")})
    aliases = "{" + " ".join(f"v{n}: version" for n in range(4)) + "}"

    statuses = [ask(client, aliases, key="few").status for _ in range(3)]
    left = ask(client, "{ version }", key="few")

    assert statuses == [200, 200, 429]
    assert left.status == 200
    assert client.post("/graphql", [{"query": "{ version }"}] * 3, key="few").status == 429


def test_aliases_of_strangers_count_against_the_address(client: GateClient) -> None:
    aliases = "{" + " ".join(f"v{n}: version" for n in range(30)) + "}"

    answers = [ask(client, aliases) for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


def test_foreign_entry_is_not_found(
    client: GateClient, admin: str, organization: Organization
) -> None:
    foreign = make_entry(make_organization())

    answers = [
        ask(
            client,
            "query q($id: ID!) { auditEntry(id: $id) { id } }",
            key=admin,
            variables={"id": identifier},
        )
        for identifier in (foreign.public_id, "audit_" + "0" * 32, "nonsense", "")
    ]

    assert [errors_of(answer) for answer in answers] == [[("NOT_FOUND", "not_found")]] * 4


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded"]
)
def test_session_without_the_csrf_token_is_denied(
    client: GateClient, tokens: KnownTokens, organization: Organization, content_type: str
) -> None:
    tokens.sessions["abc"] = make_identity(organization)

    answer = client.call(
        "POST",
        "/graphql",
        raw=b'{"query": "{ version }"}',
        cookies={"sessionid": "abc"},
        headers={"content-type": content_type},
    )

    assert answer.status == 403


def test_health_says_that_the_database_is_away(
    client: GateClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        def ensure_connection(self) -> None:
            raise OperationalError("away")

    monkeypatch.setattr("apps.core.graphql.root.probe_database", Away().ensure_connection)
    monkeypatch.setattr("apps.core.graphql.deadline.connection", Away())

    answer = ask(client, HELLO)

    assert (answer.status, answer.json()) == (200, {"data": {"version": "0.1.0", "health": False}})
