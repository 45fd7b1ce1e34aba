"""Models: the list, one with its versions and aliases, a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console.listing import Column, Listing
from apps.console.model_forms import AliasForm, ModelForm
from apps.console.model_tabs import address, tabs_of
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.refusals import add_errors, refused, signed_in
from apps.console.samples import code_samples
from apps.console.version_rows import STATES, metric_words, stage_cell
from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.core.permissions import has, require
from apps.events.permissions import EventsPermission
from apps.models.enums import VersionStatus
from apps.models.permissions import ModelsPermission
from apps.models.queries import glances
from apps.models.queries import registry as queries
from apps.models.services import aliases, registry

if TYPE_CHECKING:
    from apps.models.models import ModelVersion, RegisteredModel

LISTED = 100
"""Versions on a model's page; the API lists all."""
EXAMPLE = {"name": "churn-predictor", "description": "Customer churn prediction model"}


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    page = Page(
        title=_("Models"),
        sentence=_("What can be served: each model in versions, one of them in production."),
        actions=[_new_model(_("New model"))] if may_manage(actor) else [],
    )
    table = _listing(actor).pages(request, queries.models(actor=actor))
    samples = code_samples(request, "POST", "/api/v1/models", body=EXAMPLE)
    return show(request, "console/models/index.html", page, table=table, samples=samples)


def may_manage(actor: Actor) -> bool:
    return has(actor, ModelsPermission.MANAGE)


def _new_model(label: str) -> Action:
    return Action(label, url=reverse("console:model-new"), icon="plus", is_primary=True)


def _listing(actor: Actor) -> Listing:
    seen = glances.glances(actor=actor)
    return Listing(
        id="models",
        label=_("Models"),
        columns=[
            Column(_("Name"), order="name"),
            Column(_("State"), "lamp"),
            Column(_("In production"), "tag"),
            Column(_("Predicted today"), "number"),
            Column(_("Last prediction"), "time"),
            Column(_("Aliases"), "tag", is_minor=True),
            Column(_("Versions"), "number", is_minor=True),
            Column(_("Changed"), "time", order="updated_at", is_minor=True),
        ],
        row=lambda model: _row(model, seen[model.pk]),
        empty={
            "title": _("No model yet"),
            "sentence": _("Register a model, then upload a version of it: it is tried at once."),
            "action": _new_model(_("Register the first model")) if may_manage(actor) else None,
        },
        topic="audit.events" if has(actor, EventsPermission.AUDIT_VIEW) else "",
        events="models",
    )


def _row(model: Any, glance: glances.Glance) -> dict[str, Any]:
    return {
        "id": model.public_id,
        "url": reverse("console:model", args=[address(model)]),
        "label": model.name,
        "cells": [
            {"value": model.name, "note": model.description},
            _state(model, glance),
            {"value": model.current},
            {"value": f"{glance.today:,}"},
            {"at": glance.last_at},
            {"values": [f"{each.name} → {each.version.label}" for each in model.aliases.all()]},
            {"value": model.count},
            {"at": model.updated_at},
        ],
    }


def _state(model: Any, glance: glances.Glance) -> dict[str, Any]:
    """What is wrong with the newest version, else whether any serves."""
    if glance.newest_status is not VersionStatus.READY:
        return {**STATES[glance.newest_status], "note": model.newest}
    if model.current:
        return {"state": "clear", "value": _("Serving")}
    return {"state": "off", "value": _("Not in production")}


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require(actor, ModelsPermission.MANAGE)
    form = ModelForm(request.POST if request.method == "POST" else None)
    status = 200 if request.method == "GET" else 422
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        text = data["description"].replace("\r\n", "\n")
        try:
            made = registry.register_model(actor=actor, name=data["name"], description=text)
        except AppError as error:
            status = add_errors(form, error)
        else:
            where = reverse("console:model", args=[address(made)])
            return done(request, _("The model is registered."), where)
    page = Page(
        title=_("New model"),
        sentence=_("A name first; its versions come as uploads."),
        up={"label": _("Models"), "url": reverse("console:models")},
    )
    cancel_url = reverse("console:models")
    return show(
        request, "console/models/form.html", page, form=form, cancel_url=cancel_url, status=status
    )


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    return _show_model(request, id)


def _show_model(
    request: HttpRequest, name: str, form: AliasForm | None = None, status: int = 200
) -> HttpResponse:
    actor = actor_of(request)
    model = queries.model(actor=actor, name=name)
    versions = list(queries.versions(actor=actor, name=name)[:LISTED])
    labels = [version.label for version in versions]
    blank = AliasForm(labels=labels, initial={"revision": model.revision})
    can_move = may_manage(actor) and bool(versions)
    names = {"alias": "model-alias", "unalias": "model-unalias", "remove": "model-remove"}
    return show(
        request,
        "console/models/detail.html",
        _page(actor, model),
        model={"name": model.name, "managed_by": model.managed_by},
        facts=_facts(model),
        table=_versions(actor, model, versions).whole(request, versions),
        comparison=_comparison(model, versions),
        alias_form=(form or blank) if can_move else None,
        aliases=[
            {"name": each.name, "version": each.version.label} for each in model.aliases.all()
        ],
        urls={
            key: reverse(f"console:{word}", args=[address(model)]) for key, word in names.items()
        },
        may_manage=may_manage(actor),
        samples=code_samples(request, "GET", f"/api/v1/models/{model.name}/versions"),
        status=status,
    )


def _page(actor: Actor, model: RegisteredModel) -> Page:
    upload = Action(
        _("Upload a version"),
        url=reverse("console:model-version-new", args=[address(model)]),
        icon="plus",
        is_primary=True,
    )
    remove_it = Action(_("Remove"), dialog="remove-model", icon="trash-2", is_danger=True)
    return Page(
        title=model.name,
        sentence=model.description,
        up={"label": _("Models"), "url": reverse("console:models")},
        actions=[upload, remove_it] if may_manage(actor) else [],
        tabs=tabs_of(actor, model, "model"),
    )


def _facts(model: Any) -> list[dict[str, Any]]:
    tags = [f"{name}: {value}" for name, value in model.tags.items()]
    return [
        {"label": _("In production"), "kind": "tag", "value": model.current},
        {"label": _("Newest"), "kind": "tag", "value": model.newest},
        {
            "label": _("Owner"),
            "value": (model.owner.name or model.owner.email) if model.owner else "",
        },
        {"label": _("Tags"), "kind": "tag", "values": tags},
        {"label": _("Registered"), "kind": "time", "at": model.created_at},
        {"label": _("Id"), "kind": "id", "value": model.public_id},
    ]


def _versions(actor: Actor, model: RegisteredModel, rows: list[ModelVersion]) -> Listing:
    return Listing(
        id="versions",
        label=_("Versions"),
        columns=[
            Column(_("Version")),
            Column(_("Stage"), "lamp"),
            Column(_("Aliases"), "tag"),
            Column(_("Format"), "tag", is_minor=True),
            Column(_("Metrics"), "tag"),
            Column(_("By"), is_minor=True),
            Column(_("Uploaded"), "time"),
        ],
        row=lambda version: _version_row(model, version),
        empty={
            "title": _("No version yet"),
            "sentence": _("Upload a file: it is opened in a limited process before it can serve."),
            "action": _page(actor, model).actions[0] if may_manage(actor) else None,
        },
    )


def _version_row(model: RegisteredModel, version: ModelVersion) -> dict[str, Any]:
    maker = version.created_by
    return {
        "id": version.public_id,
        "url": reverse("console:model-version", args=[address(model), version.label]),
        "label": version.label,
        "cells": [
            {"value": version.label, "note": version.description},
            stage_cell(version),
            {"values": [alias.name for alias in version.aliases.all()]},
            {"value": version.format},
            {"values": metric_words(version)},
            {"value": (maker.name or maker.email) if maker else ""},
            {"at": version.created_at},
        ],
    }


def _comparison(model: RegisteredModel, versions: list[ModelVersion]) -> str:
    """Where the newest is compared with what serves, or with the one before."""
    if len(versions) < 2:
        return ""
    newest = versions[0]
    serving = [each for each in versions[1:] if each.stage == "Production"]
    other = serving[0] if serving else versions[1]
    where = reverse("console:model-compare", args=[address(model)])
    return f"{where}?from={other.number}&to={newest.number}"


@signed_in
@require_POST
def alias(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    """Let an alias name a version."""
    actor = actor_of(request)
    labels = queries.versions(actor=actor, name=id).values_list("label", flat=True)
    form, status = AliasForm(request.POST, labels=labels), 422
    if form.is_valid():
        data = form.cleaned_data
        try:
            moved = aliases.set_alias(
                actor=actor,
                name=id,
                alias=data["alias"],
                tag=data["version"],
                expected_revision=data["revision"],
            )
        except AppError as error:
            status = add_errors(form, error)
        else:
            text = _("“%(alias)s” names %(version)s now.") % data
            if moved.approval_id is not None:
                text = _("People are asked to approve it; until then the alias stays as it is.")
            return done(request, text, reverse("console:model", args=[id]))
    return _show_model(request, id, form, status)


@signed_in
@require_POST
def unalias(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:model", args=[id])
    try:
        aliases.remove_alias(actor=actor_of(request), name=id, alias=request.POST.get("alias", ""))
    except AppError as error:
        return refused(request, error, where)
    return done(request, _("The alias is gone."), where)


@signed_in
@require_POST
def remove(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    try:
        registry.remove_model(actor=actor_of(request), name=id)
    except AppError as error:
        return refused(request, error, reverse("console:model", args=[id]))
    return done(request, _("The model is removed."), reverse("console:models"))
