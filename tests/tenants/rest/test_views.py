from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.tenants.models import Membership
from tests.client import GateClient
from tests.factories.tenants import PASSWORD, make_admin, make_member, make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    cache.clear()


@pytest.fixture
def member() -> Membership:
    return make_admin(is_approver=True)


@pytest.fixture
def client() -> GateClient:
    return GateClient(address="192.0.2.1")


def credentials(member: Membership, **more: Any) -> dict[str, Any]:
    return {"email": member.user.email, "password": PASSWORD, **more}


def log_in(client: GateClient, member: Membership, **more: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/auth/login", credentials(member, **more))
    assert answer.status == 200
    tokens: dict[str, Any] = answer.json()
    return tokens


def status_of_me(client: GateClient, access: str) -> int:
    return client.get("/api/v1/auth/me", key=access).status


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/auth/login", "/api/v1/auth/login/"])
def test_login_answers_tokens_and_whose_they_are(
    client: GateClient, member: Membership, path: str
) -> None:
    answer = client.post(path, credentials(member))

    body = answer.json()
    assert answer.status == 200
    assert {len(body.pop(name).split(".")) for name in ("access", "refresh")} == {3}
    assert body == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "user": {
            "id": member.user.public_id,
            "email": member.user.email,
            "name": member.user.name,
        },
        "organization": {
            "id": member.organization.public_id,
            "slug": member.organization.slug,
            "name": member.organization.name,
        },
        "role": "admin",
    }


@pytest.mark.parametrize(
    ("email", "password"),
    [("nobody@example.com", PASSWORD), (None, "wrong"), ("", "x"), ("a", "x")],
)
def test_login_refuses_alike(
    client: GateClient, member: Membership, email: str | None, password: str
) -> None:
    body = {"email": member.user.email if email is None else email, "password": password}
    if email == "":
        body["email"] = "x"

    answer = client.post("/api/v1/auth/login", body)

    assert (answer.status, answer.error) == (401, "bad_credentials")
    assert answer.json()["message"] == "The e-mail address or the password is wrong."


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": "a@b.example"}, "password"),
        ({"email": 5, "password": "x"}, "email"),
        ({"email": "a@b.example", "password": 12345678}, "password"),
        ({"email": "a@b.example", "password": ["x"]}, "password"),
        ({"email": "a@b.example", "password": None}, "password"),
        ({"email": "a@b.example", "password": "x" * 1025}, "password"),
        ({"email": "a" * 255, "password": "x"}, "email"),
        ({"email": "a\n@b.example", "password": "x"}, "email"),
        ({"email": "a@b.example", "password": "x", "admin": True}, "admin"),
    ],
)
def test_login_names_the_wrong_field(client: GateClient, body: dict[str, Any], field: str) -> None:
    answer = client.post("/api/v1/auth/login", body)

    assert (answer.status, answer.error) == (422, "validation_error")
    assert field in answer.json()["invalid_fields"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"email":"a","email":"b","password":"x"}',
        b'{"email":"a","password":NaN}',
        b'{"email":"a","password":"\\u0000"}',
        b'{"email":"\\ud800","password":"x"}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_login_never_breaks_on_bad_bytes(client: GateClient, raw: bytes) -> None:
    answer = client.post("/api/v1/auth/login", raw=raw)

    assert answer.status in (400, 413, 422)


def test_login_refuses_a_form(client: GateClient, member: Membership) -> None:
    answer = client.post(
        "/api/v1/auth/login",
        raw=b"email=a&password=b",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )

    assert (answer.status, answer.error) == (415, "unsupported_media_type")


def test_login_takes_little_body(client: GateClient) -> None:
    answer = client.post("/api/v1/auth/login", {"email": "a@b.example", "password": "x" * 20_000})

    assert answer.status == 413


def test_login_refuses_the_sixth_in_a_minute_whatever_is_forwarded(
    client: GateClient, member: Membership
) -> None:
    statuses = [
        client.post(
            "/api/v1/auth/login",
            credentials(member, password="wrong"),
            headers={"x-forwarded-for": f"203.0.113.{number}", "x-real-ip": f"203.0.113.{number}"},
        ).status
        for number in range(5)
    ]

    answer = client.post(
        "/api/v1/auth/login",
        credentials(member),
        headers={"x-forwarded-for": "203.0.113.77", "forwarded": "for=203.0.113.77"},
    )

    assert statuses == [401] * 5
    assert (answer.status, answer.error) == (429, "rate_limited")
    assert 55 <= int(answer.headers["retry-after"]) <= 60
    elsewhere = GateClient(address="192.0.2.99").post("/api/v1/auth/login", credentials(member))
    assert elsewhere.status == 200


def test_login_waits_on_the_loop_after_many_failures(
    client: GateClient, member: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    for number in range(5):
        GateClient(address=f"198.51.100.{number}").post(
            "/api/v1/auth/login", credentials(member, password="wrong")
        )
    monkeypatch.setattr(asyncio, "sleep", sleep)
    wrong = client.post("/api/v1/auth/login", credentials(member, password="wrong"))
    right = client.post("/api/v1/auth/login", credentials(member))

    assert (wrong.status, right.status) == (401, 200)
    assert waited == [1.0, 2.0]


def test_login_lets_nobody_in_without_the_limit_store(
    client: GateClient, member: Membership
) -> None:
    class Away(MemoryLimitStore):
        def hit_now(self, checks: Any) -> Any:
            raise LimitStoreUnavailable

    set_store(Away())

    answer = client.post("/api/v1/auth/login", credentials(member))

    assert (answer.status, answer.error) == (503, "limiter_unavailable")


def test_login_lets_nobody_in_without_the_outer_guard_s_cache(
    client: GateClient, member: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise ConnectionError

    monkeypatch.setattr(type(cache._connections["default"]), "add", away)

    answer = client.post("/api/v1/auth/login", credentials(member))

    assert (answer.status, answer.error) == (503, "limiter_unavailable")


def test_login_flood_is_cut_by_the_outer_guard(
    client: GateClient, member: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.tenants.rest.flood.RATE", "2/h")
    statuses = [log_in(client, member)["token_type"] for _ in range(2)]

    answer = client.post("/api/v1/auth/login", credentials(member))

    assert statuses == ["Bearer", "Bearer"]
    assert (answer.status, answer.error) == (429, "rate_limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 3600


def test_login_names_an_organization(client: GateClient, member: Membership) -> None:
    other = make_member(user=member.user)

    tokens = log_in(client, member, organization=other.organization.slug)

    assert (tokens["organization"]["id"], tokens["role"]) == (other.organization.public_id, "user")


def test_login_into_another_s_organization_is_refused(
    client: GateClient, member: Membership
) -> None:
    elsewhere = make_organization()

    answer = client.post(
        "/api/v1/auth/login", credentials(member, organization=elsewhere.public_id)
    )

    assert (answer.status, answer.json()["invalid_fields"]) == (422, ["organization"])


def test_refresh_rotates_and_a_replay_ends_the_login(
    client: GateClient, member: Membership
) -> None:
    first = log_in(client, member)
    second = client.post("/api/v1/auth/refresh", {"refresh": first["refresh"]}).json()
    alive = status_of_me(client, second["access"])

    replay = client.post("/api/v1/auth/refresh", {"refresh": first["refresh"]})

    assert alive == 200
    assert (replay.status, replay.error) == (401, "invalid_token")
    assert status_of_me(client, second["access"]) == 401
    assert client.post("/api/v1/auth/refresh", {"refresh": second["refresh"]}).status == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ltb_" + "x" * 43])
def test_refresh_refuses_rubbish(client: GateClient, token: str) -> None:
    answer = client.post("/api/v1/auth/refresh", {"refresh": token})

    assert answer.status in (401, 422)


def test_refresh_token_opens_no_door(client: GateClient, member: Membership) -> None:
    tokens = log_in(client, member)

    assert status_of_me(client, tokens["refresh"]) == 401


def test_logout_ends_the_login(client: GateClient, member: Membership) -> None:
    tokens = log_in(client, member)

    answer = client.post("/api/v1/auth/logout", {}, key=tokens["access"])

    assert (answer.status, answer.body) == (204, b"")
    assert status_of_me(client, tokens["access"]) == 401


def test_logout_needs_no_body(client: GateClient, member: Membership) -> None:
    tokens = log_in(client, member)

    assert client.post("/api/v1/auth/logout", key=tokens["access"]).status == 204


def test_logout_needs_somebody(client: GateClient) -> None:
    assert client.post("/api/v1/auth/logout", {}).status == 401


def test_switch_moves_to_another_organization(client: GateClient, member: Membership) -> None:
    other = make_member(user=member.user)
    tokens = log_in(client, member)

    answer = client.post(
        "/api/v1/auth/switch", {"organization": other.organization.public_id}, key=tokens["access"]
    )

    assert answer.status == 200
    assert answer.json()["organization"]["slug"] == other.organization.slug
    assert status_of_me(client, tokens["access"]) == 401
    assert status_of_me(client, answer.json()["access"]) == 200


def test_switch_to_another_s_organization_is_refused(
    client: GateClient, member: Membership
) -> None:
    tokens = log_in(client, member)
    elsewhere = make_organization()

    answer = client.post(
        "/api/v1/auth/switch", {"organization": elsewhere.slug}, key=tokens["access"]
    )

    assert answer.status == 422
    assert status_of_me(client, tokens["access"]) == 200


def test_password_change_ends_the_login(client: GateClient, member: Membership) -> None:
    tokens = log_in(client, member)

    answer = client.post(
        "/api/v1/auth/password",
        {"current_password": PASSWORD, "new_password": "staple battery horse"},
        key=tokens["access"],
    )

    assert answer.status == 204
    assert status_of_me(client, tokens["access"]) == 401
    assert log_in(client, member, password="staple battery horse")["role"] == "admin"


def test_password_change_names_what_is_wrong(client: GateClient, member: Membership) -> None:
    tokens = log_in(client, member)

    answer = client.post(
        "/api/v1/auth/password",
        {"current_password": "wrong", "new_password": "staple battery horse"},
        key=tokens["access"],
    )

    assert (answer.status, answer.json()["invalid_fields"]) == (422, ["current_password"])


def test_me_says_who_and_what_one_may(client: GateClient, member: Membership) -> None:
    tokens = log_in(client, member)

    body = client.get("/api/v1/auth/me", key=tokens["access"]).json()

    permissions = body.pop("permissions")
    credential = body.pop("credential")
    assert body == {
        "user": {
            "id": member.user.public_id,
            "email": member.user.email,
            "name": member.user.name,
        },
        "service_account": None,
        "organization": {
            "id": member.organization.public_id,
            "slug": member.organization.slug,
            "name": member.organization.name,
        },
        "role": "admin",
        "approver": True,
    }
    assert permissions == sorted(permissions)
    assert "tenants.member.manage" in permissions
    assert (credential["kind"], credential["id"][:4]) == ("jwt", "ses_")


def test_me_asks_no_database_when_warm(client: GateClient, member: Membership) -> None:
    tokens = log_in(client, member)
    client.get("/api/v1/auth/me", key=tokens["access"])

    with CaptureQueriesContext(connection) as queries:
        status = status_of_me(client, tokens["access"])

    # The client polls for news of other processes before each call, as a ticker does in a server.
    news = [query for query in queries if "core_changemark" in query["sql"]]
    assert (status, len(queries) - len(news)) == (200, 0)


@pytest.mark.parametrize("token", [None, "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_me_needs_somebody(client: GateClient, token: str | None) -> None:
    answer = client.get("/api/v1/auth/me", key=token)

    assert (answer.status, "www-authenticate" in answer.headers) == (401, True)


def test_me_forgets_a_removed_member_at_once(client: GateClient, member: Membership) -> None:
    leaver = make_member(member.organization)
    tokens, admin = log_in(client, leaver), log_in(client, member)
    before = status_of_me(client, tokens["access"])

    removed = client.delete(f"/api/v1/members/{leaver.public_id}", key=admin["access"])

    assert (before, removed.status) == (200, 204)
    assert status_of_me(client, tokens["access"]) == 401
