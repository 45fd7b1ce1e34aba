from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from apps.core.errors import Unauthenticated
from apps.tenants.domain.tokens import (
    LEEWAY,
    Claims,
    TokenType,
    looks_like_token,
    read_token,
    write_token,
)
from apps.tenants.errors import InvalidToken, TokenExpired

pytestmark = pytest.mark.unit

SECRET = "a-secret-of-forty-characters-or-even-more"
NOW = datetime.now(UTC).replace(microsecond=0)
CLAIMS = Claims(
    type=TokenType.ACCESS,
    user="user_1",
    organization="org_1",
    role="admin",
    version=3,
    session="ses_1",
    token_id="jti-1",
    issued_at=NOW,
    expires_at=NOW + timedelta(hours=1),
)
PAYLOAD: dict[str, Any] = {
    "sub": "user_1",
    "org": "org_1",
    "role": "admin",
    "sid": "ses_1",
    "jti": "jti-1",
    "type": "access",
    "ver": 3,
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 3600,
    "iss": "signalbox",
    "aud": "signalbox",
}


def forge(
    changes: dict[str, Any] | None = None,
    *,
    without: str = "",
    secret: str = SECRET,
    algorithm: str = "HS256",
    headers: dict[str, Any] | None = None,
) -> str:
    payload = {
        name: value for name, value in (PAYLOAD | (changes or {})).items() if name != without
    }
    return jwt.encode(payload, secret, algorithm=algorithm, headers=headers)


def read(token: str, expected: TokenType = TokenType.ACCESS) -> Claims:
    return read_token(token, expected=expected, secret=SECRET)


def segment(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def test_write_token_is_read_back_whole() -> None:
    assert read(write_token(CLAIMS, secret=SECRET)) == CLAIMS


def test_write_token_has_the_claims_and_header_promised() -> None:
    token = write_token(CLAIMS, secret=SECRET)

    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    assert jwt.decode(token, options={"verify_signature": False}) == PAYLOAD


def test_read_token_takes_another_library_s_token_of_the_same_form() -> None:
    assert read(forge()) == CLAIMS


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_read_token_refuses_other_algorithms(algorithm: str) -> None:
    long_secret = SECRET * 2
    token = forge(secret=long_secret, algorithm=algorithm)

    with pytest.raises(InvalidToken):
        read_token(token, expected=TokenType.ACCESS, secret=long_secret)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, 5])
def test_read_token_refuses_no_algorithm(algorithm: Any) -> None:
    token = f"{segment({'alg': algorithm, 'typ': 'JWT'})}.{segment(PAYLOAD)}."

    with pytest.raises(InvalidToken):
        read(token)


@pytest.mark.parametrize(
    "extra",
    [
        {"kid": "1"},
        {"kid": "../../dev/null"},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": True},
        {"crit": []},
        {"jku": "https://evil.example/keys"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"x5u": "https://evil.example/cert"},
        {"cty": "JWT"},
        {"zip": "DEF"},
        {"typ": "at+jwt"},
    ],
)
def test_read_token_refuses_any_other_header(extra: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        read(forge(headers=extra))


def test_read_token_refuses_a_header_that_says_a_thing_twice() -> None:
    body, signature = forge().split(".")[1:]
    header = segment('{"alg":"none","typ":"JWT","alg":"HS256"}')

    with pytest.raises(InvalidToken):
        read(f"{header}.{body}.{signature}")


def test_read_token_refuses_another_secret() -> None:
    with pytest.raises(InvalidToken):
        read(forge(secret="another-secret-of-forty-characters-or-more"))


def test_read_token_refuses_a_changed_payload() -> None:
    header, _, signature = forge().split(".")

    with pytest.raises(InvalidToken):
        read(f"{header}.{segment(PAYLOAD | {'role': 'admin', 'org': 'org_2'})}.{signature}")


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("aud", "another"),
        ("aud", ["another"]),
        ("iss", "another"),
        ("type", "refresh"),
        ("type", "ACCESS"),
        ("type", None),
        ("ver", "3"),
        ("ver", True),
        ("ver", 3.0),
        ("sid", ""),
        ("sid", 7),
        ("org", None),
        ("sub", 5),
        ("exp", "99999999999"),
        ("exp", 99999999999.5),
        ("exp", 10**30),
        # Ids of their own: every process of a run must name its tests alike, and the clock goes on between them.
        pytest.param("iat", int(NOW.timestamp()) + 3600, id="iat-in an hour"),
        pytest.param("nbf", int(NOW.timestamp()) + 3600, id="nbf-in an hour"),
    ],
)
def test_read_token_refuses_a_wrong_claim(claim: str, value: Any) -> None:
    with pytest.raises(Unauthenticated):
        read(forge({claim: value}))


@pytest.mark.parametrize("claim", sorted(PAYLOAD))
def test_read_token_refuses_a_missing_claim(claim: str) -> None:
    with pytest.raises(InvalidToken):
        read(forge(without=claim))


def test_read_token_refuses_an_access_token_for_refreshing() -> None:
    with pytest.raises(InvalidToken):
        read(write_token(CLAIMS, secret=SECRET), TokenType.REFRESH)


def test_read_token_says_when_it_has_expired() -> None:
    past = replace(
        CLAIMS, issued_at=NOW - timedelta(hours=2), expires_at=NOW - timedelta(seconds=11)
    )

    with pytest.raises(TokenExpired):
        read(write_token(past, secret=SECRET))


def test_leeway_is_ten_seconds_at_most() -> None:
    assert timedelta(0) <= LEEWAY <= timedelta(seconds=10)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "ééé.é.é",
        "e30.e30.e30",
        "W10.W10.",
        "\x00.\x00.\x00",
        "e" * 4000,
    ],
)
def test_read_token_refuses_rubbish(text: str) -> None:
    with pytest.raises(InvalidToken):
        read(text)


def test_looks_like_token_tells_tokens_from_keys() -> None:
    assert [looks_like_token(text) for text in (forge(), "ltb_abc", "a.b", "a.b.c.d")] == [
        True,
        False,
        False,
        False,
    ]
