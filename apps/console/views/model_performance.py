"""How a model does: how right its predictions were, as far as outcomes have come in, how many there are and how fast."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from apps.console.figures import count, milliseconds, percent
from apps.console.judged import figure, fold, verdict
from apps.console.listing import Column, Listing, filter_bar
from apps.console.model_charts import Span, accuracy_charts, hour_charts
from apps.console.model_samples import nothing_predicted
from apps.console.model_tabs import tabs_of
from apps.console.page import Page, actor_of, show
from apps.console.refusals import signed_in
from apps.console.samples import code_samples
from apps.core.errors import Invalid
from apps.models.queries import predictions as queries
from apps.models.queries import registry
from apps.models.queries.predictions import AccuracyPoint, HourPoint, Totals

if TYPE_CHECKING:
    from apps.models.models import RegisteredModel


@dataclass(frozen=True, slots=True)
class Window:
    """How far back: in days of accuracy, and in hours of predictions."""

    label: Any
    days: int
    hours: int


USUAL = "30d"
WINDOWS = {
    "24h": Window(gettext_lazy("Last 24 hours"), 2, 24),
    "7d": Window(gettext_lazy("Last 7 days"), 7, 168),
    "30d": Window(gettext_lazy("Last 30 days"), 30, 720),
    "90d": Window(gettext_lazy("Last 90 days"), 90, 744),
}


@dataclass(frozen=True, slots=True)
class Found:
    accuracy: list[AccuracyPoint]
    hours: list[HourPoint]
    totals: Totals


@signed_in
@require_GET
def performance(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor = actor_of(request)
    name = request.GET.get("window") or USUAL
    if name not in WINDOWS:
        raise Invalid.field("window", f"must be one of {', '.join(WINDOWS)}", "choice")
    window, now = WINDOWS[name], timezone.now()
    model = registry.model(actor=actor, name=id)
    days = _days(name, window, now)
    hours = Span("hour", window.hours, now, _hours_label(window))
    by: queries.By = "hour" if days.step == "hour" else "day"
    found = Found(
        [
            point
            for point in queries.accuracy(actor=actor, name=id, days=window.days, by=by)
            if point.at >= days.begins
        ],
        queries.hours(actor=actor, name=id, hours=window.hours),
        queries.totals(model.pk),
    )
    return show(
        request,
        "console/models/performance.html",
        Page(
            title=model.name,
            sentence=_(
                "How right its predictions turned out, how many there are, how long they take."
            ),
            up={"label": _("Models"), "url": reverse("console:models")},
            tabs=tabs_of(actor, model, "model-performance"),
        ),
        filter=filter_bar(request, [_window_filter()]),
        stats=_stats(found, str(window.label), hours.window),
        charts=accuracy_charts(found.accuracy, days) if found.accuracy else [],
        empty=_no_outcome(request),
        traffic=hour_charts(found.hours, hours) if found.hours else [],
        table=_versions(request, model, found).whole(request, _rows(found)),
        samples=code_samples(
            request, "GET", f"/api/v1/models/{quote(model.name)}/accuracy?days={window.days}"
        ),
    )


def _days(name: str, window: Window, now: Any) -> Span:
    """Of one day, accuracy is told by the hour."""
    if name == "24h":
        return Span("hour", 24, now, str(window.label))
    return Span("day", window.days, now, str(window.label))


def _hours_label(window: Window) -> str:
    return str(_("Last 31 days") if window.days > 31 else window.label)


def _window_filter() -> dict[str, Any]:
    options = [(name, each.label) for name, each in WINDOWS.items() if name != USUAL]
    return {"name": "window", "label": WINDOWS[USUAL].label, "kind": "choice", "options": options}


def _stats(found: Found, window: str, hours: str) -> list[dict[str, Any]]:
    asked = sum(each.predictions for each in found.hours)
    failed = sum(each.errors for each in found.hours)
    last = found.totals.last_at
    return [
        {
            "label": _("Predictions"),
            "value": count(asked),
            "window": _("%(total)s since it is there") % {"total": count(found.totals.total)},
        },
        {
            "label": _("Last prediction"),
            "value": f"{last:%H:%M}" if last else "",
            "window": f"{last:%Y-%m-%d} UTC" if last else "",
        },
        {"label": _("Errors"), "value": percent(failed, asked + failed), "window": hours},
        *verdict(fold(found.accuracy), window),
    ]


def _no_outcome(request: HttpRequest) -> dict[str, Any]:
    path = "/api/v1/predictions/PREDICTION_ID/outcome"
    return {
        "title": _("No outcome yet"),
        "sentence": _("Say what predictions turned out to be, here in the log or from a program:"),
        "command": code_samples(request, "POST", path, body={"actual": 1})[0]["text"],
    }


@dataclass(frozen=True, slots=True)
class _Row:
    version: str
    hours: Sequence[HourPoint]
    accuracy: Sequence[AccuracyPoint]


def _rows(found: Found) -> list[_Row]:
    hours: defaultdict[str, list[HourPoint]] = defaultdict(list)
    judged: defaultdict[str, list[AccuracyPoint]] = defaultdict(list)
    for each in found.hours:
        hours[each.version].append(each)
    for point in found.accuracy:
        judged[point.version].append(point)
    names = dict.fromkeys([*hours, *judged])
    rows = [_Row(name, hours[name], judged[name]) for name in names]
    return sorted(rows, key=lambda row: -sum(each.predictions for each in row.hours))


def _versions(request: HttpRequest, model: RegisteredModel, found: Found) -> Listing:
    lately = {"title": _("No prediction in this time"), "sentence": ""}
    return Listing(
        id="by-version",
        label=_("By version"),
        columns=[
            Column(_("Version")),
            Column(_("Predictions"), "number"),
            Column(_("Errors"), "number", is_minor=True),
            Column(_("From memory"), "number", is_minor=True),
            Column(_("Slowest hour, p95"), "number", is_minor=True),
            Column(_("Outcomes"), "number"),
            Column(_("Accuracy or mean error"), "number"),
        ],
        row=_version_row,
        empty=lately if found.totals.total else nothing_predicted(request, model),
        has_bar=False,
    )


def _version_row(row: _Row) -> dict[str, Any]:
    asked = sum(each.predictions for each in row.hours)
    failed = sum(each.errors for each in row.hours)
    slow = [each.p95_ms for each in row.hours if each.p95_ms is not None]
    judged = fold(row.accuracy)
    right = judged.mean_error if judged.is_regression else judged.accuracy
    return {
        "id": row.version,
        "label": row.version,
        "cells": [
            {"value": row.version},
            {"value": f"{asked:,}"},
            {"value": f"{failed:,}"},
            {"value": percent(sum(each.cached for each in row.hours), asked)},
            {"value": milliseconds(max(slow)) if slow else ""},
            {"value": f"{judged.outcomes:,}"},
            {"value": figure(right)},
        ],
    }
