"""XGBoost models by their own library: trees' own contributions explain them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from apps.models.adapters.runtimes import answers, matrices, tables
from apps.models.domain.schema import Row
from apps.models.domain.scorecards import sigmoid
from apps.models.domain.scoring import Blueprint, Explanation, Output, Scored
from apps.models.errors import ScoringFailed

SAME_AS_MARGIN = frozenset(
    [
        "reg:absoluteerror",
        "reg:linear",
        "reg:pseudohubererror",
        "reg:quantileerror",
        "reg:squarederror",
        "reg:squaredlogerror",
    ]
)
"""Objectives whose prediction is the sum itself."""


def load(blueprint: Blueprint, path: str) -> XgboostScorer:
    xgboost.set_config(verbosity=0)
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(Path(path).read_bytes()))
    booster.set_param({"nthread": 1})
    return XgboostScorer(blueprint, booster)


class XgboostScorer:
    def __init__(self, blueprint: Blueprint, booster: Any) -> None:
        details, schema = blueprint.described.details, blueprint.schema
        self._booster = booster
        self._objective = str(details["objective"])
        self._classes = max(int(details.get("classes") or 0), 1)
        self._names = booster.feature_names
        self._types = booster.feature_types
        self._width = booster.num_features()
        matrices.check_width(self._width, schema)
        self._order = matrices.order_of(self._names, schema) if self._names else None
        self._is_direct = details.get("booster") != "gblinear" and "c" not in (self._types or ())

    def score(self, rows: Sequence[Row]) -> list[Scored]:
        with answers.told_plainly():
            return self._scored(rows)

    def explain(self, row: Row) -> Explanation:
        """Of several classes, the sum of the predicted one."""
        with answers.told_plainly():
            told = self._booster.predict(
                self._matrix((row,)), pred_contribs=True, strict_shape=True
            )[0]
        best = max(range(len(told)), key=lambda each: float(told[each].sum()))
        *values, base = told[best].astype(np.float64).tolist()
        answers.refuse_infinite([[base, *values]])
        if self._order is not None:
            values = matrices.in_order(values, self._order)
        output = Output.PREDICTION if self._objective in SAME_AS_MARGIN else Output.MARGIN
        return Explanation(base, tuple(values), output)

    def _predict(self, rows: Sequence[Row], *, is_margin: bool = False) -> Any:
        """Without the library's own matrix where it can: making one takes longer than the trees do."""
        if self._is_direct:
            kind = "margin" if is_margin else "value"
            return self._booster.inplace_predict(
                self._array(rows), predict_type=kind, validate_features=False
            )
        return self._booster.predict(self._matrix(rows), output_margin=is_margin)

    def _array(self, rows: Sequence[Row]) -> Any:
        array = matrices.numeric(rows, np.float32)
        matrices.check_columns(array, self._width)
        return array if self._order is None else array[:, self._order]

    def _matrix(self, rows: Sequence[Row]) -> Any:
        return xgboost.DMatrix(
            self._array(rows),
            feature_names=self._names,
            feature_types=self._types,
            enable_categorical=True,
            nthread=1,
        )

    def _scored(self, rows: Sequence[Row]) -> list[Scored]:
        name = self._objective
        if name.startswith("multi:"):
            margins = self._predict(rows, is_margin=True).astype(np.float64)
            classes = list(range(self._classes))
            return tables.of_table(_softmax(margins), classes, are_probabilities=True)
        found = self._predict(rows)
        if found.ndim != 1:
            raise ScoringFailed("The model answers several numbers, and a prediction is one.")
        values = found.astype(np.float64).tolist()
        if name == "binary:logistic":
            return answers.of_two(values)
        if name == "binary:logitraw":
            answers.refuse_infinite([values])
            return answers.of_two(map(sigmoid, values))
        if name == "binary:hinge":
            return answers.labels(values)
        return answers.numbers(values)


def _softmax(margins: Any) -> Any:
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
