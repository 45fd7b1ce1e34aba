"""API keys: list, make, look at, rotate, revoke. A secret is shown on the answer that made it and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console.forms import KEY_ROLES, KeyForm, RotateForm, parts
from apps.console.listing import Column, Listing
from apps.console.page import Action, Page, actor_of, add_errors, done, refused, show, signed_in
from apps.console.samples import code_samples
from apps.core.actor import Role
from apps.core.errors import AppError
from apps.core.permissions import has
from apps.events.permissions import EventsPermission
from apps.keys.models import ApiKey
from apps.keys.permissions import KeyPermission
from apps.keys.queries import keys as queries
from apps.keys.services import keys

LAMPS = {"active": "clear", "expired": "caution", "revoked": "off"}


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    asked = {name: request.GET.get(name) or None for name in ("state", "role", "q")}
    rows = queries.visible_keys(actor=actor, **asked)
    new = Action(_("New key"), url=reverse("console:key-new"), icon="plus", is_primary=True)
    page = Page(
        title=_("Keys"),
        sentence=_("What programs sign in with. Each has an owner, a role and limits, and can be revoked at once."),
        actions=[new] if has(actor, KeyPermission.CREATE) else [],
    )
    samples = code_samples("POST", "/api/v1/keys", body={"name": "ci-main", "role": "service"}, graphql=CREATE_IN_GRAPHQL)
    is_live = has(actor, EventsPermission.AUDIT_VIEW)
    return show(
        request, "console/keys/index.html", page, table=_listing(is_live=is_live).pages(request, rows), samples=samples
    )


CREATE_IN_GRAPHQL = 'mutation {\n  createApiKey(input: {name: "ci-main", role: "service"}) {\n    key { id name }\n    secret\n  }\n}'


def _listing(*, is_live: bool) -> Listing:
    states = [("active", _("Active")), ("expired", _("Expired")), ("revoked", _("Revoked"))]
    return Listing(
        id="keys",
        label=_("Keys"),
        columns=[
            Column(_("Name"), order="name"),
            Column(_("Secret"), "code", is_minor=True),
            Column(_("State"), "lamp"),
            Column(_("Role"), "tag", order="role"),
            Column(_("Owner"), is_minor=True),
            Column(_("Last used"), "time", order="last_used_at"),
            Column(_("Expires"), "time", order="expires_at", is_minor=True),
        ],
        row=_row,
        empty={
            "title": _("No key yet"),
            "sentence": _("A key lets a program call models, read results and run jobs in your name."),
            "action": Action(_("Make the first key"), url=reverse("console:key-new"), icon="plus", is_primary=True),
        },
        filters=[
            {"name": "q", "label": _("Name"), "kind": "search"},
            {"name": "state", "label": _("Any state"), "kind": "choice", "options": states},
            {"name": "role", "label": _("Any role"), "kind": "choice", "options": [(r.value, r.value) for r in Role]},
        ],
        topic="audit.events" if is_live else "",
        events="keys.key",
    )


def _row(key: ApiKey) -> dict[str, Any]:
    state = key.state
    return {
        "id": key.public_id,
        "url": reverse("console:key", args=[key.public_id]),
        "label": key.name,
        "opens_drawer": True,
        "cells": [
            {"value": key.name},
            {"value": f"{key.prefix}…{key.hint}"},
            {"state": LAMPS[state], "value": state},
            {"values": [key.role, _("approver")] if key.is_approver else [key.role]},
            {"value": _owner(key)},
            {"at": key.last_used_at, "missing": _("never")},
            {"at": key.expires_at, "missing": _("never")},
        ],
    }


def _owner(key: ApiKey) -> str:
    owner: Any = key.user or key.service_account
    return str(owner.name or owner.email)


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = KeyForm(request.POST or None, initial={"role": KEY_ROLES[0][0]})
    page = Page(
        title=_("New key"),
        sentence=_("The secret is shown once, on the next page."),
        up={"label": _("Keys"), "url": reverse("console:keys")},
    )
    if request.method == "POST" and form.is_valid():
        try:
            issued = keys.issue_key(actor=actor, **_terms(form.cleaned_data))
        except AppError as error:
            add_errors(form, error)
        else:
            return _show_secret(request, issued, _("Key “%(name)s” is ready"))
    return show(request, "console/keys/new.html", page, form=form, status=422 if form.errors else 200)


def _terms(data: dict[str, Any]) -> dict[str, Any]:
    """What the service takes, from what the form holds."""
    day = data["expires_at"]
    return {
        "name": data["name"],
        "role": Role(data["role"]),
        "is_approver": data["is_approver"],
        "expires_at": datetime.combine(day, time.max, UTC) if day else None,
        "limits": {"default": data["limit"]} if data["limit"] else {},
        "addresses": parts(data["addresses"]),
        "models": parts(data["models"]) or None,
    }


def _show_secret(request: HttpRequest, issued: keys.Issued, title: str) -> HttpResponse:
    page = Page(title=issued.key.name, up={"label": _("Keys"), "url": reverse("console:keys")})
    return show(
        request,
        "console/keys/secret.html",
        page,
        title=title % {"name": issued.key.name},
        secret=issued.secret,
        samples=code_samples("GET", "/api/v1/auth/me"),
    )


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    key = queries.key(actor=actor, key_id=id)
    may_change = key.revoked_at is None and has(actor, KeyPermission.MANAGE, key)
    page = Page(
        title=key.name,
        sentence=f"{key.prefix}…{key.hint}",
        up={"label": _("Keys"), "url": reverse("console:keys")},
        actions=_deeds(key) if may_change else [],
    )
    return show(
        request,
        "console/keys/detail.html",
        page,
        facts=_facts(key),
        rotate_form=RotateForm() if may_change else None,
        rotate_url=reverse("console:key-rotate", args=[id]),
        revoke_url=reverse("console:key-revoke", args=[id]),
        name=key.name,
    )


def _deeds(key: ApiKey) -> list[Action]:
    return [Action(_("Revoke"), dialog="revoke-key", icon="trash-2", is_danger=True)]


def _facts(key: ApiKey) -> list[dict[str, Any]]:
    state = key.state
    return [
        {"label": _("State"), "kind": "lamp", "state": LAMPS[state], "value": state},
        {"label": _("Id"), "kind": "id", "value": key.public_id},
        {"label": _("Role"), "kind": "tag", "values": [key.role, "approver"] if key.is_approver else [key.role]},
        {"label": _("Owner"), "value": _owner(key)},
        {"label": _("Limits"), "kind": "tag", "values": [f"{name} {rate}" for name, rate in key.limits.items()]},
        {"label": _("Addresses"), "kind": "tag", "values": key.addresses},
        {"label": _("Models"), "kind": "tag", "values": key.model_names or []},
        {"label": _("Last used"), "kind": "time", "at": key.last_used_at, "missing": _("never")},
        {"label": _("Expires"), "kind": "time", "at": key.expires_at, "missing": _("never")},
        {"label": _("Made"), "kind": "time", "at": key.created_at},
    ]


@signed_in
@require_POST
def rotate(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    form = RotateForm(request.POST)
    where = reverse("console:key", args=[id])
    grace = form.cleaned_data["grace_seconds"] if form.is_valid() else 0
    try:
        issued = keys.rotate_key(actor=actor_of(request), key_id=id, grace_seconds=grace)
    except AppError as error:
        return refused(request, error, where)
    return _show_secret(request, issued, _("The new secret of “%(name)s”"))


@signed_in
@require_POST
def revoke(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:keys")
    try:
        key = keys.revoke_key(actor=actor_of(request), key_id=id)
    except AppError as error:
        return refused(request, error, where)
    return done(request, _("Key “%(name)s” is revoked. Its next call is refused.") % {"name": key.name}, where)
