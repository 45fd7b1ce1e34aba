"""DRF's view of who is calling. The gate has decided already; nothing is checked twice."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request


class GateAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        actor = getattr(request._request, "actor", None)
        return None if actor is None else (actor, actor.credential)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="signalbox"'
