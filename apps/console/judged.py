"""How right a model was over several days and versions at once: points of accuracy folded into one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from django.utils.translation import gettext as _

from apps.models.queries.predictions import AccuracyPoint

FEWEST, ENOUGH = 20, 100
"""Outcomes of each below which nothing is said, and from which on it is said without a test."""
SURE = 1.96
"""Standard deviations: chance alone goes beyond them once in twenty."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What does not apply is None: a regression has errors, a classifier has an accuracy."""

    outcomes: int = 0
    accuracy: float | None = None
    mean_error: float | None = None
    root_error: float | None = None
    brier: float | None = None

    @property
    def is_regression(self) -> bool:
        return self.accuracy is None and self.mean_error is not None


def fold(points: Iterable[AccuracyPoint]) -> Judged:
    """Each point counts as often as it has outcomes."""
    found = list(points)
    squares = _mean(found, [_square(each.root_mean_squared_error) for each in found])
    return Judged(
        outcomes=sum(each.outcomes for each in found),
        accuracy=_mean(found, [each.accuracy for each in found]),
        mean_error=_mean(found, [each.mean_absolute_error for each in found]),
        root_error=None if squares is None else sqrt(squares),
        brier=_mean(found, [each.brier for each in found]),
    )


def _square(value: float | None) -> float | None:
    return None if value is None else value * value


def _mean(points: Sequence[AccuracyPoint], values: Sequence[float | None]) -> float | None:
    pairs = [
        (point.outcomes, value)
        for point, value in zip(points, values, strict=True)
        if value is not None
    ]
    weight = sum(outcomes for outcomes, _value in pairs)
    return sum(outcomes * value for outcomes, value in pairs) / weight if weight else None


def tells_apart(a: Judged, b: Judged) -> bool:
    """Whether a difference between them is more than chance: of accuracies by the usual test of two shares, of what is
    no share where both have outcomes enough.
    """
    least = min(a.outcomes, b.outcomes)
    if least < FEWEST:
        return False
    if a.accuracy is None or b.accuracy is None:
        return least >= ENOUGH
    both = (a.accuracy * a.outcomes + b.accuracy * b.outcomes) / (a.outcomes + b.outcomes)
    spread = sqrt(both * (1 - both) * (1 / a.outcomes + 1 / b.outcomes))
    return abs(a.accuracy - b.accuracy) > SURE * spread


def figure(value: float | None) -> str:
    """An accuracy or an error, in four digits."""
    return "" if value is None else f"{value:.4g}"


def verdict(judged: Judged, window: str) -> list[dict[str, Any]]:
    """As `stat.html` takes them: how many outcomes, and how right."""
    stats = [{"label": _("Outcomes"), "value": f"{judged.outcomes:,}", "window": window}]
    if judged.is_regression:
        return [
            *stats,
            {"label": _("Mean error"), "value": figure(judged.mean_error), "window": window},
            {
                "label": _("Root mean square error"),
                "value": figure(judged.root_error),
                "window": window,
            },
        ]
    brier = (
        _("Brier score %(score)s") % {"score": figure(judged.brier)}
        if judged.brier is not None
        else window
    )
    return [*stats, {"label": _("Accuracy"), "value": figure(judged.accuracy), "window": brier}]
