"""Middleware of pages: the strict policy, and the actor behind the browser's session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.core import authentication
from apps.core.actor import Actor
from apps.core.asgi.headers import PAGE_POLICY
from apps.core.asgi.request import client_address, request_id_from
from apps.core.errors import Unauthenticated
from apps.core.tenancy import organization_scope

GetResponse = Callable[[HttpRequest], HttpResponse]


class PagePolicyMiddleware:
    """No inline script or style on any page; static files may be kept."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        return response


class ActorMiddleware:
    """Sets `request.actor` (None when nobody is signed in) and enters the actor's organisation for the view."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        request.actor = self._actor(request)
        if request.actor is None:
            return self._get_response(request)
        with organization_scope(request.actor.organization_id):
            return self._get_response(request)

    def _actor(self, request: Any) -> Actor | None:
        if not request.session.session_key or not request.user.is_authenticated:
            return None
        try:
            identity = authentication.authenticator().identify_session(request.session.session_key)
        except Unauthenticated:
            return None
        meta = request.META
        # Django's own test client makes plain requests; the gate's carry both already.
        request_id = getattr(request, "request_id", None) or request_id_from(
            meta.get("HTTP_X_REQUEST_ID")
        )
        address = client_address(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR"))
        return Actor(identity, request_id, address)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "errors/403.html", {"reason": reason}, status=403)
