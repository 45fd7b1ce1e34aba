from __future__ import annotations

from typing import Any

import pytest

from apps.core.ws.handshake import read_handshake

pytestmark = pytest.mark.unit


def scope_of(scheme: str = "ws", **headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "websocket", "scheme": scheme, "client": ("192.0.2.1", 5), "headers": pairs}


@pytest.mark.parametrize(
    ("scheme", "origin", "expected"),
    [
        ("ws", "http://testserver", True),
        ("wss", "https://testserver", True),
        ("wss", "http://testserver", False),
        ("ws", "https://testserver", False),
        ("ws", "http://testserver:80", False),
        ("ws", "http://user@testserver", False),
        ("ws", "null", False),
        ("ws", "", False),
        ("ws", "http://localhost:8000", False),
    ],
)
def test_is_same_origin(scheme: str, origin: str, expected: bool) -> None:
    handshake = read_handshake(scope_of(scheme, host="testserver", origin=origin))

    assert handshake.is_same_origin is expected


def test_scheme_before_a_trusted_proxy_is_what_it_says(settings: Any) -> None:
    scope = scope_of(host="testserver", origin="https://testserver", x_forwarded_proto="https")

    before = read_handshake(scope).is_same_origin
    settings.SIGNALBOX_TRUSTED_PROXIES = 1

    assert (before, read_handshake(scope).is_same_origin) == (False, True)


def test_address_behind_a_trusted_proxy_is_the_caller_s(settings: Any) -> None:
    scope = scope_of(x_forwarded_for="203.0.113.9, 198.51.100.7")

    before = read_handshake(scope).address
    settings.SIGNALBOX_TRUSTED_PROXIES = 1

    assert (before, read_handshake(scope).address) == ("192.0.2.1", "198.51.100.7")


def test_header_given_twice_is_no_credential() -> None:
    scope = scope_of()
    scope["headers"] = [(b"x-api-key", b"one"), (b"x-api-key", b"two")]

    assert read_handshake(scope).key == "one,two"


@pytest.mark.parametrize(
    ("cookie", "session"), [("a=1; sessionid=x; b=2", "x"), ("a=1", None), ("\x01=;", None)]
)
def test_session_is_read_from_the_cookie(cookie: str, session: str | None) -> None:
    assert read_handshake(scope_of(cookie=cookie)).session == session


@pytest.mark.parametrize(
    ("host", "served"),
    [("testserver", True), ("TESTSERVER:8000", True), ("evil.example", False), ("a b", False)],
)
def test_host_is_one_we_serve(host: str, served: bool) -> None:
    assert read_handshake(scope_of(host=host)).is_host_served is served
