"""Reading credentials off a request: which header, one or two, and what must hold at each use."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from apps.core import authentication
from apps.core.authentication import check_presence, read_token
from apps.core.errors import Malformed, PermissionDenied, Unauthenticated
from tests.factories.events import make_identity


@pytest.mark.parametrize(
    ("authorization", "key", "token"),
    [
        (None, None, None),
        ("", "", None),
        (None, "  ", None),
        ("Bearer a", None, "a"),
        ("bEaReR   a  ", None, "a"),
        (None, " a ", "a"),
        ("Bearer a", "a", "a"),
        ("Bearer " + "a" * 4096, None, "a" * 4096),
        ("Basic " + b64encode(b"anybody:ltb_a").decode(), None, "ltb_a"),
        ("basic  " + b64encode(b":a:b").decode(), None, "a:b"),
        ("Basic " + b64encode(b"x:a").decode(), "a", "a"),
    ],
)
def test_read_token(authorization: str | None, key: str | None, token: str | None) -> None:
    assert read_token(authorization, key) == token


@pytest.mark.parametrize(
    ("authorization", "key"),
    [
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic a", None),
        ("Basic", None),
        ("Basic " + b64encode(b"ltb_a").decode(), None),
        ("Basic " + b64encode(b"ltb_a:").decode(), None),
        ("Basic " + b64encode(b"a:\xff").decode(), None),
        ("Basic " + b64encode(b"a:b").decode() + "!", None),
        ("a", None),
        ("Digest a, b", None),
        ("Bearer " + "a" * 4097, None),
        (None, "a" * 4097),
    ],
)
def test_read_token_refuses(authorization: str | None, key: str | None) -> None:
    with pytest.raises(Unauthenticated):
        read_token(authorization, key)


@pytest.mark.parametrize(
    ("authorization", "key"),
    [
        ("Bearer a", "b"),
        ("Basic YTph", "b"),
        ("Basic YTphLGI=", None),
        ("Bearer a,Bearer b", None),
        ("Bearer a,Bearer a", None),
        (None, "a,b"),
    ],
)
def test_read_token_never_chooses(authorization: str | None, key: str | None) -> None:
    with pytest.raises(Malformed) as caught:
        read_token(authorization, key)

    assert caught.value.code == "two_credentials"


def test_check_presence_of_the_expired() -> None:
    now = datetime.now(UTC)
    check_presence(make_identity(expires_at=now + timedelta(minutes=1)), "")

    with pytest.raises(Unauthenticated) as caught:
        check_presence(make_identity(expires_at=now), "")

    assert caught.value.code == "key_expired"


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("192.0.2.255", True),
        ("::ffff:192.0.2.1", True),
        ("192.0.3.0", False),
        ("2001:db8::ffff", True),
        ("::ffff:2001:db8", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_check_presence_from_an_address(address: str, is_allowed: bool) -> None:
    identity = make_identity(addresses=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/64")))

    if is_allowed:
        check_presence(identity, address)
    else:
        with pytest.raises(PermissionDenied):
            check_presence(identity, address)


def test_without_an_authenticator_nobody_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "_authenticator", None)

    with pytest.raises(RuntimeError, match="no authenticator"):
        authentication.authenticator()


def test_the_header_of_a_key_is_a_setting(settings: Any) -> None:
    settings.SIGNALBOX_KEY_HEADER = "X-House-Key"
    authentication.key_header.cache_clear()
    try:
        assert authentication.key_header() == "HTTP_X_HOUSE_KEY"
    finally:
        authentication.key_header.cache_clear()
