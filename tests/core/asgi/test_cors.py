"""Browsers of other origins: who may read our answers, and what their preflights are told."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.actor import Identity
from tests.client import GateClient

APP = "https://app.example"
ASKING = {"Origin": APP, "Access-Control-Request-Method": "POST"}


def cors_of(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("access-control-")}


@pytest.fixture
def allowed(settings: Any) -> None:
    settings.SIGNALBOX_CORS_ORIGINS = frozenset({APP})


def test_by_default_no_origin_is_let_in(client: GateClient) -> None:
    answer = client.get("/echo", headers={"Origin": APP})
    preflight = client.call("OPTIONS", "/echo", headers=ASKING)

    assert (answer.status, cors_of(answer.headers)) == (200, {})
    assert (preflight.status, cors_of(preflight.headers)) == (204, {})


def test_an_allowed_origin_reads_answers_and_their_headers(
    client: GateClient, allowed: None
) -> None:
    answer = client.get("/echo", headers={"Origin": APP})

    assert cors_of(answer.headers) == {
        "access-control-allow-origin": APP,
        "access-control-expose-headers": "X-Request-ID, X-API-Version, X-RateLimit-Limit, "
        "X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, ETag, X-Signalbox-Deployment, "
        "X-Signalbox-Attempts, X-Signalbox-Cost, X-Signalbox-Overhead-Ms, X-Signalbox-Cache",
    }
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("path", ["/nowhere", "/failing/bug", "/api/v1/used"])
def test_an_allowed_origin_reads_errors_too(client: GateClient, allowed: None, path: str) -> None:
    answer = client.get(path, headers={"Origin": APP})

    assert answer.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.evil",
        "https://evil.example",
        "http://app.example",
        "https://app.example:444",
        "HTTPS://APP.EXAMPLE",
        "null",
        "",
        "*",
        "\xff",
    ],
)
def test_another_origin_reads_nothing(client: GateClient, allowed: None, origin: str) -> None:
    answer = client.get("/echo", headers={"Origin": origin})

    assert (answer.status, cors_of(answer.headers)) == (200, {})


def test_a_preflight_is_told_what_the_path_takes(
    client: GateClient, allowed: None, ada: Identity
) -> None:
    answer = client.call("OPTIONS", "/api/v1/used", headers=ASKING)

    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["access-control-allow-methods"] == "GET, POST, OPTIONS"
    assert answer.headers["access-control-allow-headers"].split(", ") == [
        "Authorization",
        "Content-Type",
        "X-API-Key",
        "X-API-Version",
        "X-Request-ID",
        "Idempotency-Key",
        "If-Match",
        "If-None-Match",
        "X-Session-ID",
    ]
    assert answer.headers["access-control-max-age"] == "600"


def test_a_preflight_of_another_origin_is_told_nothing(client: GateClient, allowed: None) -> None:
    answer = client.call("OPTIONS", "/echo", headers={**ASKING, "Origin": "https://evil.example"})

    assert (answer.status, cors_of(answer.headers)) == (204, {})


def test_a_preflight_of_nothing_is_not_found(client: GateClient, allowed: None) -> None:
    assert client.call("OPTIONS", "/nowhere", headers=ASKING).status == 404


def test_credentials_are_allowed_by_name_alone(
    client: GateClient, allowed: None, settings: Any
) -> None:
    settings.SIGNALBOX_CORS_CREDENTIALS = True

    answer = client.get("/echo", headers={"Origin": APP})

    assert answer.headers["access-control-allow-credentials"] == "true"


def test_any_origin_may_be_let_in(client: GateClient, settings: Any) -> None:
    settings.SIGNALBOX_CORS_ORIGINS = frozenset({"*"})

    answer = client.get("/echo", headers={"Origin": APP})

    assert answer.headers["access-control-allow-origin"] == APP
    assert "access-control-allow-credentials" not in answer.headers


def test_any_origin_and_credentials_do_not_go_together(client: GateClient, settings: Any) -> None:
    """Else every page on the net could act with its visitor's session."""
    settings.SIGNALBOX_CORS_ORIGINS = frozenset({"*"})
    settings.SIGNALBOX_CORS_CREDENTIALS = True

    assert cors_of(client.get("/echo", headers={"Origin": APP}).headers) == {}
