"""What every page shares: who is signed in, the frame around it, errors as pages instead of bodies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from apps.console.navigation import navigation_for
from apps.core import envelopes
from apps.core.actor import Actor
from apps.core.errors import AppError, Invalid, NotFound
from apps.tenants.queries import organizations

View = Callable[..., HttpResponse]


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


def signed_in(view: View) -> View:
    """Send strangers to sign in, and show refusals as pages."""

    @wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.actor is None:
            return redirect(f"{reverse('console:login')}?{urlencode({'next': request.get_full_path()})}")
        try:
            return view(request, *args, **kwargs)
        except AppError as error:
            return show_error(request, error)

    return guarded


def actor_of(request: Any) -> Actor:
    actor: Actor = request.actor
    return actor


def show(request: HttpRequest, template: str, page: Page, *, status: int = 200, **context: Any) -> HttpResponse:
    """Render a page in its frame. What belongs to one organisation is never kept by a cache."""
    response = render(request, template, {**frame(request), "page": page, **context}, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def show_error(request: HttpRequest, error: AppError) -> HttpResponse:
    status = envelopes.status_of(error)
    template = f"errors/{status if status in (400, 403, 404) else 500}.html"
    context = {"message": error.message, "request_id": actor_of(request).request_id}
    return render(request, template, context, status=status)


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
        "admin_url": reverse("admin:index") if identity.is_operator else "",
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


def add_errors(form: forms.Form, error: AppError) -> None:
    """Put a service's refusal where the reader is looking: at the field, or above the form."""
    if not isinstance(error, Invalid) or not error.fields:
        form.add_error(None, error.message)
        return
    for wrong in error.fields:
        name = wrong.field.partition(".")[0]
        form.add_error(name if name in form.fields else None, wrong.message)


def done(request: HttpRequest, text: str, where: str) -> HttpResponse:
    """Say what happened and go on."""
    messages.success(request, text)
    return redirect(where)


def refused(request: HttpRequest, error: AppError, where: str) -> HttpResponse:
    """Say why it did not happen and go back; what is not there stays a 404."""
    if isinstance(error, NotFound):
        raise error
    messages.error(request, error.message)
    return redirect(where)
