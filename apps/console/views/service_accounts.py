"""Service accounts: the programs that own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console.forms import ServiceAccountForm
from apps.console.listing import Column, Listing
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.refusals import add_errors, refused, signed_in
from apps.console.views.members import people_tabs
from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.core.permissions import has, require
from apps.tenants.permissions import TenantPermission
from apps.tenants.queries import people
from apps.tenants.services import service_accounts as services

if TYPE_CHECKING:
    from apps.tenants.models import ServiceAccount


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    may_manage = has(actor, TenantPermission.SERVICE_ACCOUNT_MANAGE)
    page = Page(
        title=_("Members"),
        sentence=_("Programs that own keys, so that no key hangs on a person who may leave."),
        actions=[_new(_("New service account"))] if may_manage else [],
        tabs=people_tabs("service-accounts"),
    )
    table = _listing(may_manage=may_manage).pages(request, people.service_accounts(actor))
    return show(request, "console/service_accounts/index.html", page, table=table)


def _new(label: str) -> Action:
    return Action(label, url=reverse("console:service-account-new"), icon="plus", is_primary=True)


def _listing(*, may_manage: bool) -> Listing:
    return Listing(
        id="service-accounts",
        label=_("Service accounts"),
        columns=[
            Column(_("Name"), order="name"),
            Column(_("State"), "lamp", order="is_active"),
            Column(_("Made by"), is_minor=True),
            Column(_("Made"), "time", order="created_at"),
        ],
        row=_row,
        empty={
            "title": _("No service account yet"),
            "sentence": _("One for each program keeps its keys apart from people's."),
            "action": _new(_("Make the first one")) if may_manage else None,
        },
        topic="audit.events" if may_manage else "",
        events="tenants.service_account",
    )


def _row(account: ServiceAccount) -> dict[str, Any]:
    maker = account.created_by
    return {
        "id": account.public_id,
        "url": reverse("console:service-account", args=[account.public_id]),
        "label": account.name,
        "opens_drawer": True,
        "cells": [
            {"value": account.name},
            _lamp(account),
            {"value": (maker.name or maker.email) if maker else None},
            {"at": account.created_at},
        ],
    }


def _lamp(account: ServiceAccount) -> dict[str, Any]:
    if account.is_active:
        return {"state": "clear", "value": _("On")}
    return {"state": "off", "value": _("Switched off")}


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    require(actor_of(request), TenantPermission.SERVICE_ACCOUNT_MANAGE)
    form = ServiceAccountForm(request.POST or None)
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_service_account(
                actor=actor_of(request), name=form.cleaned_data["name"]
            )
        except AppError as error:
            status = add_errors(form, error)
        else:
            text = _("“%(name)s” is ready. Make a key for it next.") % {"name": made.name}
            return done(request, text, reverse("console:service-account", args=[made.public_id]))
    page = Page(
        title=_("New service account"),
        sentence=_("It owns keys and never signs in itself."),
        up=_up(),
    )
    return show(
        request,
        "console/service_accounts/new.html",
        page,
        form=form,
        status=status if form.errors else 200,
    )


def _up() -> dict[str, str]:
    return {"label": _("Service accounts"), "url": reverse("console:service-accounts")}


@signed_in
@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """One service account: rename it, switch it off or on, see its keys."""
    actor = actor_of(request)
    account = people.service_account(actor, id)
    start = {"name": account.name, "revision": account.revision}
    form = ServiceAccountForm(request.POST or None, initial=start)
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            _rename(actor, id, form.cleaned_data)
        except AppError as error:
            status = add_errors(form, error)
        else:
            return done(request, _("Saved."), reverse("console:service-accounts"))
    return _show_account(request, account, form, status if form.errors else 200)


def _rename(actor: Actor, account_id: str, data: dict[str, Any]) -> None:
    services.change_service_account(
        actor=actor,
        account_id=account_id,
        name=data["name"],
        expected_revision=data["revision"],
    )


def _show_account(
    request: HttpRequest, account: ServiceAccount, form: ServiceAccountForm, status: int
) -> HttpResponse:
    may_manage = has(actor_of(request), TenantPermission.SERVICE_ACCOUNT_MANAGE)
    page = Page(title=account.name, sentence=_("A service account."), up=_up())
    keys_url = f"{reverse('console:keys')}?owner={account.public_id}"
    facts = [
        {"label": _("State"), "kind": "lamp", **_lamp(account)},
        {"label": _("Id"), "kind": "id", "value": account.public_id},
        {"label": _("Keys"), "value": _("See its keys"), "url": keys_url},
        {"label": _("Made"), "kind": "time", "at": account.created_at},
    ]
    return show(
        request,
        "console/service_accounts/detail.html",
        page,
        form=form if may_manage else None,
        facts=facts,
        program=account,
        action_url=reverse("console:service-account", args=[account.public_id]),
        switching_url=reverse("console:service-account-switch", args=[account.public_id]),
        status=status,
    )


@signed_in
@require_POST
def switch(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """Off, with all its keys, or on again."""
    is_active = request.POST.get("is_active") == "yes"
    where = reverse("console:service-account", args=[id])
    try:
        account = services.change_service_account(
            actor=actor_of(request), account_id=id, is_active=is_active
        )
    except AppError as error:
        return refused(request, error, where)
    text = _("“%(name)s” is on.") if is_active else _("“%(name)s” and all its keys are off.")
    return done(request, text % {"name": account.name}, where)
