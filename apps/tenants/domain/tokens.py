"""JSON Web Tokens: what stands in ours, and the one form in which we take them back.

One algorithm, one header, one issuer and audience. A token says who and which login; whether that login still
counts is the database's word (`queries.identities`).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken

from apps.core import json as strict_json
from apps.core.errors import AppError
from apps.tenants.errors import InvalidToken, TokenExpired

ALGORITHM = "HS256"
ISSUER = AUDIENCE = "signalbox"
LEEWAY = timedelta(seconds=5)
HEADER = {"alg": ALGORITHM, "typ": "JWT"}


class TokenType(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, each under its name on the wire (`_NAMES`)."""

    type: TokenType
    user: str
    organization: str
    role: str
    version: int
    """The user's `token_version` at birth: a password change leaves every older token behind."""
    session: str
    token_id: str
    issued_at: datetime
    expires_at: datetime


_NAMES = {"user": "sub", "organization": "org", "role": "role", "session": "sid", "token_id": "jti"}


def looks_like_token(text: str) -> bool:
    """Whether a bearer is meant as a JWT; our API keys hold no dots."""
    return text.count(".") == 2


def write_token(claims: Claims, *, secret: str) -> str:
    payload = {name: getattr(claims, field) for field, name in _NAMES.items()}
    payload |= {
        "type": claims.type.value,
        "ver": claims.version,
        "iat": int(claims.issued_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
    }
    return _backend(secret).encode(payload)


def read_token(token: str, *, expected: TokenType, secret: str) -> Claims:
    """The claims of a token of ours that has not expired; `InvalidToken` or `TokenExpired` otherwise."""
    _check_header(token)
    try:
        return _claims(_backend(secret).decode(token), expected)  # type: ignore[arg-type]  # annotated as simplejwt's Token, takes the text
    except TokenBackendExpiredToken:
        raise TokenExpired from None
    except (TokenBackendError, ValueError, OverflowError):
        raise InvalidToken from None


def _check_header(token: str) -> None:
    # Before any key is touched: exactly our header. That refuses other algorithms, `kid`, `jku`, `crit` and all
    # that may be invented yet, without trusting a library to know it.
    segment = token.partition(".")[0]
    try:
        header = strict_json.parse(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (binascii.Error, ValueError, AppError):
        raise InvalidToken from None
    if header != HEADER:
        raise InvalidToken


def _claims(payload: dict[str, Any], expected: TokenType) -> Claims:
    texts = {field: payload.get(name) for field, name in _NAMES.items()}
    version, issued, expires = payload.get("ver"), payload.get("iat"), payload.get("exp")
    if payload.get("type") != expected or not all(
        isinstance(text, str) and text for text in texts.values()
    ):
        raise InvalidToken
    if not all(type(number) is int for number in (version, issued, expires)):
        raise InvalidToken
    return Claims(
        **texts,  # type: ignore[arg-type]  # strings, as checked above
        type=expected,
        version=version,  # type: ignore[arg-type]  # an int, as checked above
        issued_at=datetime.fromtimestamp(issued, UTC),  # type: ignore[arg-type]  # an int, as checked above
        expires_at=datetime.fromtimestamp(expires, UTC),  # type: ignore[arg-type]  # an int, as checked above
    )


@cache
def _backend(secret: str) -> TokenBackend:
    return TokenBackend(
        ALGORITHM, signing_key=secret, audience=AUDIENCE, issuer=ISSUER, leeway=LEEWAY
    )
