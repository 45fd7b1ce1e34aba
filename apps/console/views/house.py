"""Home, the organisation's settings, one's own account, the style guide."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from apps.console.forms import OrganizationForm, PasswordForm, revision_of
from apps.console.page import Page, actor_of, add_errors, done, show, signed_in
from apps.console.samples import code_samples
from apps.console.views.sign_in import visit_of
from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.core.permissions import has
from apps.events import queries as events
from apps.events.permissions import EventsPermission
from apps.tenants.permissions import TenantPermission
from apps.tenants.queries import organizations
from apps.tenants.services import organizations as organization_services
from apps.tenants.services import passwords

RECENT = 12


@signed_in
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    page = Page(title=_("Home"), sentence=_("What is happening in this organisation, and how to begin."))
    samples = code_samples("GET", "/api/v1/auth/me", graphql="{ me { name role } }")
    return show(request, "console/home/index.html", page, recent=_recent(actor), samples=samples)


def _recent(actor: Actor) -> list[dict[str, Any]] | None:
    """The latest entries of the trail; None for those who may not see it."""
    if not has(actor, EventsPermission.AUDIT_VIEW):
        return None
    return [
        {
            "text": entry.action,
            "state": "moving",
            "actor": entry.actor["name"],
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
    form = OrganizationForm(
        request.POST or None, initial={"name": organization.name, "revision": organization.revision}
    )
    if request.method == "POST" and form.is_valid():
        try:
            organization_services.update_organization(
                actor=actor, name=form.cleaned_data["name"], expected_revision=revision_of(form)
            )
        except AppError as error:
            add_errors(form, error)
        else:
            return done(request, _("Saved."), reverse("console:settings"))
    facts = [
        {"label": _("Id"), "kind": "id", "value": organization.public_id, "is_whole": True},
        {"label": _("Short name"), "kind": "code", "value": organization.slug},
        {"label": _("Since"), "kind": "time", "at": organization.created_at},
    ]
    return show(
        request,
        "console/settings/index.html",
        Page(title=_("Settings"), sentence=_("This organisation.")),
        form=form if has(actor, TenantPermission.ORGANIZATION_CHANGE) else None,
        facts=facts,
        status=422 if form.errors else 200,
    )


@signed_in
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def account(request: Any) -> HttpResponse:
    """One's own password. Changing it ends every other session and token."""
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            passwords.change_password(actor=request.actor, **form.cleaned_data, visit=visit_of(request))
        except AppError as error:
            add_errors(form, error)
        else:
            request.user.refresh_from_db()
            update_session_auth_hash(request, request.user)
            return done(request, _("Changed. Every other session and token has ended."), reverse("console:account"))
    identity = request.actor.identity
    facts = [
        {"label": _("Name"), "value": identity.name},
        {"label": _("E-mail"), "value": identity.email},
        {"label": _("Role here"), "kind": "tag", "value": identity.role.value},
        {"label": _("Approver"), "value": _("yes") if identity.is_approver else _("no")},
    ]
    page = Page(title=_("Your account"), sentence=_("Who you are here, and your password."))
    return show(
        request, "console/account/index.html", page, form=form, facts=facts, status=422 if form.errors else 200
    )


@signed_in
@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    samples = json.loads(render_to_string("console/styleguide/samples.json"))
    return show(request, "console/styleguide/index.html", Page(title=_("Style guide")), samples=samples)
