"""API keys: list, make, look at, rotate, revoke. A secret is shown on the answer that made it and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console.budget_forms import PERIODS, key_budget
from apps.console.forms import KEY_ROLES, KeyForm, RotateForm, parts
from apps.console.listing import Column, Listing
from apps.console.meters import meters
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.refusals import add_errors, refused, signed_in
from apps.console.samples import code_samples
from apps.console.views.key_terms import end_of_day
from apps.core.actor import Actor, Role
from apps.core.errors import AppError
from apps.core.permissions import has, permissions_of, require
from apps.events.permissions import EventsPermission
from apps.keys.domain.terms import spending_bound
from apps.keys.permissions import KeyPermission
from apps.keys.queries import keys as queries
from apps.keys.services import keys
from apps.providers.enums import Period
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import budgets
from apps.providers.services import standings
from apps.tenants.queries import people

if TYPE_CHECKING:
    from apps.keys.models import ApiKey

LAMPS = {"active": "clear", "expired": "caution", "revoked": "off"}
STATES = {
    "active": gettext_lazy("Active"),
    "expired": gettext_lazy("Expired"),
    "revoked": gettext_lazy("Revoked"),
}
CREATE_IN_GRAPHQL = """mutation {
  createApiKey(input: {name: "ci-main", role: "service"}) {
    key { id name }
    secret
  }
}"""


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    asked = {name: request.GET.get(name) or None for name in ("state", "role", "q", "owner")}
    rows = queries.visible_keys(actor=actor, **asked)
    page = Page(
        title=_("Keys"),
        sentence=_("What programs sign in with: each has an owner, a role and limits."),
        actions=[_new_key(_("New key"))] if has(actor, KeyPermission.CREATE) else [],
    )
    samples = code_samples(
        request,
        "POST",
        "/api/v1/keys",
        body={"name": "ci-main", "role": "service"},
        graphql=CREATE_IN_GRAPHQL,
    )
    table = _listing(actor).pages(request, rows)
    return show(request, "console/keys/index.html", page, table=table, samples=samples)


def _new_key(label: str) -> Action:
    return Action(label, url=reverse("console:key-new"), icon="plus", is_primary=True)


def _listing(actor: Actor) -> Listing:
    is_live = has(actor, EventsPermission.AUDIT_VIEW)
    may_create = has(actor, KeyPermission.CREATE)
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
            "sentence": _(
                "A key lets a program call models, read results and run jobs in your name."
            ),
            "action": _new_key(_("Make the first key")) if may_create else None,
        },
        filters=[
            {"name": "q", "label": _("Name"), "kind": "search"},
            {
                "name": "state",
                "label": _("Any state"),
                "kind": "choice",
                "options": list(STATES.items()),
            },
            {
                "name": "role",
                "label": _("Any role"),
                "kind": "choice",
                "options": [(role.value, role.value) for role in Role],
            },
            {"name": "owner", "label": _("Owner"), "kind": "hidden"},
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
            {"state": LAMPS[state], "value": STATES[state]},
            {"values": _roles(key)},
            {"value": _owner(key)},
            {"at": key.last_used_at, "missing": _("never")},
            {"at": key.expires_at, "missing": _("never")},
        ],
    }


def _roles(key: ApiKey) -> list[str]:
    return [key.role, _("approver")] if key.is_approver else [key.role]


def _owner(key: ApiKey) -> str:
    owner: Any = key.user or key.service_account
    return str(owner.name or owner.email)


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Make a key; its secret is on the answer."""
    actor = actor_of(request)
    require(actor, KeyPermission.CREATE)
    form = _key_form(actor, request.POST or None)
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            issued = keys.issue_key(actor=actor, **_terms(form.cleaned_data))
        except AppError as error:
            names = {"limits": "limit", "approver": "is_approver", "budget": "budget_amount"}
            status = add_errors(form, error, **names)
        else:
            return _show_secret(request, issued, _("Key “%(name)s” is ready"))
    page = Page(
        title=_("New key"),
        sentence=_("The secret is shown once, on the next page."),
        up=_up(),
    )
    return show(
        request, "console/keys/new.html", page, form=form, status=status if form.errors else 200
    )


def _key_form(actor: Actor, data: Any) -> KeyForm:
    roles = [role for role, _label in KEY_ROLES if permissions_of(Role(role)) <= actor.permissions]
    owners = _owners(actor) if has(actor, KeyPermission.MANAGE_ALL) else []
    return KeyForm(data, roles=roles, owners=owners, may_grant=actor.identity.is_approver)


def _owners(actor: Actor) -> list[tuple[str, str]]:
    accounts = people.service_accounts(actor).filter(is_active=True)
    members = people.members(actor).exclude(user__public_id=actor.principal)
    return [
        *((account.public_id, account.name) for account in accounts),
        *((member.user.public_id, member.user.name or member.user.email) for member in members),
    ]


def _terms(data: dict[str, Any]) -> dict[str, Any]:
    """What the service takes, from what the form holds."""
    return {
        "name": data["name"],
        "role": Role(data["role"]),
        "is_approver": data.get("is_approver", False),
        "owner_id": data.get("owner") or None,
        "expires_at": end_of_day(data["expires_at"]),
        "limits": {"default": data["limit"]} if data["limit"] else {},
        "addresses": parts(data["addresses"]),
        "models": parts(data["models"]) or None,
        "budget": key_budget(data),
        "cache_seconds": data["cache_seconds"] or 0,
    }


def _show_secret(request: HttpRequest, issued: keys.Issued, title: str) -> HttpResponse:
    page = Page(title=issued.key.name, up=_up())
    return show(
        request,
        "console/keys/secret.html",
        page,
        title=title % {"name": issued.key.name},
        secret=issued.secret,
        samples=code_samples(request, "GET", "/api/v1/auth/me"),
    )


def _up() -> dict[str, str]:
    return {"label": _("Keys"), "url": reverse("console:keys")}


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    return _show_key(request, id, RotateForm())


def _show_key(request: HttpRequest, key_id: str, form: RotateForm) -> HttpResponse:
    actor = actor_of(request)
    key = queries.key(actor=actor, key_id=key_id)
    may_change = key.revoked_at is None and has(actor, KeyPermission.MANAGE, key)
    edit_it = Action(_("Change"), url=reverse("console:key-edit", args=[key_id]), icon="settings")
    revoke_it = Action(_("Revoke"), dialog="revoke-key", icon="trash-2", is_danger=True)
    page = Page(
        title=key.name,
        sentence=f"{key.prefix}…{key.hint}",
        up=_up(),
        actions=[edit_it, revoke_it] if may_change else [],
    )
    return show(
        request,
        "console/keys/detail.html",
        page,
        facts=_facts(actor, key),
        rotate_form=form if may_change else None,
        rotate_url=reverse("console:key-rotate", args=[key_id]),
        revoke_url=reverse("console:key-revoke", args=[key_id]),
        name=key.name,
        status=422 if form.errors else 200,
    )


def _budgets(actor: Actor, key: ApiKey) -> list[dict[str, Any]]:
    """Its own, and those that were set beside it, each with where it stands."""
    if not has(actor, ProvidersPermission.USAGE_VIEW):
        return []
    beside = list(budgets.budgets(actor=actor, scope="key", subject=key.public_id))
    found = [
        (budget.period, standing)
        for budget, standing in zip(
            beside, standings.of_budgets(actor=actor, budgets=beside).values(), strict=True
        )
    ]
    if (own := spending_bound(key.budget)) is not None:
        standing = standings.of_key(actor=actor, key_id=key.public_id, own=own)
        found.insert(0, (own.period, standing))
    return [
        {
            "label": _("Budget, %(period)s") % {"period": PERIODS[Period(period)]},
            "kind": "meter",
            "meters": meters(standing),
        }
        for period, standing in found
    ] or [{"label": _("Budget"), "value": _("none")}]


def _facts(actor: Actor, key: ApiKey) -> list[dict[str, Any]]:
    state = key.state
    limits = [f"{name} {rate}" for name, rate in key.limits.items()]
    return [
        {"label": _("State"), "kind": "lamp", "state": LAMPS[state], "value": STATES[state]},
        {"label": _("Id"), "kind": "id", "value": key.public_id},
        {"label": _("Role"), "kind": "tag", "values": _roles(key)},
        {"label": _("Owner"), "value": _owner(key)},
        {"label": _("Limits"), "kind": "tag", "values": limits or [_("the usual")]},
        *_budgets(actor, key),
        {"label": _("Addresses"), "kind": "tag", "values": key.addresses or [_("any")]},
        {"label": _("Models"), "kind": "tag", "values": key.model_names or [_("any")]},
        {"label": _("Answers are kept"), "value": _kept_for(key)},
        {"label": _("Last used"), "kind": "time", "at": key.last_used_at, "missing": _("never")},
        {"label": _("Expires"), "kind": "time", "at": key.expires_at, "missing": _("never")},
        {"label": _("Made"), "kind": "time", "at": key.created_at},
        *_end(key),
    ]


def _kept_for(key: ApiKey) -> str:
    if not key.cache_seconds:
        return _("no, unless a route says so")
    return _("for %(seconds)s s, where their route does not say") % {"seconds": key.cache_seconds}


def _end(key: ApiKey) -> list[dict[str, Any]]:
    if key.revoked_at is None:
        return []
    return [{"label": _("Revoked"), "kind": "time", "at": key.revoked_at}]


@signed_in
@require_POST
def rotate(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    form = RotateForm(request.POST)
    if not form.is_valid():
        return _show_key(request, id, form)
    try:
        issued = keys.rotate_key(actor=actor_of(request), key_id=id, **form.cleaned_data)
    except AppError as error:
        return refused(request, error, reverse("console:key", args=[id]))
    return _show_secret(request, issued, _("The new secret of “%(name)s”"))


@signed_in
@require_POST
def revoke(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    key = keys.revoke_key(actor=actor_of(request), key_id=id)
    text = _("Key “%(name)s” is revoked. Its next call is refused.") % {"name": key.name}
    return done(request, text, reverse("console:keys"))
