"""Versions of models: one in full, an upload, a move from stage to stage, two side by side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.console.listing import Column, Listing, filter_bar
from apps.console.model_forms import UploadForm
from apps.console.model_tabs import address
from apps.console.page import Action, Page, actor_of, done, show
from apps.console.refusals import add_errors, refused, signed_in
from apps.console.samples import code_samples
from apps.console.views.models import STAGES, may_manage, stage_cell
from apps.core.actor import Actor
from apps.core.errors import AppError, Invalid
from apps.core.permissions import require
from apps.models.enums import Stage
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry as queries
from apps.models.services import stages, versions

if TYPE_CHECKING:
    from apps.models.models import ModelVersion

OFFERED = (Stage.PRODUCTION, Stage.STAGING, Stage.ARCHIVED)


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
        moves=_moves(actor, version) if may_manage(actor) else [],
        remove_url=reverse("console:model-version-remove", args=[id, version.label])
        if may_manage(actor)
        else "",
        samples=code_samples(request, "POST", f"{path}/stage", body={"stage": "Production"}),
    )


def _page(actor: Actor, version: ModelVersion) -> Page:
    actions = [
        Action(
            _("Promote") if stage is Stage.PRODUCTION else _move_label(stage),
            dialog=f"to-{stage.lower()}",
            is_primary=stage is Stage.PRODUCTION,
        )
        for stage in _possible(version)
    ]
    if version.stage != Stage.PRODUCTION:
        actions.append(Action(_("Remove"), dialog="remove-version", icon="trash-2", is_danger=True))
    model = version.model
    return Page(
        title=f"{model.name} {version.label}",
        sentence=version.description,
        up={"label": model.name, "url": reverse("console:model", args=[address(model)])},
        actions=actions if may_manage(actor) else [],
    )


def _possible(version: ModelVersion) -> list[Stage]:
    return [stage for stage in OFFERED if stage != version.stage]


def _move_label(stage: Stage) -> str:
    return _("To staging") if stage is Stage.STAGING else _("Archive")


def _moves(actor: Actor, version: ModelVersion) -> list[dict[str, Any]]:
    """A question for each stage it can be moved to, naming what happens."""
    serving = queries.detail(actor=actor, name=version.model.public_id).serving
    former = serving if serving is not None and serving.stage == Stage.PRODUCTION else None
    return [_move(version, stage, former) for stage in _possible(version)]


def _move(version: ModelVersion, stage: Stage, former: ModelVersion | None) -> dict[str, Any]:
    words = {"version": version.label, "stage": STAGES[stage], "model": version.model.name}
    consequence = _("It does not serve under the model's name alone.")
    if stage is Stage.PRODUCTION:
        consequence = _("Calls of %(model)s are answered by %(version)s from then on.") % words
        if former is not None:
            consequence += " " + _("%(former)s is archived.") % {"former": former.label}
    elif version.stage == Stage.PRODUCTION:
        consequence = _("Nothing is in production then: calls of %(model)s are refused.") % words
    changes = [{"label": version.label, "old": STAGES[version.stage], "new": STAGES[stage]}]
    if stage is Stage.PRODUCTION and former is not None:
        archived = STAGES[Stage.ARCHIVED]
        changes.append({"label": former.label, "old": STAGES[former.stage], "new": archived})
    return {
        "id": f"to-{stage.lower()}",
        "title": _("Move %(model)s %(version)s to %(stage)s?") % words,
        "consequence": consequence,
        "submit_label": _("Promote") if stage is Stage.PRODUCTION else _move_label(stage),
        "changes": changes,
        "fields": [
            {"name": "stage", "value": stage.value},
            {"name": "revision", "value": version.revision},
        ],
        "url": reverse("console:model-stage", args=[address(version.model), version.label]),
    }


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
            text = _("Version %(version)s was tried and is ready.") % {"version": made.label}
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


@signed_in
@require_GET
def compare(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    model = queries.model(actor=actor, name=id)
    first = request.GET.get("from") or queries.LATEST
    second = request.GET.get("to") or queries.LATEST
    found = queries.comparison(actor=actor, name=id, tags=(first, second))
    rows = queries.versions(actor=actor, name=id).values_list("number", "label")[:200]
    options = [(str(number), label) for number, label in rows]
    filters = [
        {"name": "from", "label": _("From"), "kind": "choice", "options": options},
        {"name": "to", "label": _("To"), "kind": "choice", "options": options},
    ]
    page = Page(
        title=_("%(first)s and %(second)s")
        % {"first": found["versions"][0], "second": found["versions"][1]},
        sentence=_("Two versions of %(model)s side by side.") % {"model": model.name},
        up={"label": model.name, "url": reverse("console:model", args=[address(model)])},
    )
    parts = (
        (_("Metrics"), found["metrics"]),
        (_("Features"), found["features"]),
        (_("Lineage"), found["lineage"]),
        (_("The file"), found["about"]),
    )
    return show(
        request,
        "console/models/compare.html",
        page,
        filter=filter_bar(request, filters),
        parts=[{"title": title, "changes": _changes(values)} for title, values in parts if values],
        samples=code_samples(
            request, "GET", f"/api/v1/models/{model.name}/compare?from={first}&to={second}"
        ),
    )


def _changes(values: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [{"label": name, "old": _told(a), "new": _told(b)} for name, (a, b) in values.items()]


def _told(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
