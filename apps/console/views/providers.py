"""Providers: the list, a new one by its kind, one with its deployments, the test of its connection, its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console import deployment_rows
from apps.console.listing import Column, Listing
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.provider_forms import ProviderForm, option_name
from apps.console.provider_kinds import GROUPS, KINDS, kind_name, read_kind
from apps.console.refusals import add_errors, refused, signed_in
from apps.console.samples import code_samples
from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.core.permissions import has, require
from apps.events.permissions import EventsPermission
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.services import connections, providers

if TYPE_CHECKING:
    from apps.providers.models import Provider

EXAMPLE = {"name": "openai", "kind": "openai", "api_key": "sk-…"}
CREATE_IN_GRAPHQL = """mutation {
  createProvider(input: {name: "openai", kind: "openai", apiKey: "sk-…"}) {
    provider { id name }
  }
}"""


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = routing.providers(actor=actor)
    page = Page(
        title=_("Providers"),
        sentence=_("Whoever runs the models: a service, a server of your own, this machine."),
        actions=[_new(_("New provider"))] if may_manage(actor) else [],
    )
    samples = code_samples(
        request, "POST", "/api/v1/providers", body=EXAMPLE, graphql=CREATE_IN_GRAPHQL
    )
    table = _listing(actor).pages(request, rows)
    return show(request, "console/providers/index.html", page, table=table, samples=samples)


def may_manage(actor: Actor) -> bool:
    return has(actor, ProvidersPermission.MANAGE)


def up() -> dict[str, str]:
    return {"label": _("Providers"), "url": reverse("console:providers")}


def _new(label: str) -> Action:
    return Action(label, url=reverse("console:provider-new"), icon="plus", is_primary=True)


def _listing(actor: Actor) -> Listing:
    return Listing(
        id="providers",
        label=_("Providers"),
        columns=[
            Column(_("Name"), order="name"),
            Column(_("Kind"), "tag", order="kind"),
            Column(_("Last check"), "lamp"),
            Column(_("Checked"), "time", order="checked_at"),
            Column(_("Deployments"), "number", order="deployment_count"),
            Column(_("Address"), is_minor=True),
        ],
        row=_row,
        empty={
            "title": _("No provider yet"),
            "sentence": _("Begin with a simulated one to try things, or with the one you pay."),
            "action": _new(_("Make the first provider")) if may_manage(actor) else None,
        },
        topic="audit.events" if has(actor, EventsPermission.AUDIT_VIEW) else "",
        events="providers.provider providers.deployment",
    )


def _row(provider: Any) -> dict[str, Any]:
    return {
        "id": provider.public_id,
        "url": reverse("console:provider", args=[provider.public_id]),
        "label": provider.name,
        "cells": [
            {"value": provider.name},
            {"value": kind_name(provider.kind)},
            check_lamp(provider),
            {"at": provider.checked_at, "missing": _("never")},
            {"value": provider.deployment_count},
            {"value": provider.base_url or _("this machine")},
        ],
    }


def check_lamp(provider: Provider) -> dict[str, Any]:
    """What the last test of its connection said."""
    if not provider.is_enabled:
        return {"state": "off", "value": _("Disabled")}
    if provider.checked_at is None:
        return {"state": "off", "value": _("Not tested yet")}
    if provider.check_error:
        return {"state": "danger", "value": _("Failed"), "note": provider.check_error}
    return {"state": "clear", "value": _("Well")}


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """First its kind, then what that kind takes."""
    actor = actor_of(request)
    require(actor, ProvidersPermission.MANAGE)
    kind = read_kind(request.GET.get("kind", ""))
    if kind is None:
        return _choose(request)
    form = ProviderForm(request.POST or None, kind=kind, initial={"name": kind.value})
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            made = providers.create_provider(actor=actor, kind=kind.value, **form.terms())
        except AppError as error:
            status = add_errors(form, error, **form.places)
        else:
            text = _("“%(name)s” is made. Test its connection, then choose its models.")
            where = reverse("console:provider", args=[made.public_id])
            return done(request, text % {"name": made.name}, where)
    page = Page(
        title=_("New provider: %(kind)s") % {"kind": KINDS[kind].name},
        sentence=str(KINDS[kind].sentence),
        up={"label": _("Kinds"), "url": reverse("console:provider-new")},
    )
    cancel_url = reverse("console:providers")
    status = status if form.errors else 200
    return show(
        request, "console/providers/new.html", page, form=form, cancel_url=cancel_url, status=status
    )


def _choose(request: HttpRequest) -> HttpResponse:
    groups = [
        {
            "title": title,
            "kinds": [
                {
                    "name": KINDS[kind].name,
                    "sentence": KINDS[kind].sentence,
                    "url": f"{request.path}?kind={kind.value}",
                }
                for kind in kinds
            ],
        }
        for title, kinds in GROUPS
    ]
    page = Page(title=_("New provider"), sentence=_("Who runs the models?"), up=up())
    status = 422 if request.method == "POST" else 200
    return show(request, "console/providers/kinds.html", page, groups=groups, status=status)


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    provider = routing.provider(actor=actor, provider_id=id)
    rows = routing.deployments(actor=actor, provider=id)
    manages = may_manage(actor)
    page = Page(
        title=provider.name,
        sentence=str(KINDS[provider.kind].sentence),  # type: ignore[index]  # a str enum's value
        up=up(),
        actions=_actions(id) if manages else [],
    )
    empty = {
        "title": _("No deployment yet"),
        "sentence": _("A deployment is one model here, with its price and limits."),
        "action": _find_models(id) if manages else None,
    }
    return show(
        request,
        "console/providers/detail.html",
        page,
        facts=_facts(provider),
        check=_check(provider),
        table=deployment_rows.listing(empty).pages(request, rows),
        may_manage=manages,
        name=provider.name,
        test_url=reverse("console:provider-test", args=[id]),
        delete_url=reverse("console:provider-delete", args=[id]),
        models_url=reverse("console:provider-models", args=[id]),
        new_url=reverse("console:deployment-new", args=[id]),
        samples=code_samples(
            request,
            "POST",
            "/api/v1/deployments",
            body={"name": "gpt-4o", "provider": provider.name, "model": "gpt-4o"},
        ),
    )


def _actions(provider_id: str) -> list[Action]:
    return [
        Action(_("Edit"), url=reverse("console:provider-edit", args=[provider_id])),
        Action(_("Delete"), dialog="delete-provider", icon="trash-2", is_danger=True),
    ]


def _find_models(provider_id: str) -> Action:
    url = reverse("console:provider-models", args=[provider_id])
    return Action(_("Find its models"), url=url, icon="search", is_primary=True)


def _facts(provider: Any) -> list[dict[str, Any]]:
    credential = _("none")
    if provider.credential_length:
        hint = provider.credential_hint
        credential = f"…{hint}" if hint else _("kept, too short to hint at")
    facts: list[dict[str, Any]] = [
        {"label": _("Kind"), "kind": "tag", "value": kind_name(provider.kind)},
        {"label": _("Address"), "value": provider.base_url or _("this machine")},
    ]
    if provider.base_url:
        note = _("Encrypted, and sent to this address alone.") if provider.credential_length else ""
        facts.append({"label": _("Credential"), "value": credential, "note": note})
    facts += [
        {"label": option_name(name), "value": value} for name, value in provider.options.items()
    ]
    return [
        *facts,
        {"label": _("Id"), "kind": "id", "value": provider.public_id},
        {"label": _("Made"), "kind": "time", "at": provider.created_at},
    ]


def _check(provider: Provider, check: connections.Check | None = None) -> dict[str, Any]:
    """The last test in the shape `providers/check.html` takes; with what only the fresh one knows."""
    lamp = check_lamp(provider)
    fresh = {}
    if check is not None and not check.error:
        words = _("It named %(models)d models within %(milliseconds)s ms.")
        fresh = {"models": check.models, "milliseconds": f"{check.milliseconds:.0f}"}
        return {**lamp, "at": provider.checked_at, "error": "", "fresh": words % fresh}
    if check is not None:
        words = _("It took %(milliseconds)s ms.")
        return {
            "state": "danger",
            "value": _("Failed"),
            "at": provider.checked_at,
            "error": check.error,
            "fresh": words % {"milliseconds": f"{check.milliseconds:.0f}"},
        }
    return {**lamp, "at": provider.checked_at, "error": provider.check_error, "fresh": ""}


@signed_in
@require_POST
def test(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """Ask it for its models now. With script the result takes the place of the last; without, it is on the page."""
    where = reverse("console:provider", args=[id])
    try:
        check = connections.check_connection(actor=actor_of(request), provider_id=id)
    except AppError as error:
        return refused(request, error, where)
    told = _check(check.provider, check)
    if request.headers.get("HX-Request"):
        return render(request, "console/providers/check.html", {"check": told})
    words = _("The connection failed: %(error)s") if check.error else _("It is well. %(fresh)s")
    return done(request, words % {"error": check.error, "fresh": told["fresh"]}, where)


@signed_in
@require_POST
def delete(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    try:
        providers.remove_provider(actor=actor_of(request), provider_id=id)
    except AppError as error:
        return refused(request, error, reverse("console:provider", args=[id]))
    return done(request, _("The provider is deleted."), reverse("console:providers"))
