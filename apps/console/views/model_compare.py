"""Two versions of a model side by side: metrics with better and worse marked, how right each is live, what differs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.console import promotions
from apps.console.feature_fields import feature_words
from apps.console.judged import Judged, figure, fold, tells_apart
from apps.console.listing import Column, Listing, filter_bar
from apps.console.metric_words import change, judged_cell
from apps.console.model_tabs import address
from apps.console.page import Action, Page, actor_of, show
from apps.console.refusals import signed_in
from apps.console.samples import code_samples
from apps.console.views.models import may_manage
from apps.core.actor import Actor
from apps.models.enums import Stage
from apps.models.queries import predictions
from apps.models.queries import registry as queries

if TYPE_CHECKING:
    from apps.models.models import ModelVersion, RegisteredModel

LIVE_DAYS = 30
OFFERED = 200
"""Versions to choose from, newest first."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A line of the first table: one number of both versions. `sense` where the name need not be guessed."""

    label: str
    old: Any
    new: Any
    sense: int | None = None
    note: str = ""
    is_telling: bool = True
    """False: too few outcomes for the difference to mean anything."""


@signed_in
@require_GET
def compare(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    model = queries.model(actor=actor, name=id)
    tags = [request.GET.get(side) or queries.LATEST for side in ("from", "to")]
    found = queries.comparison(actor=actor, name=id, tags=(tags[0], tags[1]))
    pair = [queries.version(actor=actor, name=id, tag=tag) for tag in tags]
    first, second = found["versions"]
    live = [_live(actor, id, version) for version in pair]
    measures = [
        *(Measure(name, old, new) for name, (old, new) in found["metrics"].items()),
        *_live_measures(live),
    ]
    features, same = _differing(
        {name: [_feature(a), _feature(b)] for name, (a, b) in found["features"].items()}
    )
    lineage, _same = _differing(found["lineage"])
    parts = [
        {"title": _("Lineage"), "changes": lineage},
        {"title": _("The file"), "changes": _changes(found["about"])},
    ]
    may_move = may_manage(actor)
    moved = {version.pk: version for version in pair}.values() if may_move else []
    return show(
        request,
        "console/models/compare.html",
        _page(model, pair if may_move else [], (first, second)),
        filter=_filter(request, actor, id, pair),
        notices=[notice for version in pair for notice in promotions.notices_of(version)]
        if pair[0].pk != pair[1].pk
        else promotions.notices_of(pair[0]),
        table=_listing(first, second).whole(request, measures),
        features=features,
        same=same,
        parts=[part for part in parts if part["changes"]],
        moves=[
            question
            for version in moved
            for question in promotions.questions(actor, version, (Stage.PRODUCTION,))
        ],
        samples=code_samples(
            request,
            "GET",
            f"/api/v1/models/{quote(model.name)}/compare?{urlencode({'from': tags[0], 'to': tags[1]}, safe='@')}",
        ),
    )


def _page(model: RegisteredModel, movable: list[ModelVersion], labels: tuple[str, str]) -> Page:
    """The newer one of the two is the one that is promoted first."""
    by_number = sorted({each.pk: each for each in movable}.values(), key=lambda each: -each.number)
    found = [promotions.promotion_of(version) for version in by_number]
    actions = [action for action in found if action is not None]
    others = [Action(each.label, dialog=each.dialog) for each in actions[1:]]
    return Page(
        title=_("%(first)s and %(second)s") % {"first": labels[0], "second": labels[1]},
        sentence=_("Two versions of %(model)s side by side.") % {"model": model.name},
        up={"label": model.name, "url": reverse("console:model", args=[address(model)])},
        actions=[*actions[:1], *others],
    )


def _filter(
    request: HttpRequest, actor: Actor, name: str, pair: list[ModelVersion]
) -> dict[str, Any]:
    """Both sides chosen, by whichever of its names the address calls a version."""
    rows = queries.versions(actor=actor, name=name).values_list("number", "label")[:OFFERED]
    options = [(str(number), label) for number, label in rows]
    sides = [("from", _("From")), ("to", _("To"))]
    bar = filter_bar(
        request,
        [
            {"name": side, "label": label, "kind": "choice", "options": options}
            for side, label in sides
        ],
    )
    for field, version in zip(bar["fields"], pair, strict=True):
        for option in field["options"]:
            option["is_selected"] = option["value"] == str(version.number)
    return bar


def _live(actor: Actor, name: str, version: ModelVersion) -> Judged:
    points = predictions.accuracy(actor=actor, name=name, days=LIVE_DAYS, version=version.label)
    return fold(points)


def _live_measures(live: list[Judged]) -> list[Measure]:
    """What outcomes say of each. With few of them a difference means little, so they stand beside it."""
    if not any(each.outcomes for each in live):
        return []
    a, b = live
    note = _("%(old)s and %(new)s outcomes") % {"old": f"{a.outcomes:,}", "new": f"{b.outcomes:,}"}
    lines = (
        (_("Live accuracy, %(days)s days"), a.accuracy, b.accuracy, 1),
        (_("Live Brier score, %(days)s days"), a.brier, b.brier, -1),
        (_("Live root error, %(days)s days"), a.root_error, b.root_error, -1),
    )
    is_regression = any(each.is_regression for each in live)
    shown = lines[2:] if is_regression else lines[:2]
    return [
        Measure(label % {"days": LIVE_DAYS}, old, new, sense, note, tells_apart(a, b))
        for label, old, new, sense in shown
        if old is not None or new is not None
    ]


def _listing(first: str, second: str) -> Listing:
    return Listing(
        id="metrics",
        label=_("Metrics"),
        columns=[
            Column(_("Metric")),
            Column(first, "number"),
            Column(second, "number"),
            Column(_("Change"), "number"),
            Column(_("That is"), "lamp"),
        ],
        row=_row,
        empty={
            "title": _("No metric yet"),
            "sentence": _(
                "Versions bring their metrics with the upload; outcomes add how right they are live."
            ),
        },
    )


def _row(measure: Measure) -> dict[str, Any]:
    return {
        "id": measure.label,
        "label": measure.label,
        "cells": [
            {"value": measure.label, "note": measure.note},
            {"value": figure(measure.old)},
            {"value": figure(measure.new)},
            {"value": change(measure.old, measure.new)},
            _verdict(measure),
        ],
    }


def _verdict(measure: Measure) -> dict[str, Any]:
    if not measure.is_telling:
        return {"state": "off", "value": _("Too few to tell")}
    return judged_cell(measure.label, measure.old, measure.new, sense=measure.sense)


def _feature(spec: dict[str, Any] | None) -> str | None:
    return None if spec is None else feature_words(spec)


def _differing(values: dict[str, list[Any]]) -> tuple[list[dict[str, Any]], int]:
    """The lines that differ, and how many do not."""
    told = _changes(values)
    lines = [line for line in told if line["old"] != line["new"]]
    return lines, len(told) - len(lines)


def _changes(values: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [{"label": name, "old": _told(a), "new": _told(b)} for name, (a, b) in values.items()]


def _told(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
