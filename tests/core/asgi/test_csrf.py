"""API calls by browser session: a state change needs the token and our own origin, whatever the session may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.middleware.csrf import _get_new_csrf_string, _mask_cipher_secret

from apps.core.actor import Identity
from tests.client import Answer, GateClient
from tests.core.asgi import table
from tests.factories.doors import KnownTokens

SECRET = _get_new_csrf_string()
GOOD = {"X-CSRFToken": SECRET, "Origin": "http://testserver"}


@pytest.fixture(autouse=True)
def signed_in(ada: Identity, tokens: KnownTokens) -> None:
    tokens.sessions["session-of-ada"] = ada


def call(
    client: GateClient,
    method: str = "POST",
    path: str = "/api/v1/things",
    *,
    headers: Mapping[str, str] | None = None,
    **cookies: str,
) -> Answer:
    given: dict[str, Any] = {"sessionid": "session-of-ada", "csrftoken": SECRET, **cookies}
    body = {"name": "a"} if method not in ("GET", "HEAD") else None
    return client.call(method, path, body=body, headers=headers, cookies=given)


def test_reading_needs_no_token(client: GateClient, ada: Identity) -> None:
    answer = call(client, "GET", "/api/v1/used")

    assert (answer.status, answer.json()["actor"]) == (200, ada.principal)


@pytest.mark.parametrize(
    "token", [SECRET, _mask_cipher_secret(SECRET)], ids=["the cookie's", "the page's"]
)
def test_a_change_with_the_token_from_our_origin_is_made(client: GateClient, token: str) -> None:
    answer = call(client, headers={**GOOD, "X-CSRFToken": token})

    assert (answer.status, table.runs) == (201, ["a"])


def test_the_token_is_enough_where_no_origin_is_said(client: GateClient) -> None:
    assert call(client, headers={"X-CSRFToken": SECRET}).status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://testserver"},
        {"X-CSRFToken": ""},
        {"X-CSRFToken": _get_new_csrf_string()},
        {"X-CSRFToken": SECRET[:-1]},
        {"X-CSRFToken": "\xff" * 32},
        {**GOOD, "Origin": "http://evil.example"},
        {**GOOD, "Origin": "https://testserver"},
        {**GOOD, "Origin": "http://testserver:81"},
        {**GOOD, "Origin": "null"},
        {**GOOD, "Origin": ""},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_change_without_both_is_refused(
    client: GateClient, headers: dict[str, str], method: str
) -> None:
    path = "/api/v1/things" if method == "POST" else "/api/v1/things/a"

    answer = call(client, method, path, headers=headers)

    assert (answer.status, answer.error, table.runs) == (403, "csrf_failed", [])


def test_a_change_without_the_cookie_is_refused(client: GateClient) -> None:
    answer = call(client, headers=GOOD, csrftoken="")

    assert (answer.status, answer.error) == (403, "csrf_failed")


def test_a_form_of_another_site_is_refused(client: GateClient) -> None:
    """The token in the body is not looked at: the body is not read before its limit is known."""
    answer = client.post(
        "/api/v1/things",
        raw=f"csrfmiddlewaretoken={SECRET}&name=a".encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        cookies={"sessionid": "session-of-ada", "csrftoken": SECRET},
    )

    assert (answer.status, answer.error) == (403, "csrf_failed")


@pytest.mark.parametrize(
    ("referer", "status"),
    [("https://testserver/console/", 201), ("https://evil.example/", 403), (None, 403)],
)
def test_over_tls_the_referer_stands_in_for_the_origin(
    client: GateClient, referer: str | None, status: int
) -> None:
    answer = GateClient(scheme="https").post(
        "/api/v1/things",
        {"name": "a"},
        headers={"X-CSRFToken": SECRET, "Referer": referer},
        cookies={"sessionid": "session-of-ada", "csrftoken": SECRET},
    )

    assert answer.status == status


def test_a_trusted_origin_may_change(client: GateClient, settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://console.example"]

    assert call(client, headers={**GOOD, "Origin": "https://console.example"}).status == 201


def test_a_credential_of_its_own_needs_no_token(client: GateClient, ada: Identity) -> None:
    """No browser adds it by itself, so no other site can make one send it."""
    answer = client.post(
        "/api/v1/things", {"name": "a"}, key="ada", headers={"Origin": "http://evil.example"}
    )

    assert answer.status == 201


@pytest.mark.parametrize("session", ["", "another", "\xff", "session-of-ada; x"])
def test_a_session_nobody_knows_is_unauthenticated(client: GateClient, session: str) -> None:
    answer = client.get("/api/v1/used", cookies={"sessionid": session})

    assert answer.status == (200 if session == "session-of-ada; x" else 401)


@pytest.mark.parametrize("cookie", ["", ";;;", "sessionid", "=x", "a" * 10_000, "sessionid=\x01"])
def test_odd_cookies_are_nobodys(client: GateClient, cookie: str) -> None:
    assert client.get("/api/v1/used", headers={"Cookie": cookie}).status == 401


def test_a_session_nobody_knows_is_ignored_on_a_public_door(client: GateClient) -> None:
    assert client.post("/echo", {}, cookies={"sessionid": "another"}).status == 200


def test_a_change_by_session_on_a_public_door_needs_the_token_too(client: GateClient) -> None:
    """Logging somebody in as somebody else across sites is an attack as well."""
    assert call(client, path="/echo").status == 403
    assert call(client, path="/echo", headers=GOOD).status == 200
