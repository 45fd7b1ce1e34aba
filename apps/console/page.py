"""What every page shares: its head, the frame around it, and the word about what was done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from apps.console.navigation import navigation_for
from apps.core.actor import Actor
from apps.tenants.queries import organizations


@dataclass(frozen=True, slots=True)
class Action:
    """A button of a page: a link, or the opener of a dialog."""

    label: str
    url: str = ""
    icon: str = ""
    dialog: str = ""
    is_primary: bool = False
    is_danger: bool = False
    is_small: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Title, one sentence of what this is, and what can be done here."""

    title: str
    sentence: str = ""
    up: dict[str, str] | None = None
    actions: list[Action] = field(default_factory=list)
    tabs: list[dict[str, Any]] = field(default_factory=list)


def actor_of(request: Any) -> Actor:
    actor: Actor = request.actor
    return actor


def show(
    request: HttpRequest, template: str, page: Page, *, status: int = 200, **context: Any
) -> HttpResponse:
    """Render a page in its frame. What belongs to one organisation is never kept by a cache."""
    response = render(request, template, {**frame(request), "page": page, **context}, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def frame(request: HttpRequest) -> dict[str, Any]:
    """The context of `console/frame.html` that is the same on every page."""
    actor = actor_of(request)
    identity = actor.identity
    return {
        "navigation": navigation_for(actor, request.path),
        "organization": {"name": identity.organization_name},
        "organizations": _places(actor),
        "switch_url": reverse("console:switch"),
        "account": {"name": identity.name, "email": identity.email, "role": identity.role.value},
        "account_url": reverse("console:account"),
        "sign_out_url": reverse("console:logout"),
        "admin_url": reverse("admin:index") if organizations.is_operator(actor) else "",
        "help_url": "/docs" if settings.SIGNALBOX_ENABLE_SWAGGER else "",
    }


def _places(actor: Actor) -> list[dict[str, Any]]:
    if actor.user_id is None:
        return []
    return [
        {
            "id": membership.organization.public_id,
            "name": membership.organization.name,
            "is_current": membership.organization_id == actor.organization_id,
        }
        for membership in organizations.memberships_of(actor.user_id)
    ]


def done(request: HttpRequest, text: str, where: str) -> HttpResponse:
    """Say what happened and go on."""
    messages.success(request, text)
    return redirect(where)
