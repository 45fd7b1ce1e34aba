"""Key authentication and limit check in DRF's own terms."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.throttling import BaseThrottle

from bench.peers import work


class KeyUser:
    is_authenticated = True
    organization_id = 1

    def __init__(self, caller: work.Caller) -> None:
        self.caller = caller


class KeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Any) -> tuple[KeyUser, None]:
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        caller = work.recall(token) if scheme.lower() == "bearer" else None
        if caller is None:
            raise AuthenticationFailed
        request._request.caller = caller
        return KeyUser(caller), None

    def authenticate_header(self, request: Any) -> str:
        return "Bearer"


class WindowThrottle(BaseThrottle):
    """Exact, and far quicker than DRF's own over the cache, which rewrites the caller's whole history each time."""

    def allow_request(self, request: Any, view: Any) -> bool:
        fits, left, reset = work.window.hit(request.user.caller.credential)
        request._request.limit_headers = work.limit_headers(left, reset)
        return fits
