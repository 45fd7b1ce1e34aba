"""Reading credentials off a request, and the Protocol of whoever knows what they are worth (the keys app).

Here is only the carrier: which header, one or two. What a token amounts to is decided by the one authenticator
that every door, spelling and protocol asks.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address
from typing import Protocol

from django.conf import settings

from apps.core.actor import Identity
from apps.core.errors import Malformed, PermissionDenied, Unauthenticated

MAX_TOKEN_LENGTH = 4096


class Authenticator(Protocol):
    """Knows tokens and sessions. `recall` is for the loop: it never touches the database."""

    def recall(self, token: str) -> Identity | None:
        """The identity if this process knows it and may still trust what it knows."""

    def identify(self, token: str) -> Identity:
        """The identity by the database; `Unauthenticated` when the token is worth nothing."""

    def identify_session(self, session_key: str) -> Identity:
        """The identity of a browser session."""


_authenticator: Authenticator | None = None


def register_authenticator(authenticator: Authenticator) -> None:
    global _authenticator
    _authenticator = authenticator


def authenticator() -> Authenticator:
    if _authenticator is None:
        raise RuntimeError("no authenticator is registered")
    return _authenticator


def read_token(authorization: str | None, key_header: str | None) -> str | None:
    """The one token a request carries. Two different ones are refused: we never guess which was meant."""
    bearer = _carried(authorization) if authorization else None
    key = key_header.strip() if key_header else None
    if (bearer and key and bearer != key) or "," in f"{bearer}{key}":  # a repeated header is joined
        raise Malformed("Two different credentials in one request.", code="two_credentials")
    token = bearer or key or None
    if token and len(token) > MAX_TOKEN_LENGTH:
        raise Unauthenticated
    return token


def _carried(authorization: str) -> str:
    """What stands after `Bearer`, or the password of `Basic`: some clients know no other way to send a key."""
    scheme, _, value = authorization.strip().partition(" ")
    is_basic = scheme.lower() == "basic"
    token = _password(value.strip()) if is_basic else value.strip()
    if not token or not (is_basic or scheme.lower() == "bearer"):
        raise Unauthenticated("The Authorization header must be 'Bearer <key or token>'.")
    return token


def _password(pair: str) -> str:
    """Whoever it says to be does not matter: the key knows whose it is."""
    try:
        text = base64.b64decode(pair, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
    return text.partition(":")[2].strip()


def check_presence(identity: Identity, address: str) -> None:
    """What must hold at each use of a cached identity: not expired, and called from an allowed address."""
    if identity.expires_at is not None and identity.expires_at <= datetime.now(UTC):
        raise Unauthenticated("The credential has expired.", code="key_expired")
    if identity.addresses and not _is_allowed(address, identity):
        raise PermissionDenied(
            "This key may not be used from your address.", code="address_not_allowed"
        )


def _is_allowed(address: str, identity: Identity) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    # A socket that listens on both families shows IPv4 callers as ::ffff:a.b.c.d.
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(parsed in network for network in identity.addresses)


def session_cookie_name() -> str:
    name: str = settings.SESSION_COOKIE_NAME
    return name


@cache
def key_header() -> str:
    """The header that carries a bare key, as `request.META` names it."""
    return "HTTP_" + str(settings.SIGNALBOX_KEY_HEADER).upper().replace("-", "_")
