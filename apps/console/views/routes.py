"""Routes: the list with its shares, one with all that it does, its versions compared and brought back, its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.console import deployment_rows, shares
from apps.console.listing import Column, Listing
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.refusals import refused, signed_in
from apps.console.route_diffs import changes
from apps.console.route_forms import STICKY, guardrail_lines
from apps.console.samples import code_samples
from apps.core.actor import Actor
from apps.core.errors import AppError, NotFound
from apps.core.permissions import has
from apps.events.permissions import EventsPermission
from apps.providers.enums import Sticky
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.services import routes

if TYPE_CHECKING:
    from apps.providers.models import Route, RouteVersion

EXAMPLE = {
    "name": "support",
    "targets": [
        {"deployment": "gpt-4o", "weight": 9},
        {"deployment": "gpt-4o-mini", "weight": 1},
    ],
}
CREATE_IN_GRAPHQL = """mutation {
  createRoute(input: {name: "support", targets: [
    {deployment: "gpt-4o", weight: 9}, {deployment: "gpt-4o-mini", weight: 1}
  ]}) {
    route { id name revision }
  }
}"""
VERSIONS_SHOWN = 30


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    page = Page(
        title=_("Routes"),
        sentence=_("The model names that callers use, and which part of their calls goes where."),
        actions=[_new(_("New route"))] if may_manage(actor) else [],
    )
    samples = code_samples(
        request, "POST", "/api/v1/routes", body=EXAMPLE, graphql=CREATE_IN_GRAPHQL
    )
    table = _listing(actor).pages(request, routing.routes(actor=actor))
    return show(request, "console/routes/index.html", page, table=table, samples=samples)


def may_manage(actor: Actor) -> bool:
    return has(actor, ProvidersPermission.MANAGE)


def up() -> dict[str, str]:
    return {"label": _("Routes"), "url": reverse("console:routes")}


def _new(label: str) -> Action:
    return Action(label, url=reverse("console:route-new"), icon="plus", is_primary=True)


def _listing(actor: Actor) -> Listing:
    return Listing(
        id="routes",
        label=_("Routes"),
        columns=[
            Column(_("Name"), order="name"),
            Column(_("Shares"), "shares"),
            Column(_("Health"), "lamp"),
            Column(_("Falls back on"), "tag", is_minor=True),
            Column(_("Version"), "number", order="revision", is_minor=True),
        ],
        row=_row,
        empty={
            "title": _("No route yet"),
            "sentence": _("A route is the model name that callers use. Give it a deployment."),
            "action": _new(_("Make the first route")) if may_manage(actor) else None,
        },
        topic=_topic(actor),
        events="providers.route providers.deployment",
    )


def _topic(actor: Actor) -> str:
    return "audit.events" if has(actor, EventsPermission.AUDIT_VIEW) else ""


def _row(route: Route) -> dict[str, Any]:
    note = _("moved by %(what)s") % {"what": route.managed_by} if route.managed_by else ""
    return {
        "id": route.public_id,
        "url": reverse("console:route", args=[route.public_id]),
        "label": route.name,
        "cells": [
            {"value": route.name, "note": note or route.description},
            {"shares": shares.picture(shares.parts_of(route), label=route.name, is_small=True)},
            lamp(route),
            {"values": route.fallbacks},
            {"value": route.revision},
        ],
    }


def lamp(route: Route) -> dict[str, Any]:
    """Whether its calls get an answer, as this server has met its targets in the last minute."""
    if not route.is_enabled:
        return {"state": "off", "value": _("Disabled")}
    states = [deployment_rows.lamp(target.deployment) for target in route.targets.all()]
    usable = [each for each in states if each["value"] != _("Disabled")]
    resting = [each for each in usable if each["state"] == "danger"]
    if not usable:
        return {"state": "danger", "value": _("No target")}
    if len(resting) == len(usable):
        return {"state": "danger", "value": _("All targets rest")}
    if resting:
        words = ngettext("%(count)d target rests", "%(count)d targets rest", len(resting))
        return {"state": "caution", "value": words % {"count": len(resting)}}
    worst = [each for each in usable if each["state"] == "caution"]
    well = [each for each in usable if each["state"] == "clear"]
    return next(iter((*worst, *well)), {"state": "off", "value": _("Not called lately")})


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    route = routing.route(actor=actor, name=id)
    versions = routing.route_versions(actor=actor, name=id).select_related("changed_by")
    page = Page(
        title=route.name,
        sentence=route.description,
        up=up(),
        actions=_actions(actor, route),
    )
    return show(
        request,
        "console/routes/detail.html",
        page,
        name=route.name,
        managed_by=route.managed_by,
        shares=shares.picture(shares.parts_of(route)),
        lamp=lamp(route),
        facts=_facts(actor, route),
        entries=[_entry(route, version) for version in versions[:VERSIONS_SHOWN]],
        topic=_topic(actor),
        here=request.get_full_path(),
        may_manage=may_manage(actor),
        delete_url=reverse("console:route-delete", args=[route.public_id]),
        samples=code_samples(
            request,
            "GET",
            f"/api/v1/routes/{route.name}",
            graphql=f'{{ route(name: "{route.name}") {{ revision targets {{ weight }} }} }}',
        ),
    )


def _actions(actor: Actor, route: Route) -> list[Action]:
    found = []
    if has(actor, ProvidersPermission.CALL) and route.is_enabled:
        url = f"{reverse('console:playground')}?{urlencode({'route': route.name})}"
        found.append(Action(_("Try it"), url=url, icon="terminal", is_primary=True))
    if may_manage(actor):
        url = reverse("console:route-edit", args=[route.public_id])
        delete_it = Action(_("Delete"), dialog="delete-route", icon="trash-2", is_danger=True)
        found += [Action(_("Edit"), url=url), delete_it]
    return found


def _facts(actor: Actor, route: Route) -> list[dict[str, Any]]:
    cache = _("%(count)s s") % {"count": f"{route.cache_seconds:,}"}
    return [
        {"label": _("Falls back on"), "kind": "tag", "values": route.fallbacks or [_("nothing")]},
        {"label": _("Keeps callers by"), "value": dict(STICKY)[Sticky(route.sticky)]},
        {"label": _("Retries"), "value": route.retries},
        {"label": _("Keeps answers"), "value": cache if route.cache_seconds else _("no")},
        {"label": _("Continues streams"), "value": _("yes") if route.continues else _("no")},
        {"label": _("Captures"), "value": _("yes") if route.captures else _("no")},
        {"label": _("Prompt"), "value": route.prompt or _("none")},
        {"label": _("Guardrails"), "value": guardrail_lines(route.guardrails) or _("none")},
        {"label": _("Version"), "value": route.revision},
        {"label": _("Id"), "kind": "id", "value": route.public_id},
        {"label": _("Made"), "kind": "time", "at": route.created_at},
    ]


def _entry(route: Route, version: RouteVersion) -> dict[str, Any]:
    is_present = version.revision == route.revision
    by = version.changed_by
    return {
        "text": _("Version %(number)d") % {"number": version.revision},
        "state": "clear" if is_present else "off",
        "word": _("present") if is_present else "",
        "actor": (by.name or by.email) if by else _("a program"),
        "at": version.created_at,
        "url": reverse("console:route-version", args=[route.public_id, version.revision]),
    }


@signed_in
@require_GET
def version(request: HttpRequest, id: str, revision: int) -> HttpResponse:  # noqa: A002 - the URL's word
    """What a version changed, and what bringing it back would change."""
    actor = actor_of(request)
    route = routing.route(actor=actor, name=id)
    near = routing.route_versions(actor=actor, name=id).filter(
        revision__in=(revision, revision - 1)
    )
    found = {each.revision: each for each in near}
    if revision not in found:
        raise NotFound
    chosen = found[revision].definition
    before = found[revision - 1].definition if revision - 1 in found else {"targets": []}
    is_present = revision == route.revision
    page = Page(
        title=_("%(name)s, version %(number)d") % {"name": route.name, "number": revision},
        up={"label": route.name, "url": reverse("console:route", args=[route.public_id])},
        actions=[]
        if is_present or not may_manage(actor)
        else [Action(_("Bring it back"), dialog="restore", icon="undo-2", is_primary=True)],
    )
    return show(
        request,
        "console/routes/version.html",
        page,
        number=revision,
        present=route.revision,
        is_present=is_present,
        made=changes(before, chosen),
        restores=changes(routes.definition(route), chosen),
        restore_url=reverse("console:route-restore", args=[route.public_id, revision]),
        restore_fields=[{"name": "revision", "value": route.revision}],
    )


@signed_in
@require_POST
def restore(request: HttpRequest, id: str, revision: int) -> HttpResponse:  # noqa: A002 - the URL's word
    """As it stood at a version, as a new one; not when somebody changed it since the page was made."""
    seen = request.POST.get("revision", "")
    try:
        route = routes.restore_route(
            actor=actor_of(request),
            name=id,
            revision=revision,
            expected_revision=int(seen) if seen.isascii() and seen.isdecimal() else None,
        )
    except AppError as error:
        return refused(request, error, reverse("console:route-version", args=[id, revision]))
    text = _("Version %(old)d is back, as version %(new)d.")
    where = reverse("console:route", args=[id])
    return done(request, text % {"old": revision, "new": route.revision}, where)


@signed_in
@require_POST
def delete(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    try:
        routes.remove_route(actor=actor_of(request), name=id)
    except AppError as error:
        return refused(request, error, reverse("console:route", args=[id]))
    return done(request, _("The route is deleted."), reverse("console:routes"))
