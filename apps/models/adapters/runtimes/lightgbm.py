"""LightGBM models by their own library: trees' own contributions explain them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from apps.models.adapters.runtimes import answers, matrices, tables
from apps.models.domain.schema import Row
from apps.models.domain.scoring import Blueprint, Explanation, Output, Scored
from apps.models.errors import ScoringFailed

OF_TWO = frozenset({"binary", "cross_entropy"})
OF_MANY = frozenset({"multiclass", "multiclassova"})
SAME_AS_MARGIN = frozenset(
    [
        "regression",
        "regression_l1",
        "huber",
        "fair",
        "quantile",
        "mape",
        "lambdarank",
        "rank_xendcg",
    ]
)
"""Objectives whose prediction is the sum itself."""


def load(blueprint: Blueprint, path: str) -> LightgbmScorer:
    text = Path(path).read_text(encoding="utf-8")
    booster = lightgbm.Booster(model_str=text)  # it takes its parameters from the text
    head = text[: max(text.find("\nTree="), 0)].splitlines()
    return LightgbmScorer(
        blueprint,
        booster,
        # Forests answer the mean of their trees, and tell contributions to the sum.
        parts=max(booster.current_iteration(), 1) if "average_output" in head else 1,
        is_squared=any(line.startswith("objective=") and "sqrt" in line.split() for line in head),
    )


class LightgbmScorer:
    def __init__(
        self, blueprint: Blueprint, booster: Any, *, parts: int = 1, is_squared: bool = False
    ) -> None:
        self._booster = booster
        self._parts = parts
        self._objective = str(blueprint.described.details["objective"])
        is_plain = self._objective in SAME_AS_MARGIN and not is_squared
        self._output = Output.PREDICTION if is_plain else Output.MARGIN
        names, schema = booster.feature_name(), blueprint.schema
        matrices.check_width(len(names), schema)
        self._order = matrices.order_of(names, schema)

    def score(self, rows: Sequence[Row]) -> list[Scored]:
        with answers.told_plainly():
            found = np.asarray(self._booster.predict(self._matrix(rows), num_threads=1))
            if self._objective in OF_MANY:
                return tables.of_table(found, list(range(found.shape[1])), are_probabilities=True)
            if found.ndim != 1:
                raise ScoringFailed("The model answers several numbers, and a prediction is one.")
            values = found.astype(np.float64).tolist()
            return answers.of_two(values) if self._objective in OF_TWO else answers.numbers(values)

    def explain(self, row: Row) -> Explanation:
        """Of several classes, the sum of the predicted one."""
        with answers.told_plainly():
            told = self._booster.predict(self._matrix((row,)), pred_contrib=True, num_threads=1)
        width = self._booster.num_feature() + 1
        parts = np.asarray(told, dtype=np.float64).reshape(-1, width) / self._parts
        *values, base = parts[int(parts.sum(axis=1).argmax())].tolist()
        answers.refuse_infinite([[base, *values]])
        if self._order is not None:
            values = matrices.in_order(values, self._order)
        return Explanation(base, tuple(values), self._output)

    def _matrix(self, rows: Sequence[Row]) -> Any:
        array = matrices.numeric(rows, np.float64)
        return array if self._order is None else array[:, self._order]
