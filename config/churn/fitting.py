"""Logistic regression by Newton's method, in plain Python: columns from features, a fit, and a scorecard of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.models.domain.scorecards import LOGISTIC, sigmoid

Sparse = list[tuple[int, float]]
"""A row's columns that are not zero."""
MOST_STEPS = 30
CLOSE_ENOUGH = 1e-9
RIDGE = 1.0
"""Pulls every weight but the intercept to zero, by as much as one customer would: columns may repeat one another."""
DIGITS = 6
"""Of what is written down."""


@dataclass(frozen=True, slots=True)
class Numeric:
    """A feature that counts by its amount; `unit` keeps the columns of one size."""

    feature: str
    unit: float


@dataclass(frozen=True, slots=True)
class Banded:
    """A feature that counts by which band it is in: each of its values, and the band it belongs to."""

    feature: str
    bands: Mapping[Any, str]


Part = Numeric | Banded


@dataclass(frozen=True, slots=True)
class Design:
    """Which columns the features become. Column 0 is the intercept's."""

    parts: tuple[Part, ...]

    def read(self) -> tuple[int, Callable[[Mapping[str, Any]], Sparse]]:
        """How many columns there are, and what makes them of a row."""
        width = 1
        places: list[tuple[str, float, dict[Any, int] | None, int]] = []
        for part in self.parts:
            if isinstance(part, Numeric):
                places.append((part.feature, part.unit, None, width))
                width += 1
                continue
            names = list(dict.fromkeys(part.bands.values()))
            columns = {value: width + names.index(band) for value, band in part.bands.items()}
            places.append((part.feature, 0.0, columns, width))
            width += len(names)

        def columns_of(features: Mapping[str, Any]) -> Sparse:
            row: Sparse = [(0, 1.0)]
            for feature, unit, columns, place in places:
                value = features[feature]
                row.append((place, value / unit) if columns is None else (columns[value], 1.0))
            return row

        return width, columns_of


def fit_card(
    design: Design, rows: Sequence[Mapping[str, Any]], left: Sequence[bool]
) -> dict[str, Any]:
    """The scorecard of what was fitted, with what each feature comes to on average."""
    width, columns_of = design.read()
    sparse = [columns_of(features) for features in rows]
    weights = fit(sparse, [1.0 if each else 0.0 for each in left], width)
    terms, place = [], 1
    for part in design.parts:
        if isinstance(part, Numeric):
            amounts = [features[part.feature] for features in rows]
            term: dict[str, Any] = {"coefficient": round(weights[place] / part.unit, DIGITS)}
            place += 1
        else:
            names = list(dict.fromkeys(part.bands.values()))
            by_band = dict(zip(names, weights[place : place + len(names)], strict=True))
            points = {value: round(by_band[band], DIGITS) for value, band in part.bands.items()}
            amounts = [points[features[part.feature]] for features in rows]
            term = {"points": {_word(value): amount for value, amount in points.items()}}
            place += len(names)
        mean = round(sum(amounts) / len(amounts), DIGITS)
        terms.append({"feature": part.feature, **term, "mean": mean})
    return {"type": LOGISTIC, "intercept": round(weights[0], DIGITS), "terms": terms}


def fit(rows: Sequence[Sparse], wanted: Sequence[float], width: int) -> list[float]:
    """The weights at which the ridge likelihood is highest."""
    weights = [0.0] * width
    for _ in range(MOST_STEPS):
        slope, bend = _derivatives(rows, wanted, weights)
        step = _solve(bend, slope)
        weights = [weight + move for weight, move in zip(weights, step, strict=True)]
        if max(map(abs, step)) < CLOSE_ENOUGH:
            break
    return weights


def _derivatives(
    rows: Sequence[Sparse], wanted: Sequence[float], weights: Sequence[float]
) -> tuple[list[float], list[list[float]]]:
    """First and second, the second without its sign."""
    width = len(weights)
    slope = [0.0, *(-RIDGE * weight for weight in weights[1:])]
    bend = [[0.0] * width for _ in range(width)]
    for place in range(1, width):
        bend[place][place] = RIDGE
    for row, want in zip(rows, wanted, strict=True):
        chance = sigmoid(sum(weights[place] * value for place, value in row))
        missed, spread = want - chance, chance * (1 - chance)
        for place, value in row:
            slope[place] += missed * value
            line, weighted = bend[place], spread * value
            for other, amount in row:
                line[other] += weighted * amount
    return slope, bend


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gauss's way, with the largest pivot. The matrix is positive definite: nothing divides by zero."""
    size = len(right)
    lines = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    for step in range(size):
        best = max(range(step, size), key=lambda index: abs(lines[index][step]))
        lines[step], lines[best] = lines[best], lines[step]
        top = lines[step]
        for below in range(step + 1, size):
            share = lines[below][step] / top[step]
            lines[below] = [mine - share * its for mine, its in zip(lines[below], top, strict=True)]
    found = [0.0] * size
    for step in reversed(range(size)):
        known = sum(lines[step][other] * found[other] for other in range(step + 1, size))
        found[step] = (lines[step][size] - known) / lines[step][step]
    return found


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
