"""The charts of a model: how right it was, how often it was asked, how long it took. One line for each version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.console.charts import Series, Value, chart
from apps.console.figures import count, milliseconds
from apps.console.judged import figure
from apps.console.usage_charts import FORMATS, MOST_LINES, STEPS
from apps.models.queries.predictions import AccuracyPoint, HourPoint

Lines = Mapping[str, Mapping[datetime, Any]]
"""By version, what is known of each moment."""


@dataclass(frozen=True, slots=True)
class Span:
    """The moments of a chart, from the first to the present one, in steps of an hour or a day."""

    step: str
    steps: int
    now: datetime
    window: str

    @property
    def times(self) -> list[datetime]:
        last = self.now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if self.step == "day":
            last = last.replace(hour=0)
        return [last - STEPS[self.step] * back for back in reversed(range(self.steps))]

    @property
    def begins(self) -> datetime:
        return self.times[0]


def accuracy_charts(points: Sequence[AccuracyPoint], span: Span) -> list[dict[str, Any]]:
    """Accuracy, or the two errors of a regression, and how many outcomes each point is made of."""
    lines, note = _largest(
        {
            version: {point.at: point for point in found}
            for version, found in _by_version(points).items()
        },
        lambda found: sum(point.outcomes for point in found.values()),
    )
    is_regression = all(point.accuracy is None for point in points)
    if is_regression:
        charts = [
            _chart(span, _("Mean error"), "", lines, lambda point: point.mean_absolute_error),
            _chart(
                span,
                _("Root mean square error"),
                "",
                lines,
                lambda point: point.root_mean_squared_error,
            ),
        ]
    else:
        charts = [_chart(span, _("Accuracy"), "", lines, lambda point: point.accuracy)]
    told = _chart(
        span, _("Outcomes"), "", lines, lambda point: point.outcomes, nothing=0, text=count
    )
    return [{**each, "note": note} for each in (*charts, told)]


def hour_charts(points: Sequence[HourPoint], span: Span) -> list[dict[str, Any]]:
    lines, note = _largest(
        {
            version: {point.hour: point for point in found}
            for version, found in _by_version(points).items()
        },
        lambda found: sum(point.predictions for point in found.values()),
    )
    asked = _chart(
        span,
        _("Predictions"),
        _("an hour"),
        lines,
        lambda each: each.predictions,
        nothing=0,
        text=count,
    )
    charts = [asked, _durations(span, lines)]
    if any(point.errors for point in points):
        charts.append(
            _chart(
                span,
                _("Errors"),
                _("an hour"),
                lines,
                lambda each: each.errors,
                nothing=0,
                text=count,
            )
        )
    return [{**each, "note": note} for each in charts]


def _durations(span: Span, lines: Lines) -> dict[str, Any]:
    """p50 and p95 of one version; of several, the p95 of each."""
    if len(lines) > 1:
        return _chart(
            span, _("Duration, p95"), "ms", lines, lambda each: each.p95_ms, text=milliseconds
        )
    (found,) = lines.values()
    halves: Lines = {"p50": {at: each.p50_ms for at, each in found.items()}}
    ends: Lines = {"p95": {at: each.p95_ms for at, each in found.items()}}
    return _chart(
        span, _("Duration"), "ms", {**halves, **ends}, lambda value: value, text=milliseconds
    )


def _by_version(points: Sequence[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for point in points:
        found.setdefault(point.version, []).append(point)
    return found


def _largest(lines: Lines, size: Callable[[Mapping[datetime, Any]], int]) -> tuple[Lines, str]:
    """As many as differ by their dashes, and the words for those that are left out."""
    names = sorted(lines, key=lambda name: (-size(lines[name]), name))
    shown = {name: lines[name] for name in names[:MOST_LINES]}
    left = len(names) - len(shown)
    note = _("%(count)d more versions stand in the table below.") % {"count": left} if left else ""
    return shown, note


def _chart(
    span: Span,
    title: str,
    unit: str,
    lines: Lines,
    value: Callable[[Any], Value],
    *,
    nothing: Value = None,
    text: Callable[[Any], str] = figure,
) -> dict[str, Any]:
    times = span.times
    series = [
        Series(name, [value(found[at]) if at in found else nothing for at in times])
        for name, found in lines.items()
    ]
    return chart(
        title=title,
        unit=unit,
        window=span.window,
        times=times,
        series=series,
        time_format=FORMATS[span.step],
        text=text,
    )
