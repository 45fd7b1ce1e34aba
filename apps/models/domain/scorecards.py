"""Scorecards: linear and logistic models as plain JSON, scored and explained in plain Python.

`{"type": "linear"|"logistic", "intercept", "terms": [{feature, coefficient | points: {category: value}, mean?}],
"threshold"?}`. A term's `mean` is what its feature (or, for points, its points) come to on average: explanations are told
against it, zero where it is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apps.core.errors import Invalid
from apps.models.domain.schema import (
    LONGEST_NAME,
    MOST_ENUM,
    MOST_FEATURES,
    Row,
    Schema,
    Value,
    read_schema,
)

LINEAR: Final = "linear"
LOGISTIC: Final = "logistic"
WORDS: Final = frozenset({"type", "intercept", "terms", "threshold"})
TERM_WORDS: Final = frozenset({"feature", "coefficient", "points", "mean"})
LARGEST: Final = 1e100
"""Of a coefficient: products and sums of such stay finite."""
FLAGS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Term:
    feature: str
    coefficient: float
    points: Mapping[str, float] | None
    mean: float


@dataclass(frozen=True, slots=True)
class Scorecard:
    type: str
    intercept: float
    terms: tuple[Term, ...]
    threshold: float


@dataclass(frozen=True, slots=True)
class Score:
    """`margin` is the sum; `probability` is of class 1, None for a linear card, whose prediction is the margin."""

    margin: float
    probability: float | None
    prediction: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """`base_value` and `values` (in the schema's order) add up to the margin."""

    base_value: float
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Scorer:
    """A card bound to the order of a schema's rows."""

    card: Scorecard
    _terms: tuple[tuple[int, float, Mapping[Value, float] | None, float], ...]
    _width: int

    def score(self, row: Row) -> Score:
        margin = self.card.intercept
        for index, coefficient, points, _ in self._terms:
            value = row[index]
            if value is None:
                continue
            if points is None:
                margin += coefficient * value  # type: ignore[operator]  # a number, says the schema
            else:
                margin += points.get(value, 0.0)
        return self._scored(margin)

    def score_many(self, rows: Sequence[Row]) -> list[Score]:
        """The same for many, term by term. Sums are made in the same order, so they are the same to the last bit."""
        columns: list[tuple[Value, ...]] = list(zip(*rows, strict=True))
        margins = [self.card.intercept] * len(rows)
        for index, coefficient, points, _ in self._terms:
            column = columns[index]
            if None in column:
                return [self.score(row) for row in rows]
            if points is None:
                margins = [
                    margin + coefficient * value  # type: ignore[operator]  # a number, says the schema
                    for margin, value in zip(margins, column, strict=True)
                ]
            else:
                get = points.get
                margins = [
                    margin + get(value, 0.0) for margin, value in zip(margins, column, strict=True)
                ]
        return [self._scored(margin) for margin in margins]

    def explain(self, row: Row) -> Explanation:
        """Exact: what each feature adds beyond what it adds on average."""
        base, values = self.card.intercept, [0.0] * self._width
        for index, coefficient, points, mean in self._terms:
            value = row[index]
            average = mean if points is not None else coefficient * mean
            if value is None:
                amount = 0.0
            elif points is None:
                amount = coefficient * value  # type: ignore[operator]  # a number, says the schema
            else:
                amount = points.get(value, 0.0)
            base += average
            values[index] = amount - average
        return Explanation(base, tuple(values))

    def _scored(self, margin: float) -> Score:
        if self.card.type == LINEAR:
            return Score(margin, None, margin)
        probability = sigmoid(margin)
        return Score(margin, probability, 1 if probability >= self.card.threshold else 0)


def sigmoid(margin: float) -> float:
    """Without an overflow at either end."""
    if margin >= 0:
        return 1 / (1 + math.exp(-margin)) if margin < 700 else 1.0
    power = math.exp(margin) if margin > -700 else 0.0
    return power / (1 + power)


def read_scorecard(document: Any) -> Scorecard:
    """Raises `Invalid` naming the place within the document."""
    if not isinstance(document, Mapping):
        raise Invalid.field("file", "must be an object", "type")
    _refuse_unknown(document, WORDS, "file")
    if document.get("type") not in (LINEAR, LOGISTIC):
        raise Invalid.field("file.type", f"must be {LINEAR} or {LOGISTIC}", "choice")
    terms = document.get("terms")
    if not isinstance(terms, list) or not 0 < len(terms) <= MOST_FEATURES:
        raise Invalid.field("file.terms", f"must be a list of 1 to {MOST_FEATURES} terms", "type")
    read = tuple(_term(term, f"file.terms.{index}") for index, term in enumerate(terms))
    names = [term.feature for term in read]
    if len(set(names)) != len(names):
        raise Invalid.field("file.terms", "names a feature twice", "unique")
    threshold = _number(document.get("threshold", 0.5), "file.threshold")
    if not 0 < threshold < 1:
        raise Invalid.field("file.threshold", "must lie between 0 and 1", "range")
    intercept = _number(document.get("intercept", 0.0), "file.intercept")
    return Scorecard(document["type"], intercept, read, threshold)


def infer_schema(card: Scorecard) -> Schema:
    """What the card's own words say of its features."""
    return read_schema({term.feature: _inferred(term) for term in card.terms})


def bind(card: Scorecard, schema: Mapping[str, Mapping[str, Any]]) -> Scorer:
    """Raises `Invalid` for a term whose feature the schema lacks, or gives a type it cannot go with."""
    places = {name: index for index, name in enumerate(schema)}
    terms = []
    for term in card.terms:
        where = f"feature_schema.{term.feature}"
        if term.feature not in places:
            raise Invalid.field(where, "is missing: the scorecard has a term for it", "required")
        kind = schema[term.feature]["type"]
        if term.points is None and kind == "string":
            raise Invalid.field(where, "must be a number: its term has a coefficient", "type")
        points = None if term.points is None else _points_for(term.points, kind, where)
        terms.append((places[term.feature], term.coefficient, points, term.mean))
    return Scorer(card, tuple(terms), len(places))


def _term(term: Any, where: str) -> Term:
    if not isinstance(term, Mapping):
        raise Invalid.field(where, "must be an object", "type")
    _refuse_unknown(term, TERM_WORDS, where)
    feature = term.get("feature")
    if not isinstance(feature, str) or not 0 < len(feature) <= LONGEST_NAME:
        raise Invalid.field(f"{where}.feature", "must name a feature", "type")
    if ("coefficient" in term) == ("points" in term):
        raise Invalid.field(where, "must have either coefficient or points", "required")
    mean = _number(term.get("mean", 0.0), f"{where}.mean")
    if "coefficient" in term:
        return Term(feature, _number(term["coefficient"], f"{where}.coefficient"), None, mean)
    points = term["points"]
    if not isinstance(points, Mapping) or not 0 < len(points) <= MOST_ENUM:
        raise Invalid.field(f"{where}.points", f"must hold 1 to {MOST_ENUM} categories", "type")
    read = {
        str(name): _number(value, f"{where}.points.{name}"[:200]) for name, value in points.items()
    }
    return Term(feature, 0.0, read, mean)


def _inferred(term: Term) -> dict[str, Any]:
    if term.points is None:
        return {"type": "number"}
    if set(term.points) <= set(FLAGS):
        return {"type": "boolean"}
    return {"type": "string", "enum": list(term.points)}


def _points_for(points: Mapping[str, float], kind: str, where: str) -> Mapping[Value, float]:
    """By values as rows hold them."""
    if kind == "string":
        return dict(points.items())
    readers: dict[str, Any] = {"boolean": FLAGS.__getitem__, "integer": int, "number": float}
    try:
        return {readers[kind](name): value for name, value in points.items()}
    except (KeyError, ValueError):
        text = f"is {kind}, and a category of its points is not"
        raise Invalid.field(where, text, "type") from None


def _refuse_unknown(given: Mapping[str, Any], words: frozenset[str], where: str) -> None:
    unknown = sorted(set(given) - words)
    if unknown:
        raise Invalid.field(f"{where}.{unknown[0]}"[:200], "is not a word here", "unknown_field")


def _number(value: Any, where: str) -> float:
    if type(value) not in (int, float) or not abs(value) <= LARGEST:
        raise Invalid.field(where, "must be a finite number", "type")
    return float(value)
