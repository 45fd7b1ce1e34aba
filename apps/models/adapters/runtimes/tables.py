"""Tables of scores, a row for each row and a column for each class, made into answers all at once."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from apps.models.adapters.runtimes import answers
from apps.models.domain.scoring import Label, Scored
from apps.models.errors import ScoringFailed

FEW = 8
"""Rows up to which Python is quicker than arrays: one row is the usual question."""


def of_table(
    table: Any,
    classes: Sequence[Label],
    *,
    predicted: Sequence[Label] | None = None,
    are_probabilities: bool = False,
) -> list[Scored]:
    """Without the model's own prediction the likeliest class is it.

    Unless the library calls them probabilities itself, rows of scores that do not come to one tell none.
    """
    if table.ndim != 2 or table.shape[1] != len(classes):
        raise ScoringFailed("The model answers other classes than it has.")
    if len(table) <= FEW:
        rows = table.tolist()
        labels = [None] * len(rows) if predicted is None else predicted
        return [
            _one(row, classes, label, are_probabilities)
            for row, label in zip(rows, labels, strict=True)
        ]
    if not np.isfinite(table).all():
        raise ScoringFailed(answers.NOT_FINITE)
    labels = predicted or [classes[place] for place in table.argmax(axis=1).tolist()]
    if len(classes) == 1:
        return answers.labels(labels)
    made = (_two if len(classes) == 2 else _many)(table, classes, labels)
    if are_probabilities:
        return made
    sums = np.abs(table.sum(axis=1) - 1) <= answers.SUM_TOLERANCE
    whole = (sums & (table.min(axis=1) >= -answers.LEAST_TOLERANCE)).tolist()
    return [
        each if is_whole else Scored(each.prediction)
        for each, is_whole in zip(made, whole, strict=True)
    ]


def _one(
    row: list[float], classes: Sequence[Label], label: Label | None, are_probabilities: bool
) -> Scored:
    """As below, for one row."""
    total = sum(row)
    if not isfinite(total):
        raise ScoringFailed(answers.NOT_FINITE)
    best = row.index(max(row))
    if label is None:
        label = classes[best]
    if len(row) == 1 or not (
        are_probabilities
        or (abs(total - 1) <= answers.SUM_TOLERANCE and min(row) >= -answers.LEAST_TOLERANCE)
    ):
        return Scored(label)
    if len(row) == 2:
        return Scored(label, row[1], None, abs(row[1] - 0.5))
    if label in classes:
        best = classes.index(label)
    first = row[best]
    lead = (first - max([*row[:best], *row[best + 1 :]])) / 2
    names = map(str, classes)
    return Scored(label, first, dict(zip(names, row, strict=True)), max(lead, 0.0))


def _two(table: Any, classes: Sequence[Label], labels: Sequence[Label]) -> list[Scored]:
    return answers.of_two(table[:, 1].tolist(), classes, predicted=labels)


def _many(table: Any, classes: Sequence[Label], labels: Sequence[Label]) -> list[Scored]:
    names = [str(each) for each in classes]
    places = {each: place for place, each in enumerate(classes)}
    likeliest = table.argmax(axis=1).tolist()
    best = [places.get(label, place) for label, place in zip(labels, likeliest, strict=True)]
    every = np.arange(len(table))
    first = table[every, best]
    others = table.copy()
    others[every, best] = -np.inf
    leads = np.maximum((first - others.max(axis=1)) / 2, 0.0)
    columns = zip(labels, first.tolist(), table.tolist(), leads.tolist(), strict=True)
    return [
        Scored(label, probability, dict(zip(names, row, strict=True)), lead)
        for label, probability, row, lead in columns
    ]
