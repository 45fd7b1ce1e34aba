"""The log of one model's predictions, one of them with its features, and what it turned out to be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from apps.console.feature_fields import spelt
from apps.console.figures import milliseconds
from apps.console.listing import Column, Listing
from apps.console.model_samples import nothing_predicted
from apps.console.model_tabs import address, tabs_of
from apps.console.outcome_fields import outcome_field, read_outcome
from apps.console.page import Page, actor_of, done, show
from apps.console.refusals import refused, signed_in
from apps.console.samples import code_samples
from apps.core.actor import Actor
from apps.core.errors import AppError, Invalid, NotFound
from apps.core.permissions import has, require
from apps.events.permissions import EventsPermission
from apps.models.permissions import ModelsPermission
from apps.models.queries import predictions as queries
from apps.models.queries import registry
from apps.models.services import outcomes

if TYPE_CHECKING:
    from apps.models.models import ModelVersion, PredictionRecord, RegisteredModel

JUDGED = {"true": gettext_lazy("With an outcome"), "false": gettext_lazy("Without an outcome")}
SOURCES = {
    "single": gettext_lazy("One row"),
    "batch": gettext_lazy("A batch"),
    "async": gettext_lazy("A job"),
    "file": gettext_lazy("A file"),
    "v2": gettext_lazy("KServe's protocol"),
}
FIELDS = ("prediction", "probability", "customer", "version", "outcome", "ms", "at")
"""Of the columns, as the script that adds rows knows them."""
CHOICES = 100
"""Versions to filter by, newest first."""


@signed_in
@require_GET
def index(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    model = registry.model(actor=actor, name=id)
    asked = {name: request.GET.get(name) or None for name in ("version", "customer", "judged")}
    rows = queries.predictions(
        actor=actor,
        name=id,
        version=asked["version"],
        customer=asked["customer"],
        judged=_judged(asked["judged"]),
    )
    table = _listing(request, actor, model).newest(request, rows)
    is_fresh = not request.GET.get("cursor") and asked["judged"] != "true"
    if is_fresh and has(actor, EventsPermission.TOPIC_LISTEN):
        table["feed"] = _feed(table, model, asked)
    return show(
        request,
        "console/models/predictions.html",
        Page(
            title=model.name,
            sentence=_("Predictions as they are made. Say what each turned out to be."),
            up={"label": _("Models"), "url": reverse("console:models")},
            tabs=tabs_of(actor, model, "model-predictions"),
        ),
        table=table,
        share=None if model.log_share >= 1 else f"{100 * model.log_share:.3g} %",
        samples=_samples(request, model, asked),
    )


def _judged(text: str | None) -> bool | None:
    if text is not None and text not in JUDGED:
        raise Invalid.field("judged", "must be true or false", "choice")
    return None if text is None else text == "true"


def _listing(request: HttpRequest, actor: Actor, model: RegisteredModel) -> Listing:
    found = registry.versions(actor=actor, name=model.public_id)[:CHOICES]
    labels = found.values_list("label", flat=True)
    chosen = request.GET.get("version", "")
    options = [(label, label) for label in dict.fromkeys([*labels, *([chosen] if chosen else [])])]
    return Listing(
        id="predictions",
        label=_("Predictions"),
        columns=[
            Column(_("Prediction")),
            Column(_("Probability"), "number"),
            Column(_("Customer")),
            Column(_("Version"), "tag"),
            Column(_("Turned out"), is_minor=True),
            Column(_("Took"), "number", is_minor=True),
            Column(_("When"), "time"),
        ],
        row=lambda row: _row(model, row),
        empty=nothing_predicted(request, model),
        filters=[
            {"name": "version", "label": _("Any version"), "kind": "choice", "options": options},
            {
                "name": "judged",
                "label": _("Judged or not"),
                "kind": "choice",
                "options": list(JUDGED.items()),
            },
            {"name": "customer", "label": _("Customer, whole"), "kind": "search"},
        ],
    )


def _row(model: RegisteredModel, row: PredictionRecord) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "url": reverse("console:model-prediction", args=[address(model), row.public_id]),
        "label": row.public_id,
        "opens_drawer": True,
        "cells": [
            {"value": spelt(row.prediction)},
            {"value": _share(row.probability)},
            {"value": row.customer},
            {"value": row.version},
            {"value": spelt(row.actual) if row.actual_at else ""},
            {"value": milliseconds(row.duration_ms)},
            {"at": row.at},
        ],
    }


def _share(probability: float | None) -> str:
    return "" if probability is None else f"{probability:.4g}"


def _feed(
    table: dict[str, Any], model: RegisteredModel, asked: dict[str, str | None]
) -> dict[str, Any]:
    """What the script needs to add rows: an empty row, and what the filter lets through."""
    cells = [
        {"kind": column["kind"], "label": column["label"], "is_minor": column["is_minor"]}
        | {"field": field, "value": " ", "at": "2000-01-01T00:00:00Z"}
        for column, field in zip(table["columns"], FIELDS, strict=True)
    ]
    names = {"version": "version", "customer": "customer_id"}
    wanted = {names[name]: value for name, value in asked.items() if value and name in names}
    return {
        "topic": "prediction.events",
        "type": "prediction",
        "row": {"id": "", "url": "#", "label": "", "opens_drawer": True, "cells": cells},
        "wanted": json.dumps({"model": model.name, **wanted}),
        "words": json.dumps({"true": str(_("yes")), "false": str(_("no"))}),
        "url": reverse("console:model-predictions", args=[address(model)]),
    }


def _samples(
    request: HttpRequest, model: RegisteredModel, asked: dict[str, str | None]
) -> list[dict[str, str]]:
    names = {"version": "version", "customer": "customer_id", "judged": "judged"}
    query = urlencode({names[name]: value for name, value in asked.items() if value})
    path = f"/api/v1/models/{quote(model.name)}/predictions?{query}".rstrip("?")
    return code_samples(request, "GET", path)


@signed_in
@require_GET
def detail(request: HttpRequest, id: str, prediction: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    model, row = _found(actor, id, prediction)
    version = _version(actor, model, row)
    may_ask = has(actor, ModelsPermission.PREDICT)
    where = [address(model), row.public_id]
    return show(
        request,
        "console/models/prediction.html",
        Page(
            title=_("Prediction of %(model)s") % {"model": model.name},
            sentence=row.public_id,
            up={
                "label": _("Predictions"),
                "url": reverse("console:model-predictions", args=where[:1]),
            },
        ),
        stats=_stats(row),
        facts=_facts(row),
        features=[{"label": name, "value": spelt(value)} for name, value in row.features.items()],
        explaining=_explaining(version, row) if may_ask and version else None,
        outcome=outcome_field(version, row.prediction) if may_ask else None,
        outcome_value=json.dumps(row.actual, ensure_ascii=False) if row.actual_at else "",
        outcome_url=reverse("console:model-prediction-outcome", args=where),
        is_judged=row.actual_at is not None,
        samples=code_samples(
            request,
            "POST",
            f"/api/v1/predictions/{row.public_id}/outcome",
            body={"actual": row.prediction},
        ),
    )


def _found(actor: Actor, name: str, prediction: str) -> tuple[RegisteredModel, PredictionRecord]:
    """Raises `NotFound`, also for another model's."""
    model = registry.model(actor=actor, name=name)
    row = queries.prediction(actor=actor, id=prediction)
    if row.model_key != model.pk:
        raise NotFound
    return model, row


def _version(actor: Actor, model: RegisteredModel, row: PredictionRecord) -> ModelVersion | None:
    """The one that answered, if it is still there."""
    try:
        found = registry.version(actor=actor, name=model.public_id, tag=row.version)
    except NotFound:
        return None
    return found if found.pk == row.version_key else None


def _stats(row: PredictionRecord) -> list[dict[str, Any]]:
    judged: dict[str, Any] = {"label": _("Turned out"), "value": "", "window": ""}
    if row.actual_at is not None:
        judged = {"label": _("Turned out"), "value": spelt(row.actual), "window": _("told since")}
    is_cached = _("from memory") if row.is_cached else SOURCES[row.source]
    by = _("by version %(version)s") % {"version": row.version}
    stats: list[dict[str, Any]] = [
        {"label": _("Prediction"), "value": spelt(row.prediction), "window": by},
        {"label": _("Took"), "value": milliseconds(row.duration_ms), "window": is_cached},
        judged,
    ]
    if row.probability is not None:
        share = {"label": _("Probability"), "value": _share(row.probability), "window": ""}
        stats.insert(1, share)
    return stats


def _facts(row: PredictionRecord) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = [
        {"label": _("When"), "kind": "time", "at": row.at},
        {"label": _("Id"), "kind": "id", "value": row.public_id, "is_whole": True},
        {"label": _("Request"), "kind": "id", "value": row.request_id, "is_whole": True},
        {"label": _("Customer"), "value": row.customer},
        {"label": _("Asked as"), "value": SOURCES[row.source]},
    ]
    if row.batch:
        facts.append({"label": _("Batch"), "kind": "id", "value": row.batch})
    if row.key:
        url = reverse("console:key", args=[row.key])
        facts.append({"label": _("Key"), "kind": "id", "value": row.key, "url": url})
    if row.actual_at is not None:
        facts.append({"label": _("Outcome told"), "kind": "time", "at": row.actual_at})
    return facts


def _explaining(version: ModelVersion, row: PredictionRecord) -> dict[str, str]:
    """What js/model-explain.js asks, and the row that it shows beside the answer."""
    return {
        "url": f"/api/v1/predictions/{row.public_id}/explanation",
        "features": json.dumps(row.features, ensure_ascii=False),
        "names": json.dumps(list(version.feature_schema), ensure_ascii=False),
    }


@signed_in
@require_POST
def outcome(request: HttpRequest, id: str, prediction: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    require(actor, ModelsPermission.PREDICT)
    model, row = _found(actor, id, prediction)
    where = reverse("console:model-prediction", args=[address(model), row.public_id])
    try:
        actual = read_outcome(request.POST.get("actual", ""), row.prediction)
        outcomes.record_outcome(actor=actor, prediction_id=row.public_id, actual=actual)
    except AppError as error:
        return refused(request, error, where)
    return done(request, _("It is noted what the prediction turned out to be."), where)
