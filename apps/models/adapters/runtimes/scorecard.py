"""Scorecards: the file's own words are the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.core import json as strict_json
from apps.models.adapters.runtimes import answers
from apps.models.adapters.runtimes.answers import NOT_FINITE
from apps.models.domain import scorecards
from apps.models.domain.schema import Row
from apps.models.domain.scoring import Blueprint, Explanation, Output, Scored
from apps.models.errors import ScoringFailed

LEAST_BACKGROUND = 2
"""One row alone stands in where a version came without rows of its own: the terms' means say more."""


def load(blueprint: Blueprint, path: str) -> ScorecardScorer:
    card = scorecards.read_scorecard(strict_json.parse(Path(path).read_bytes()))
    bound = scorecards.bind(card, blueprint.schema)
    return ScorecardScorer(bound, _means(bound, blueprint.background))


@dataclass(frozen=True, slots=True)
class ScorecardScorer:
    _bound: scorecards.Scorer
    _background: scorecards.Explanation | None
    """What the rows of the background come to on average, where there are any."""

    def score(self, rows: Sequence[Row]) -> list[Scored]:
        if len(rows) == 1:
            return [self._told(self._bound.score(rows[0]))]
        return [self._told(found) for found in self._bound.score_many(rows)]

    def explain(self, row: Row) -> Explanation:
        """Exact, on the margin."""
        told, usual = self._bound.explain(row), self._background
        if usual is None:
            return Explanation(told.base_value, told.values, Output.MARGIN)
        values = tuple(one - other for one, other in zip(told.values, usual.values, strict=True))
        base = told.base_value + sum(usual.values)
        answers.refuse_infinite([[base, *values]])
        return Explanation(base, values, Output.MARGIN)

    def _told(self, found: scorecards.Score) -> Scored:
        if not abs(found.margin) < float("inf"):
            raise ScoringFailed(NOT_FINITE)
        if found.probability is None:
            return Scored(found.prediction)
        distance = abs(found.probability - self._bound.card.threshold)
        return Scored(int(found.prediction), found.probability, None, distance)


def _means(bound: scorecards.Scorer, background: Sequence[Row]) -> scorecards.Explanation | None:
    if len(background) < LEAST_BACKGROUND:
        return None
    told = [bound.explain(row) for row in background]
    means = tuple(
        sum(column) / len(told) for column in zip(*(each.values for each in told), strict=True)
    )
    return scorecards.Explanation(told[0].base_value, means)
