"""What a socket's opening request says: from where, by which credential, from which page."""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from apps.core import authentication
from apps.core.asgi.request import client_address, request_id_from


@dataclass(frozen=True, slots=True)
class Handshake:
    request_id: str
    address: str
    authorization: str | None
    key: str | None
    session: str | None
    host: str
    origin: str | None
    scheme: str

    @property
    def is_host_served(self) -> bool:
        if not self.host:
            return True
        domain, _ = split_domain_port(self.host)
        return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)

    @property
    def is_same_origin(self) -> bool:
        """Whether a page of our own opened it; scheme, host and port all count."""
        if not self.origin or not self.host:
            return False
        return self.origin == f"{self.scheme}://{self.host}"


def read_handshake(scope: dict[str, Any]) -> Handshake:
    headers: dict[str, str] = {}
    for name, value in scope.get("headers", ()):
        # Two headers of one name are read as one list, which no credential of ours is.
        text = value.decode("latin-1")
        name = name.decode("latin-1").lower()  # noqa: PLW2901 - the same name, as text
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    peer = (scope.get("client") or ("", 0))[0]
    return Handshake(
        request_id=request_id_from(headers.get("x-request-id")),
        address=client_address(peer, headers.get("x-forwarded-for")),
        authorization=headers.get("authorization"),
        key=headers.get(str(settings.SIGNALBOX_KEY_HEADER).lower()),
        session=_session(headers.get("cookie", "")),
        host=headers.get("host", "").lower(),
        origin=headers.get("origin"),
        scheme=_scheme(scope, headers),
    )


def _session(header: str) -> str | None:
    try:
        morsel = SimpleCookie(header).get(authentication.session_cookie_name())
    except CookieError:
        return None
    return morsel.value if morsel else None


def _scheme(scope: dict[str, Any], headers: dict[str, str]) -> str:
    if settings.SIGNALBOX_TRUSTED_PROXIES and headers.get("x-forwarded-proto") == "https":
        return "https"
    return "https" if scope.get("scheme") in ("wss", "https") else "http"
