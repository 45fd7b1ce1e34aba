"""Real models of each library, what the library itself says of some rows, and what our runtimes say: `python -m … FOLDER`.

Run in a process of its own: the libraries stay out of the tests'. It prints one line of JSON, and leaves the files.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from apps.models.adapters.runtimes.loading import load_scorer
from apps.models.adapters.trial.runtimes import open_and_try
from apps.models.domain.formats import reading
from apps.models.domain.formats.description import Description
from apps.models.domain.schema import Schema
from apps.models.domain.scoring import Blueprint

WIDTH = 5
Saved = tuple[Description, str]


def rows_of(count: int, seed: int) -> list[tuple[Any, ...]]:
    import numpy as np  # noqa: PLC0415

    means, scales = np.array([0, 50, 3, -2, 1000]), np.array([1, 100, 0.01, 5, 1])
    drawn = np.random.default_rng(seed).normal(size=(count, WIDTH)) * scales + means
    return [tuple(each) for each in drawn.tolist()]


def targets() -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415

    x = np.array(rows_of(300, 0))
    number = x @ [1, 0.1, -30, 2, 0.001] + (x[:, 0] > 0) * x[:, 3]
    flag = (number > np.median(number)).astype(int)
    return {
        "x": x,
        "number": number,
        "flag": flag,
        "word": np.where(flag == 1, "stays", "goes"),
        "three": flag + (number > np.quantile(number, 0.8)),
        "three words": np.array(["low", "middle", "high"])[
            flag + (number > np.quantile(number, 0.8))
        ],
    }


def skops_models(data: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    from sklearn.ensemble import (  # noqa: PLC0415
        GradientBoostingClassifier,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.linear_model import (  # noqa: PLC0415
        ElasticNet,
        Lasso,
        LinearRegression,
        LogisticRegression,
        Ridge,
    )
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler  # noqa: PLC0415
    from sklearn.svm import SVC  # noqa: PLC0415

    number, flag, word, three = (data[name] for name in ("number", "flag", "word", "three words"))
    return {
        "forest": (RandomForestClassifier(8, random_state=0, n_jobs=2), flag),
        "forest of words": (RandomForestClassifier(8, random_state=0), three),
        "forest of numbers": (RandomForestRegressor(8, random_state=0), number),
        "boosted": (GradientBoostingClassifier(n_estimators=5, random_state=0), word),
        "no probabilities": (SVC(), word),
        "linear: plain": (LinearRegression(), number),
        "linear: ridge": (make_pipeline(StandardScaler(), Ridge()), number),
        "linear: lasso": (make_pipeline(MinMaxScaler(), Lasso(0.001)), number),
        "linear: net": (make_pipeline(StandardScaler(with_mean=False), ElasticNet(0.01)), number),
        "linear: logistic": (make_pipeline(StandardScaler(), LogisticRegression()), word),
        "linear: flags": (LogisticRegression(solver="liblinear"), flag == 1),
        "curved": (make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge()), number),
        "clipped": (make_pipeline(MinMaxScaler(clip=True), Lasso(0.001)), number),
        "logistic of three": (make_pipeline(StandardScaler(), LogisticRegression()), three),
    }


def tried(path: Path) -> Description:
    with path.open("rb") as file:
        return open_and_try(reading.describe(file), str(path))


def said_by_us(
    described: Description, schema: Schema, path: Path, rows: Any, background: Any
) -> Any:
    scorer = load_scorer(Blueprint(described, schema, tuple(background)), str(path))
    told = [scorer.explain(row) for row in rows[:3]]
    return {
        "scored": [
            [one.prediction, one.probability, one.probabilities, one.distance]
            for one in scorer.score(rows)
        ],
        "explained": [[one.base_value, one.values, one.output] for one in told],
    }


def make_skops(folder: Path, data: dict[str, Any]) -> dict[str, Any]:
    import skops.io  # noqa: PLC0415

    made = {}
    rows, background = rows_of(40, 1), rows_of(30, 2)
    for name, (model, target) in skops_models(data).items():
        path = folder / f"{name}.skops"
        skops.io.dump(model.fit(data["x"], target), path)
        described = tried(path)
        assert described.schema is not None
        found = said_by_us(described, described.schema, path, rows, background)
        found["predict"] = model.predict(rows).tolist()
        if hasattr(model, "predict_proba"):
            found["predict_proba"] = model.predict_proba(rows).tolist()
        if described.in_process:
            other = replace(described, details={**described.details, "linear": None})
            found["by library"] = said_by_us(other, described.schema, path, rows, background)
        made[name] = {**found, "described": described.document()}
    return made


def make_mixed(folder: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Words, flags and missing numbers through a transformer of columns."""
    import numpy as np  # noqa: PLC0415
    import skops.io  # noqa: PLC0415
    from sklearn.compose import ColumnTransformer  # noqa: PLC0415
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import OneHotEncoder  # noqa: PLC0415

    table = np.empty((300, 3), dtype=object)
    table[:, 0] = np.where(data["x"][:, 0] > 0, "warm", "cold")
    table[:, 1], table[:, 2] = data["x"][:, 1], data["x"][:, 3] > -2
    columns = ColumnTransformer(
        [("words", OneHotEncoder(handle_unknown="ignore"), [0]), ("rest", SimpleImputer(), [1, 2])]
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=500)).fit(table, data["flag"])
    path = folder / "mixed.skops"
    skops.io.dump(model, path)
    rows: list[tuple[Any, ...]] = [("warm", 70.0, True), ("cold", None, False), ("new", 1.5, True)]
    described = tried(path)
    assert described.schema is not None
    found = said_by_us(described, described.schema, path, rows, rows[:2])
    found["schema"] = described.schema
    asked = np.array([[w, np.nan if n is None else n, f] for w, n, f in rows], dtype=object)
    found["predict"] = model.predict(asked).tolist()
    found["predict_proba"] = model.predict_proba(asked).tolist()
    return {"mixed": found}


def make_boosted(
    folder: Path, data: dict[str, Any], library: str, objectives: dict[str, str]
) -> dict[str, Any]:
    train: Callable[..., Any] = {"xgboost": _xgboost, "lightgbm": _lightgbm}[library]
    rows, background = rows_of(40, 1), rows_of(30, 2)
    rows[0] = (*rows[0][:2], None, *rows[0][3:])
    made = {}
    for objective, target in objectives.items():
        path = folder / f"{library} {objective.replace(':', ' ')}"
        expected = train(path, data["x"], data[target], objective, rows)
        described = tried(path)
        assert described.schema is not None
        found = said_by_us(described, described.schema, path, rows, background)
        turned = dict(reversed(described.schema.items()))
        turned_rows = [row[::-1] for row in rows]
        found["turned"] = said_by_us(described, turned, path, turned_rows, background)
        made[f"{library} {objective}"] = {
            **found, **expected, "described": described.document(),
        }  # fmt: skip
    return made


def _xgboost(path: Path, x: Any, y: Any, objective: str, rows: Any) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415
    import xgboost  # noqa: PLC0415

    names = [f"n{place}" for place in range(WIDTH)]
    count = {"num_class": 3} if objective.startswith("multi") else {}
    booster = xgboost.train(
        {"objective": objective, "nthread": 1, "max_depth": 3, **count},
        xgboost.DMatrix(x, y, feature_names=names),
        5,
    )
    booster.save_model(path.with_suffix(".ubj"))
    path.with_suffix(".ubj").rename(path)
    matrix = xgboost.DMatrix(np.array(rows, dtype=float), feature_names=names)
    return {
        "predict": booster.predict(matrix).tolist(),
        "margin": booster.predict(matrix, output_margin=True).tolist(),
    }


def _lightgbm(path: Path, x: Any, y: Any, objective: str, rows: Any) -> dict[str, Any]:
    import lightgbm  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    names = [f"n{place}" for place in range(WIDTH)]
    count = {"num_class": 3} if objective.startswith("multi") else {}
    booster = lightgbm.train(
        {"objective": objective, "num_threads": 1, "verbose": -1, "max_depth": 3, **count},
        lightgbm.Dataset(x, y, feature_name=names),
        5,
    )
    booster.save_model(path)
    asked = np.array(rows, dtype=float)
    return {
        "predict": booster.predict(asked).tolist(),
        "margin": booster.predict(asked, raw_score=True).tolist(),
    }


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    data = targets()
    data["positive"] = data["number"] - data["number"].min() + 0.1
    made = make_skops(folder, data) | make_mixed(folder, data)
    made |= make_boosted(
        folder, data, "xgboost",
        {
            "binary:logistic": "flag", "binary:logitraw": "flag", "binary:hinge": "flag",
            "multi:softprob": "three", "multi:softmax": "three",
            "reg:squarederror": "number", "reg:gamma": "positive",
        },
    )  # fmt: skip
    made |= make_boosted(
        folder, data, "lightgbm",
        {
            "binary": "flag", "multiclass": "three", "multiclassova": "three",
            "regression": "number", "poisson": "positive",
        },
    )  # fmt: skip
    sys.stdout.write(json.dumps(made))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
