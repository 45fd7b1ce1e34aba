"""Reading what was predicted: the log, sums by the hour, and how right it was.

A key bound to certain models sees those alone: of the others there is nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import QuerySet
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound
from apps.core.ids import is_id
from apps.core.pagination import BY_MOMENT
from apps.core.permissions import require
from apps.core.sketch import Sketch
from apps.core.text import is_misleading
from apps.models.domain.outcomes import Accuracy, Tally
from apps.models.models import OutcomeTally, PredictionHour, PredictionRecord, RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry
from apps.models.queries.totals import Totals, totals, totals_of

__all__ = [
    "AccuracyPoint",
    "By",
    "HourPoint",
    "Totals",
    "accuracy",
    "hours",
    "is_prediction_id",
    "is_seen",
    "prediction",
    "predictions",
    "seen_model",
    "totals",
    "totals_of",
]
MOST_DAYS = 400
MOST_DAYS_BY_HOUR = 31
MOST_HOURS = 24 * 31
By = Literal["day", "hour"]


@dataclass(frozen=True, slots=True)
class AccuracyPoint:
    """One day or hour of one version, by when it predicted. What does not apply to its kind of prediction is None."""

    at: datetime
    version: str
    outcomes: int
    accuracy: float | None
    mean_absolute_error: float | None
    root_mean_squared_error: float | None
    brier: float | None


@dataclass(frozen=True, slots=True)
class HourPoint:
    """One hour of one version. Milliseconds are of calls, a batch being one, within one hundredth."""

    hour: datetime
    version: str
    predictions: int
    errors: int
    cached: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


def predictions(
    *,
    actor: Actor,
    name: str,
    version: str | None = None,
    customer: str | None = None,
    judged: bool | None = None,
) -> QuerySet[PredictionRecord]:
    """The log of one model, newest first. Raises `NotFound`; a version or customer nobody knows has no rows."""
    model = seen_model(actor, name)
    rows = PredictionRecord.objects.filter(model_key=model.pk).order_by(*BY_MOMENT)
    said = {"version": version and label_of(model, version), "customer": customer}
    given: dict[str, Any] = {name: text for name, text in said.items() if text is not None}
    if is_misleading(given.get("customer", "")):
        return rows.none()
    if judged is not None:
        given["actual_at__isnull"] = not judged
    return rows.filter(**given)


def prediction(*, actor: Actor, id: str) -> PredictionRecord:  # noqa: A002 - the doors' word
    """One of the log, its model there still or not. Raises `NotFound`."""
    require(actor, ModelsPermission.VIEW)
    found = PredictionRecord.objects.filter(public_id=id).first()
    if found is None or not is_seen(actor, found.model):
        raise NotFound
    return found


def accuracy(
    *, actor: Actor, name: str, days: int = 30, by: By = "day", version: str | None = None
) -> list[AccuracyPoint]:
    """Oldest first; only where outcomes have come in. Raises `NotFound`, `Invalid`."""
    model = seen_model(actor, name)
    most = MOST_DAYS_BY_HOUR if by == "hour" else MOST_DAYS
    _check("days", days, most)
    if by not in ("day", "hour"):
        raise Invalid.field("by", "must be day or hour", "choice")
    begins = _day(timezone.now()) - timedelta(days=days - 1)
    rows = OutcomeTally.objects.filter(model_key=model.pk, hour__gte=begins, outcomes__gt=0)
    if version is not None:
        rows = rows.filter(version=label_of(model, version))
    found: defaultdict[tuple[datetime, str], Tally] = defaultdict(Tally)
    for row in rows:
        found[_day(row.hour) if by == "day" else row.hour, row.version].add(_tally(row))
    return [
        _point(at, label, tally.accuracy())
        for (at, label), tally in sorted(found.items(), key=_key)
    ]


def hours(*, actor: Actor, name: str, hours: int = 24) -> list[HourPoint]:
    """Oldest first, the present hour among them; an hour in which nothing was predicted has no point."""
    model = seen_model(actor, name)
    _check("hours", hours, MOST_HOURS)
    present = timezone.now().replace(minute=0, second=0, microsecond=0)
    rows = PredictionHour.objects.filter(
        model_key=model.pk, hour__gt=present - timedelta(hours=hours)
    )
    return [_hour_point(row) for row in rows.order_by("hour", "version")]


def seen_model(actor: Actor, name: str) -> RegisteredModel:
    """By name or id, for whoever may read it. Raises `PermissionDenied`, `NotFound`."""
    require(actor, ModelsPermission.VIEW)
    model = registry.model_at(name)
    if not is_seen(actor, model.name):
        raise NotFound
    return model


def is_seen(actor: Actor, model: str) -> bool:
    bound = actor.identity.models
    return bound is None or model in bound


def label_of(model: RegisteredModel, tag: str) -> str:
    """What rows call it: they outlive their version, so a label that none has any more is taken at its word."""
    if is_misleading(tag):
        return ""  # no version is called that
    try:
        return registry.version_at(model, tag).label
    except NotFound:
        return tag


def is_prediction_id(text: Any) -> bool:
    return isinstance(text, str) and is_id(text, "pred")


def _check(field: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise Invalid.field(field, f"must be from 1 to {most}", "range")


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _key(item: tuple[tuple[datetime, str], Tally]) -> tuple[datetime, str]:
    return item[0]


def _tally(row: OutcomeTally) -> Tally:
    return Tally(
        outcomes=row.outcomes,
        correct=row.correct,
        absolute_error=row.absolute_error,
        squared_error=row.squared_error,
        squared_miss=row.squared_miss,
        scored=row.scored,
    )


def _point(at: datetime, version: str, found: Accuracy) -> AccuracyPoint:
    return AccuracyPoint(
        at,
        version,
        found.outcomes,
        found.accuracy,
        found.mean_absolute_error,
        found.root_mean_squared_error,
        found.brier,
    )


def _hour_point(row: PredictionHour) -> HourPoint:
    sketch = Sketch.read(row.duration)
    p50, p95, p99 = sketch.quantiles((0.5, 0.95, 0.99))
    return HourPoint(
        row.hour, row.version, row.predictions, row.errors, row.cached, sketch.mean, p50, p95, p99
    )
