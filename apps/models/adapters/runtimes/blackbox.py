"""Explaining a model by its answers alone: Shapley values of what `output_of` makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from apps.models.domain.explanations import plan_shapley
from apps.models.domain.schema import Row
from apps.models.domain.scoring import Explanation, Label, Output, Scored
from apps.models.errors import ScoringFailed

MOST_CELLS = 500_000
"""Values given to the model at once."""


class Scores(Protocol):
    def __call__(self, rows: Sequence[Row], /) -> list[Scored]: ...


def explain(score: Scores, row: Row, background: Sequence[Row]) -> Explanation:
    plan = plan_shapley(tuple(row), background)
    answers = score_in_parts(score, plan.rows)
    reference = score((row,))[0]
    base, values = plan.finish([read_output(each, reference) for each in answers])
    return Explanation(base, values, output_of(reference))


def score_in_parts(score: Scores, rows: Sequence[Row]) -> list[Scored]:
    size = max(1, MOST_CELLS // max(len(rows[0]), 1))
    if len(rows) <= size:
        return score(rows)
    return [one for at in range(0, len(rows), size) for one in score(rows[at : at + size])]


def output_of(reference: Scored) -> Output:
    """What an explanation of this answer adds up to."""
    if reference.probability is None and _is_number(reference.prediction):
        return Output.PREDICTION
    return Output.PROBABILITY


def read_output(scored: Scored, reference: Scored) -> float:
    """The number that is explained: of class 1, of the class that the row itself was given, or what is predicted."""
    if reference.probabilities is not None:
        found = (
            None
            if scored.probabilities is None
            else scored.probabilities.get(str(reference.prediction))
        )
        if found is None:
            raise ScoringFailed("The model does not say a probability for each row.")
        return found
    if reference.probability is not None:
        if scored.probability is None:
            raise ScoringFailed("The model does not say a probability for each row.")
        return scored.probability
    if _is_number(reference.prediction):
        return _number(scored.prediction)
    return float(scored.prediction == reference.prediction)


def _is_number(label: Label) -> bool:
    return isinstance(label, int | float) and not isinstance(label, bool)


def _number(label: Label) -> float:
    if isinstance(label, str):
        raise ScoringFailed("The model answers now with a number, now with a word.")
    return float(label)
