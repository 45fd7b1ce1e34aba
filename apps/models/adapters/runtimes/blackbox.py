"""Explaining a model by its answers alone: Shapley values of what `output_of` makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from apps.models.domain.explanations import plan_shapley
from apps.models.domain.schema import Row
from apps.models.domain.scoring import Explanation, Label, Output, Scored
from apps.models.errors import ScoringFailed

MOST_CELLS = 500_000
"""Values given to the model at once."""


class Scores(Protocol):
    def __call__(self, rows: Sequence[Row], /) -> list[Scored]: ...


class Outputs(Protocol):
    def __call__(self, rows: Sequence[Row], reference: Scored, /) -> list[float] | None:
        """What `read_output` would say of each row's answer, in a shorter way; None where there is none."""


def explain(
    score: Scores, row: Row, background: Sequence[Row], *, outputs_of: Outputs | None = None
) -> Explanation:
    plan = plan_shapley(tuple(row), background)
    reference = score((row,))[0]
    outputs: list[float] = []
    size = max(1, MOST_CELLS // max(len(row), 1))
    for at in range(0, len(plan.rows), size):
        rows = plan.rows[at : at + size]
        found = None if outputs_of is None else outputs_of(rows, reference)
        outputs += found or [read_output(each, reference) for each in score(rows)]
    base, values = plan.finish(outputs)
    return Explanation(base, values, output_of(reference))


def output_of(reference: Scored) -> Output:
    """What an explanation of this answer adds up to."""
    if reference.probability is None and _is_number(reference.prediction):
        return Output.PREDICTION
    return Output.PROBABILITY


def read_output(scored: Scored, reference: Scored) -> float:
    """The number that is explained: of class 1, of the class that the row itself was given, or what is predicted."""
    if reference.probabilities is not None:
        name = explained_class(reference.probabilities, reference.prediction)
        found = None if scored.probabilities is None else scored.probabilities.get(name)
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


def explained_class(probabilities: Mapping[str, float], prediction: Label) -> str:
    """The predicted one; the likeliest where the model calls its prediction by a name that no class has."""
    name = str(prediction)
    return name if name in probabilities else max(probabilities, key=probabilities.__getitem__)


def _is_number(label: Label) -> bool:
    return isinstance(label, int | float) and not isinstance(label, bool)


def _number(label: Label) -> float:
    if isinstance(label, str):
        raise ScoringFailed("The model answers now with a number, now with a word.")
    return float(label)
