"""Versions of models: one in full, an upload, a move from stage to stage, two side by side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console import promotions
from apps.console.listing import Column, Listing
from apps.console.model_forms import UploadForm
from apps.console.model_tabs import address
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.refusals import add_errors, refused, signed_in
from apps.console.samples import code_samples
from apps.console.version_rows import STAGES, is_ready, stage_cell
from apps.console.views.models import may_manage
from apps.core.actor import Actor
from apps.core.errors import AppError, Invalid
from apps.core.permissions import has, require
from apps.models.enums import Stage
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry as queries
from apps.models.services import stages, versions

if TYPE_CHECKING:
    from apps.models.models import ModelVersion


@signed_in
@require_GET
def detail(request: HttpRequest, id: str, tag: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    version = queries.version(actor=actor, name=id, tag=tag)
    features = list(version.feature_schema.items())
    path = f"/api/v1/models/{version.model.name}/versions/{version.label}"
    return show(
        request,
        "console/models/version.html",
        _page(actor, version),
        version={"label": version.label, "model": version.model.name},
        lamp=stage_cell(version),
        facts=_facts(version),
        metrics=[
            {"label": name, "kind": "number", "value": f"{value:.6g}"}
            for name, value in version.metrics.items()
        ],
        table=_features().whole(request, features),
        example=_text(version.input_example),
        moves=promotions.questions(actor, version) if may_manage(actor) else [],
        notices=promotions.notices_of(version),
        remove_url=reverse("console:model-version-remove", args=[id, version.label])
        if may_manage(actor)
        else "",
        samples=code_samples(request, "POST", f"{path}/stage", body={"stage": "Production"}),
    )


def _page(actor: Actor, version: ModelVersion) -> Page:
    actions = promotions.actions_of(version) if may_manage(actor) else []
    if is_ready(version) and has(actor, ModelsPermission.PREDICT):
        where = reverse("console:model-try", args=[address(version.model)])
        tried = Action(_("Try it"), url=f"{where}?{urlencode({'version': version.label})}")
        actions.append(tried)
    if version.stage != Stage.PRODUCTION and may_manage(actor):
        actions.append(Action(_("Remove"), dialog="remove-version", icon="trash-2", is_danger=True))
    model = version.model
    return Page(
        title=f"{model.name} {version.label}",
        sentence=version.description,
        up={"label": model.name, "url": reverse("console:model", args=[address(model)])},
        actions=actions,
    )


def _facts(version: ModelVersion) -> list[dict[str, Any]]:
    maker = version.created_by
    lineage = [
        {"label": _("Lineage: %(name)s") % {"name": name}, "value": value}
        for name, value in version.lineage.items()
    ]
    return [
        {"label": _("Stage"), "kind": "lamp", **stage_cell(version)},
        {"label": _("Aliases"), "kind": "tag", "values": [a.name for a in version.aliases.all()]},
        {"label": _("Format"), "kind": "tag", "value": version.format},
        {"label": _("Task"), "value": version.task},
        {"label": _("Size"), "value": filesizeformat(version.size)},
        {"label": _("SHA-256"), "kind": "id", "value": version.digest},
        {"label": _("File"), "value": version.file.name},
        {"label": _("By"), "value": (maker.name or maker.email) if maker else ""},
        {"label": _("Uploaded"), "kind": "time", "at": version.created_at},
        *lineage,
    ]


def _features() -> Listing:
    return Listing(
        id="features",
        label=_("Features"),
        columns=[
            Column(_("Feature")),
            Column(_("Type"), "tag"),
            Column(_("From"), "number"),
            Column(_("To"), "number"),
            Column(_("One of"), "tag"),
            Column(_("Left out")),
        ],
        row=_feature_row,
        empty={"title": _("No features"), "sentence": ""},
    )


def _feature_row(feature: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    name, spec = feature
    absent = _("is refused") if spec.get("required", True) else _("may be")
    if "default" in spec:
        absent = _("counts as %(value)s") % {"value": _text(spec["default"])}
    return {
        "id": name,
        "label": name,
        "cells": [
            {"value": name},
            {"value": spec["type"]},
            {"value": spec.get("min")},
            {"value": spec.get("max")},
            {"values": [str(value) for value in spec.get("enum", [])[:12]]},
            {"value": absent},
        ],
    }


def _text(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)


@signed_in
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    require(actor, ModelsPermission.MANAGE)
    model = queries.model(actor=actor, name=id)
    is_sent = request.method == "POST"
    form = UploadForm(request.POST, request.FILES) if is_sent else UploadForm()
    status = 422 if is_sent else 200
    where = reverse("console:model", args=[address(model)])
    if is_sent and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            made = versions.publish_version(
                actor=actor, name=id, stream=file, terms=form.terms(), file_name=file.name
            )
        except AppError as error:
            status = add_errors(form, _at_file(error))
        else:
            text = _("Version %(version)s was tried and is ready.")
            if not is_ready(made):
                text = _("Version %(version)s is kept and being checked; it can serve after that.")
            text %= {"version": made.label}
            return done(
                request, text, reverse("console:model-version", args=[address(model), made.label])
            )
    page = Page(
        title=_("Upload a version"),
        sentence=_(
            "The file is opened in a limited process first; what could run code is refused."
        ),
        up={"label": model.name, "url": where},
    )
    return show(
        request, "console/models/upload.html", page, form=form, cancel_url=where, status=status
    )


def _at_file(error: AppError) -> AppError:
    """What is wrong with the bytes stands at the file."""
    if isinstance(error, Invalid) and not error.fields:
        return Invalid.field("file", error.message)
    return error


@signed_in
@require_POST
def stage(request: HttpRequest, id: str, tag: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor, where = actor_of(request), reverse("console:model-version", args=[id, tag])
    queries.version(
        actor=actor, name=id, tag=tag
    )  # whatever was sent, what is not there is not there
    wanted, revision = request.POST.get("stage", ""), request.POST.get("revision", "")
    try:
        if wanted not in set(Stage):
            raise Invalid.field("stage", "is none", "choice")
        moved = stages.set_stage(
            actor=actor,
            name=id,
            tag=tag,
            stage=Stage(wanted),
            expected_revision=int(revision) if revision.isdecimal() else None,
        )
    except AppError as error:
        return refused(request, error, where)
    if moved.approval_id is not None:
        text = _("People are asked to approve the promotion; until then nothing moves.")
        return done(request, text, where)
    words = {"version": moved.version.label, "stage": STAGES[moved.version.stage]}
    return done(request, _("%(version)s is in %(stage)s now.") % words, where)


@signed_in
@require_POST
def remove(request: HttpRequest, id: str, tag: str) -> HttpResponse:  # noqa: A002 - the URL's word
    try:
        versions.remove_version(actor=actor_of(request), name=id, tag=tag)
    except AppError as error:
        return refused(request, error, reverse("console:model-version", args=[id, tag]))
    return done(request, _("The version is removed."), reverse("console:model", args=[id]))
