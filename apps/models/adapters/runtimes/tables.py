"""Tables of scores, a row for each row and a column for each class, made into answers all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from apps.models.adapters.runtimes import answers
from apps.models.domain.scoring import Label, Scored
from apps.models.errors import ScoringFailed


def of_table(
    table: Any, classes: Sequence[Label], *, predicted: Sequence[Label] | None = None
) -> list[Scored]:
    """Without the model's own prediction the likeliest class is it. Rows of scores that are no probabilities tell none."""
    if not np.isfinite(table).all():
        raise ScoringFailed(answers.NOT_FINITE)
    if table.ndim != 2 or table.shape[1] != len(classes):
        raise ScoringFailed("The model answers other classes than it has.")
    labels = predicted or [classes[place] for place in table.argmax(axis=1).tolist()]
    if len(classes) == 1:
        return answers.labels(labels)
    sums = np.abs(table.sum(axis=1) - 1) <= answers.SUM_TOLERANCE
    are_probabilities = (sums & (table.min(axis=1) >= -answers.LEAST_TOLERANCE)).tolist()
    made = (_two if len(classes) == 2 else _many)(table, classes, labels)
    if all(are_probabilities):
        return made
    pairs = zip(made, are_probabilities, strict=True)
    return [each if is_whole else Scored(each.prediction) for each, is_whole in pairs]


def of_classes(
    table: Any, classes: Sequence[Label], *, predicted: Sequence[Label] | None = None
) -> list[Scored]:
    """Of a library whose scores are probabilities by its own word, whether or not each row comes to one."""
    if not np.isfinite(table).all():
        raise ScoringFailed(answers.NOT_FINITE)
    labels = predicted or [classes[place] for place in table.argmax(axis=1).tolist()]
    if len(classes) == 1:
        return answers.labels(labels)
    return (_two if len(classes) == 2 else _many)(table, classes, labels)


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
