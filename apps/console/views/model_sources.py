"""Registries that models are followed from: the list, a new one, one with its last outcome, and each deed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console.listing import Column, Listing
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.refusals import add_errors, refused, signed_in
from apps.console.samples import code_samples
from apps.console.source_forms import AUTHS, SourceForm, lines
from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.core.permissions import has, require
from apps.events.permissions import EventsPermission
from apps.models.enums import FollowState, SourceAuth
from apps.models.permissions import ModelsPermission
from apps.models.queries import sources as queries
from apps.models.services import sources

if TYPE_CHECKING:
    from apps.models.models import MlflowSource

STATES = {
    FollowState.CURRENT: ("clear", gettext_lazy("Current")),
    FollowState.MOVED: ("clear", gettext_lazy("Moved")),
    FollowState.WAITING: ("caution", gettext_lazy("Waits for approval")),
    FollowState.CHECKING: ("caution", gettext_lazy("Being opened")),
    FollowState.FAILED: ("danger", gettext_lazy("Failed")),
}
EXAMPLE = {
    "name": "lab",
    "url": "https://mlflow.example.com",
    "follows": [{"model": "Churn", "alias": "champion", "as": "churn-predictor"}],
}
CREATE_IN_GRAPHQL = """mutation {
  createMlflowSource(input: {name: "lab", url: "https://mlflow.example.com",
    follows: [{model: "Churn", alias: "champion", as: "churn-predictor"}]}) {
    source { id outcomes }
  }
}"""


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = queries.sources(actor=actor)
    page = Page(
        title=_("Sources"),
        sentence=_(
            "MLflow registries whose models are followed: what is named there is named here."
        ),
        actions=[_new(_("New source"))] if _may_manage(actor) else [],
    )
    samples = code_samples(
        request, "POST", "/api/v1/mlflow-sources", body=EXAMPLE, graphql=CREATE_IN_GRAPHQL
    )
    table = _listing(actor).pages(request, rows)
    return show(request, "console/sources/index.html", page, table=table, samples=samples)


def _may_manage(actor: Actor) -> bool:
    return has(actor, ModelsPermission.SOURCE_MANAGE)


def _new(label: str) -> Action:
    return Action(label, url=reverse("console:model-source-new"), icon="plus", is_primary=True)


def _up() -> dict[str, str]:
    return {"label": _("Sources"), "url": reverse("console:model-sources")}


def _listing(actor: Actor) -> Listing:
    return Listing(
        id="sources",
        label=_("Sources"),
        columns=[
            Column(_("Name"), order="name"),
            Column(_("Last outcome"), "lamp"),
            Column(_("Looked"), "time", order="synced_at"),
            Column(_("Follows"), "number"),
            Column(_("Address"), is_minor=True),
        ],
        row=_row,
        empty={
            "title": _("No source yet"),
            "sentence": _(
                "A source brings the models of an MLflow server here, and keeps them so."
            ),
            "action": _new(_("Make the first source")) if _may_manage(actor) else None,
        },
        topic="audit.events" if has(actor, EventsPermission.AUDIT_VIEW) else "",
        events="models.source",
    )


def _row(source: MlflowSource) -> dict[str, Any]:
    return {
        "id": source.public_id,
        "url": reverse("console:model-source", args=[source.public_id]),
        "label": source.name,
        "cells": [
            {"value": source.name},
            lamp(source),
            {"at": source.synced_at, "missing": _("never")},
            {"value": len(source.follows)},
            {"value": source.url},
        ],
    }


def lamp(source: MlflowSource) -> dict[str, Any]:
    """How the last run went, in a word."""
    if not source.is_enabled:
        return {"state": "off", "value": _("Disabled")}
    if source.synced_at is None:
        return {"state": "off", "value": _("Not looked yet")}
    states = [each["state"] for each in source.outcomes]
    failed = states.count(FollowState.FAILED)
    if source.sync_error or failed:
        words = ngettext("%(count)d failed", "%(count)d failed", failed) % {"count": failed}
        return {"state": "danger", "value": _("Failed") if source.sync_error else words}
    if FollowState.WAITING in states:
        return {"state": "caution", "value": STATES[FollowState.WAITING][1]}
    return {"state": "clear", "value": _("Well")}


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require(actor, ModelsPermission.SOURCE_MANAGE)
    form = SourceForm(request.POST or None)
    status = 422
    if request.method == "POST" and form.is_valid():
        try:
            made = sources.create_source(actor=actor, **form.terms())
        except AppError as error:
            status = add_errors(form, error)
        else:
            where = reverse("console:model-source", args=[made.public_id])
            return done(request, _("It is made, and looks within a minute."), where)
    page = Page(
        title=_("New source"),
        sentence=_("Versions are published in your name, as if you had uploaded them."),
        up=_up(),
    )
    return _form(request, page, form, reverse("console:model-sources"), status)


@signed_in
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    require(actor, ModelsPermission.SOURCE_MANAGE)
    source = queries.source(actor=actor, source_id=id)
    form = SourceForm(request.POST or None, initial=_shown(source))
    where, status = reverse("console:model-source", args=[id]), 422
    if request.method == "POST" and form.is_valid():
        try:
            sources.change_source(actor=actor, source_id=id, **form.terms())
        except AppError as error:
            status = add_errors(form, error)
        else:
            return done(request, _("Saved. It looks within a minute."), where)
    page = Page(
        title=source.name,
        sentence=_("Whoever saves it is its owner: versions are published in their name."),
        up={"label": source.name, "url": where},
    )
    return _form(request, page, form, where, status)


def _form(
    request: HttpRequest, page: Page, form: SourceForm, cancel_url: str, status: int
) -> HttpResponse:
    status = status if form.errors else 200
    return show(
        request, "console/sources/form.html", page, form=form, cancel_url=cancel_url, status=status
    )


def _shown(source: MlflowSource) -> dict[str, Any]:
    names = ("name", "url", "auth", "username", "every_seconds", "is_enabled")
    return {name: getattr(source, name) for name in names} | {"follows": lines(source.follows)}


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    source = queries.source(actor=actor, source_id=id)
    manages = _may_manage(actor)
    return show(
        request,
        "console/sources/detail.html",
        Page(
            title=source.name,
            sentence=source.url,
            up=_up(),
            actions=_actions(id) if manages else [],
        ),
        facts=_facts(source),
        table=_outcomes().whole(request, source.outcomes),
        may_manage=manages,
        name=source.name,
        sync_url=reverse("console:model-source-sync", args=[id]),
        remove_url=reverse("console:model-source-remove", args=[id]),
    )


def _actions(source_id: str) -> list[Action]:
    return [
        Action(_("Sync now"), dialog="sync-source", icon="refresh-cw", is_primary=True),
        Action(_("Edit"), url=reverse("console:model-source-edit", args=[source_id])),
        Action(_("Remove"), dialog="remove-source", icon="trash-2", is_danger=True),
    ]


def _facts(source: MlflowSource) -> list[dict[str, Any]]:
    note = f"…{source.credential_hint}" if source.credential_hint else ""
    is_due = source.next_at <= timezone.now()
    again = {"value": _("within a minute")} if is_due else {"kind": "time", "at": source.next_at}
    return [
        {"label": _("Last outcome"), "kind": "lamp", **lamp(source)},
        *([{"label": _("It failed of"), "value": source.sync_error}] if source.sync_error else []),
        {"label": _("Looked"), "kind": "time", "at": source.synced_at, "missing": _("never")},
        {
            "label": _("Looks again"),
            **(again if source.is_enabled else {"value": _("when enabled")}),
        },
        {"label": _("It asks for"), "value": AUTHS[SourceAuth(source.auth)], "note": note},
        {"label": _("Owner"), "value": source.owner.name if source.owner else _("nobody any more")},
        {"label": _("Id"), "kind": "id", "value": source.public_id},
    ]


def _outcomes() -> Listing:
    return Listing(
        id="outcomes",
        label=_("What is followed"),
        columns=[
            Column(_("Here")),
            Column(_("State"), "lamp"),
            Column(_("There")),
            Column(_("Version here")),
        ],
        row=_outcome,
        empty={
            "title": _("Nothing yet"),
            "sentence": _("After it has looked, what became of each model stands here."),
        },
    )


def _outcome(outcome: dict[str, Any]) -> dict[str, Any]:
    state, word = STATES[FollowState(outcome["state"])]
    there = f"{outcome['model']} {outcome['remote_version']}"
    return {
        "id": outcome["place"],
        "url": reverse("console:model", args=[outcome["as"]])
        if outcome["version"]
        else reverse("console:models"),
        "label": outcome["place"],
        "cells": [
            {"value": outcome["place"], "note": outcome["message"] or outcome["approval_id"]},
            {"state": state, "value": word},
            {"value": there},
            {"value": outcome["version"]},
        ],
    }


@signed_in
@require_POST
def sync(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:model-source", args=[id])
    try:
        sources.sync_source(actor=actor_of(request), source_id=id)
    except AppError as error:
        return refused(request, error, where)
    return done(request, _("It looks now. What became of it will stand here."), where)


@signed_in
@require_POST
def remove(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    try:
        sources.remove_source(actor=actor_of(request), source_id=id)
    except AppError as error:
        return refused(request, error, reverse("console:model-source", args=[id]))
    return done(request, _("It is followed no longer."), reverse("console:model-sources"))
