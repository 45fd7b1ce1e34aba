"""Home, the organisation's settings, the style guide, and what stands at no address at all."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from apps.console.forms import OrganizationForm
from apps.console.page import Page, actor_of, done, show
from apps.console.refusals import add_errors, signed_in
from apps.console.samples import code_samples
from apps.console.traffic import first_call, stats_of_today
from apps.console.views.audit import who
from apps.console.words import words_for
from apps.core.actor import Actor
from apps.core.errors import AppError, NotFound
from apps.core.permissions import has
from apps.events import queries as events
from apps.events.permissions import EventsPermission
from apps.keys.permissions import KeyPermission
from apps.keys.queries import keys
from apps.tenants.permissions import TenantPermission
from apps.tenants.queries import organizations, people
from apps.tenants.services import organizations as organization_services

RECENT = 12


@signed_in
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """How this organisation stands; for a new one, how to begin."""
    actor = actor_of(request)
    active_keys = keys.visible_keys(actor=actor, state="active").count()
    page = Page(
        title=_("Home"), sentence=_("What is happening in this organisation, and how to begin.")
    )
    return show(
        request,
        "console/home/index.html",
        page,
        rows=[row for row in (stats_of_today(actor), _stats(actor, active_keys)) if row],
        first_call=first_call(request, actor),
        requests_url=reverse("console:requests"),
        may_begin=not active_keys and has(actor, KeyPermission.CREATE),
        recent=_recent(actor),
        topic="audit.events" if has(actor, EventsPermission.AUDIT_VIEW) else "",
        samples=code_samples(request, "GET", "/api/v1/auth/me", graphql="{ me { name role } }"),
    )


def _stats(actor: Actor, active_keys: int) -> list[dict[str, Any]]:
    now = _("now")
    return [
        {
            "label": _("Active keys"),
            "value": active_keys,
            "window": now,
            "url": f"{reverse('console:keys')}?state=active",
        },
        {
            "label": _("Members"),
            "value": people.members(actor).count(),
            "window": now,
            "url": reverse("console:members"),
        },
        {
            "label": _("Service accounts"),
            "value": people.service_accounts(actor).filter(is_active=True).count(),
            "window": now,
            "url": reverse("console:service-accounts"),
        },
    ]


def _recent(actor: Actor) -> list[dict[str, Any]] | None:
    """The latest entries of the trail; None for those who may not see it."""
    if not has(actor, EventsPermission.AUDIT_VIEW):
        return None
    return [
        {
            "text": words_for(entry.action).text,
            "state": words_for(entry.action).lamp,
            "actor": who(entry),
            "at": entry.at,
            "detail": entry.object["name"],
            "url": reverse("console:audit-entry", args=[entry.public_id]),
        }
        for entry in events.audit_entries(actor=actor)[:RECENT]
    ]


@signed_in
@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    """The organisation's name."""
    actor = actor_of(request)
    organization = organizations.current(actor)
    start = {"name": organization.name, "revision": organization.revision}
    form = OrganizationForm(request.POST or None, initial=start)
    status = 422
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            organization_services.update_organization(
                actor=actor, name=data["name"], expected_revision=data["revision"]
            )
        except AppError as error:
            status = add_errors(form, error)
        else:
            return done(request, _("Saved."), reverse("console:settings"))
    facts = [
        {"label": _("Name"), "value": organization.name},
        {"label": _("Short name"), "kind": "code", "value": organization.slug},
        {"label": _("Id"), "kind": "id", "value": organization.public_id, "is_whole": True},
        {"label": _("Since"), "kind": "time", "at": organization.created_at},
    ]
    return show(
        request,
        "console/settings/index.html",
        Page(title=_("Settings"), sentence=_("What this organisation is called.")),
        form=form if has(actor, TenantPermission.ORGANIZATION_CHANGE) else None,
        facts=facts,
        status=status if form.errors else 200,
    )


@signed_in
@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    samples = json.loads(render_to_string("console/styleguide/samples.json"))
    page = Page(title=_("Style guide"))
    return show(request, "console/styleguide/index.html", page, samples=samples)


@signed_in
def missing(request: HttpRequest, rest: str) -> HttpResponse:
    """Every other address below the console; one slash too many is forgiven."""
    if request.method == "GET" and rest.endswith("/"):
        path = request.path.rstrip("/")
        try:
            resolve(path)
        except Resolver404:
            raise NotFound from None
        return redirect(path)
    raise NotFound
