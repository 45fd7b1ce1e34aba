"""LightGBM's less usual models: what their explanations add up to is what they say it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.models.adapters.runtimes.loading import load_scorer
from apps.models.domain.formats import reading
from apps.models.domain.scorecards import sigmoid
from apps.models.domain.scoring import Blueprint, Output, Scorer

lightgbm = pytest.importorskip("lightgbm")
np = pytest.importorskip("numpy")
pytestmark = pytest.mark.integration
FOREST = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}


def trained(folder: Path, values: Any, **parameters: Any) -> tuple[Scorer, list[Any]]:
    x = np.random.default_rng(7).normal(size=(200, 3))
    y = (x[:, 0] * 2 + x[:, 1]) ** 2 + 1
    data = lightgbm.Dataset(x, values(y))
    given = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 5, **parameters}
    path = folder / "model.txt"
    lightgbm.train(given, data, 8).save_model(str(path))
    with path.open("rb") as file:
        described = reading.describe(file)
    assert described.schema is not None
    blueprint = Blueprint(described, described.schema, ((0.0,) * 3,))
    return load_scorer(blueprint, str(path)), [tuple(row) for row in x[:20].tolist()]


def test_a_forest_answers_the_mean_of_its_trees(tmp_path: Path) -> None:
    scorer, rows = trained(tmp_path, lambda y: y, objective="regression", **FOREST)

    for row in rows:
        (one,), told = scorer.score([row]), scorer.explain(row)
        assert told.output is Output.PREDICTION
        assert told.base_value + sum(told.values) == pytest.approx(one.prediction)


def test_a_forest_of_two_classes_is_explained_by_its_mean_margin(tmp_path: Path) -> None:
    scorer, rows = trained(tmp_path, lambda y: y > y.mean(), objective="binary", **FOREST)

    for row in rows:
        (one,), told = scorer.score([row]), scorer.explain(row)
        assert told.output is Output.MARGIN
        assert sigmoid(told.base_value + sum(told.values)) == pytest.approx(one.probability)


def test_a_regression_of_roots_is_explained_before_they_are_squared(tmp_path: Path) -> None:
    scorer, rows = trained(tmp_path, lambda y: y, objective="regression", reg_sqrt=True)

    for row in rows:
        (one,), told = scorer.score([row]), scorer.explain(row)
        root = told.base_value + sum(told.values)
        assert told.output is Output.MARGIN
        assert root * abs(root) == pytest.approx(one.prediction)
