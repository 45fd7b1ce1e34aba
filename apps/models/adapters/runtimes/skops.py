"""scikit-learn models out of skops archives. Loading is bound to the types that the trial found and allowed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import skops.io

from apps.models.adapters.runtimes import answers, blackbox, matrices, tables
from apps.models.domain.schema import Row
from apps.models.domain.scoring import Blueprint, Explanation, Scored
from apps.models.errors import ScoringFailed

BY_PROBABILITY = frozenset(
    [
        "DecisionTreeClassifier",
        "ExtraTreeClassifier",
        "ExtraTreesClassifier",
        "GaussianNB",
        "GradientBoostingClassifier",
        "HistGradientBoostingClassifier",
        "LogisticRegression",
        "RandomForestClassifier",
    ]
)
"""Their prediction is the likeliest class by their own definition: asking twice would take twice as long."""


def load(blueprint: Blueprint, path: str) -> SkopsScorer:
    trusted = list(blueprint.described.details.get("trusted", ()))
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # made by another version of the library: the trial has scored with this one
        return SkopsScorer(blueprint, skops.io.load(path, trusted=trusted))


class SkopsScorer:
    def __init__(self, blueprint: Blueprint, model: Any) -> None:
        self._blueprint = blueprint
        self._model = model
        schema = blueprint.schema
        names = [str(name) for name in getattr(model, "feature_names_in_", ())]
        width = int(getattr(model, "n_features_in_", 0) or 0)
        if width:
            matrices.check_width(width, schema)
        self._order = matrices.order_of(names, schema) if names else None
        self._has_words = matrices.has_words(schema)
        self._is_text = not width and len(schema) == 1 and self._has_words
        self._classes = [answers.plain_label(each) for each in getattr(model, "classes_", ())]
        self._has_probabilities = bool(self._classes) and hasattr(model, "predict_proba")
        last = model.steps[-1][1] if hasattr(model, "steps") else model
        self._is_by_probability = self._has_probabilities and type(last).__name__ in BY_PROBABILITY
        settle(model, names)

    def score(self, rows: Sequence[Row]) -> list[Scored]:
        with answers.told_plainly(), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of names that an array does not have
            return self._scored(self._given(rows))

    def explain(self, row: Row) -> Explanation:
        return blackbox.explain(self.score, row, self._blueprint.background)

    def _given(self, rows: Sequence[Row]) -> Any:
        if self._is_text:
            return [row[0] or "" for row in rows]
        if self._has_words:
            array = matrices.mixed(rows, self._blueprint.schema)
        else:
            array = matrices.numeric(rows, np.float64)
        return array if self._order is None else array[:, self._order]

    def _scored(self, given: Any) -> list[Scored]:
        if not self._classes:
            return answers.numbers(_column(self._model.predict(given)))
        if not self._has_probabilities:
            return answers.labels(self._model.predict(given))
        table = np.asarray(self._model.predict_proba(given), dtype=np.float64)
        said = None
        if not self._is_by_probability:
            said = [answers.plain_label(each) for each in self._model.predict(given)]
        return tables.of_table(table, self._classes, predicted=said, are_probabilities=True)


def _column(values: Any) -> list[float]:
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ScoringFailed("The model answers several numbers, and a prediction is one.")
    column: list[float] = array.astype(np.float64).tolist()
    return column


def settle(model: Any, names: Sequence[str]) -> None:
    """One thread; columns that were chosen by name are chosen by place, for rows come without names."""
    for part in _parts(model):
        if getattr(part, "n_jobs", None) not in (None, 1):
            part.n_jobs = 1
        if names and type(part).__name__ == "ColumnTransformer":
            places = {name: place for place, name in enumerate(part.feature_names_in_)}
            part.transformers_ = [
                (name, inner, _placed(columns, places))
                for name, inner, columns in part.transformers_
            ]


def _placed(columns: Any, places: dict[str, int]) -> Any:
    if isinstance(columns, str):
        return places[columns]
    if isinstance(columns, slice) or callable(columns):
        return columns
    return [places[each] if isinstance(each, str) else each for each in columns]


def _parts(model: Any) -> Iterator[Any]:
    """The model and all that is within it."""
    yield model
    inner = [each for _, each in getattr(model, "steps", ())]
    inner += [each[1] for each in getattr(model, "transformers_", ())]
    inner += list(np.ravel(getattr(model, "estimators_", ())))
    for name in ("estimator", "estimator_", "best_estimator_", "final_estimator_"):
        inner.append(getattr(model, name, None))
    for part in inner:
        if hasattr(part, "get_params"):
            yield from _parts(part)
