"""Linear models whose coefficients the trial has read: plain Python, no library, the file not opened again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from apps.models.adapters.runtimes import answers
from apps.models.adapters.runtimes.answers import NOT_FINITE, of_two
from apps.models.adapters.runtimes.scorecard import LEAST_BACKGROUND
from apps.models.domain.schema import Row, Value
from apps.models.domain.scorecards import sigmoid
from apps.models.domain.scoring import Blueprint, Explanation, Label, Output, Scored
from apps.models.errors import BrokenArtifact, ScoringFailed

LOGIT, IDENTITY = "logit", "identity"


def load(blueprint: Blueprint, path: str) -> LinearScorer:
    """The features may stand in another order in the schema than in the model, where the model has names for them."""
    found = blueprint.described.details["linear"]
    names, schema = found.get("features") or list(blueprint.schema), blueprint.schema
    if set(names) != set(schema) or len(found["coefficients"]) != len(schema):
        raise BrokenArtifact(f"takes {len(names)} features, and the schema has others")
    places = {name: place for place, name in enumerate(names)}
    order = [places[name] for name in schema]
    coefficients = tuple(float(found["coefficients"][place]) for place in order)
    means = found.get("means")
    if len(blueprint.background) >= LEAST_BACKGROUND or not means:
        usual = _means(blueprint.background, len(schema))
    else:
        usual = tuple(float(means[place]) for place in order)
    classes = tuple(found.get("classes") or (0, 1))
    return LinearScorer(
        coefficients, float(found["intercept"]), found["link"] == LOGIT, classes, usual
    )


@dataclass(frozen=True, slots=True)
class LinearScorer:
    _coefficients: tuple[float, ...]
    _intercept: float
    _is_classifier: bool
    _classes: tuple[Label, ...]
    _usual: tuple[float, ...]
    """What explanations are told against."""

    def score(self, rows: Sequence[Row]) -> list[Scored]:
        margins = [self._margin(row) for row in rows]
        if not self._is_classifier:
            return [Scored(margin) for margin in margins]
        low, high = self._classes
        predicted = [high if margin > 0 else low for margin in margins]
        return of_two(map(sigmoid, margins), self._classes, predicted=predicted)

    def explain(self, row: Row) -> Explanation:
        """Exact: the margin is a sum of the features' own shares."""
        margin = self._margin(row)
        values = [
            coefficient * (float(value) - usual)  # type: ignore[arg-type]  # `_margin` has looked
            for coefficient, value, usual in zip(self._coefficients, row, self._usual, strict=True)
        ]
        answers.refuse_infinite([values])
        try:
            base = margin - fsum(values)
        except OverflowError:
            raise ScoringFailed(NOT_FINITE) from None
        answers.refuse_infinite([[base]])
        output = Output.MARGIN if self._is_classifier else Output.PREDICTION
        return Explanation(base, tuple(values), output)

    def _margin(self, row: Row) -> float:
        try:
            margin = self._intercept + sum(map(_product, self._coefficients, row))
        except (TypeError, ValueError):
            raise ScoringFailed("The model takes numbers alone, and one is missing.") from None
        if not abs(margin) < float("inf"):
            raise ScoringFailed(NOT_FINITE)
        return margin


def _product(coefficient: float, value: Value) -> float:
    return coefficient * value  # type: ignore[operator]  # None and words are refused where it is called


def _means(background: Sequence[Row], width: int) -> tuple[float, ...]:
    rows = [row for row in background if all(isinstance(each, int | float) for each in row)]
    if not rows:
        return (0.0,) * width
    return tuple(fsum(column) / len(rows) for column in zip(*rows, strict=True))
