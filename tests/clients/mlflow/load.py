"""Run by an interpreter that has mlflow: publishes a model of each format by REST, and loads each with `mlflow`.

Arguments: the server's URL and a key. Prints one JSON object: by format, what MLflow predicts and what the model itself
does, or the error.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

URL, KEY = sys.argv[1:3]
os.environ |= {
    "MLFLOW_TRACKING_USERNAME": "anybody",
    "MLFLOW_TRACKING_PASSWORD": KEY,
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",  # which skops asks for as well
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}

import lightgbm  # noqa: E402
import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import pandas as pd  # noqa: E402
import requests  # noqa: E402
import skops.io  # noqa: E402
import xgboost  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

HEADERS = {"Authorization": f"Bearer {KEY}"}
ROWS = pd.DataFrame({"tenure": np.arange(40.0) % 24, "charges": np.linspace(20, 110, 40)})
LABELS = ((ROWS.charges > 60) ^ (ROWS.tenure > 20)).astype(int)
CARD = {
    "type": "logistic",
    "intercept": -1.0,
    "terms": [
        {"feature": "tenure", "coefficient": -0.05},
        {"feature": "contract", "points": {"Monthly": 1.2, "Yearly": -0.8}},
        {"feature": "paperless", "points": {"true": 0.5}},
    ],
}
PEOPLE = pd.DataFrame(
    {"tenure": [1.0, 40.0], "contract": ["Monthly", "Yearly"], "paperless": [True, False]}
)


def main() -> None:
    mlflow.set_registry_uri(URL)
    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/elsewhere.db")
        made = {name: make(Path(folder)) for name, make in MAKERS.items()}
        found = {name: _tried(name, *each) for name, each in made.items()}
    sys.stdout.write(f"{json.dumps(found)}\n")


def _tried(name: str, file: Path, rows: pd.DataFrame, expected: Any) -> dict[str, Any]:
    try:
        publish(name, file)
        loaded = mlflow.pyfunc.load_model(f"models:/{name}@champion")
        return {"found": _plain(loaded.predict(rows)), "expected": _plain(expected)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def publish(name: str, file: Path) -> None:
    models = f"{URL}/api/v1/models"
    _sent(requests.post(models, json={"name": name}, headers=HEADERS, timeout=60))
    with file.open("rb") as content:
        _sent(
            requests.post(
                f"{models}/{name}/versions", files={"file": content}, headers=HEADERS, timeout=60
            )
        )
    alias = f"{models}/{name}/aliases/champion"
    _sent(requests.put(alias, json={"version": "1"}, headers=HEADERS, timeout=60))


def _sent(answer: requests.Response) -> None:
    if not answer.ok:
        raise RuntimeError(answer.text)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        (value,) = value.values()
    if isinstance(value, pd.DataFrame):
        value = value.to_numpy(dtype=float).T
    return [round(float(each), 5) for each in np.asarray(value).ravel()]


def _xgboost(folder: Path, form: str) -> tuple[Path, pd.DataFrame, Any]:
    data = xgboost.DMatrix(ROWS, label=LABELS)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 4)
    booster.save_model(folder / f"xgboost.{form}")
    return folder / f"xgboost.{form}", ROWS, booster.predict(data)


def _lightgbm(folder: Path) -> tuple[Path, pd.DataFrame, Any]:
    options = {"objective": "binary", "num_threads": 1, "verbose": -1, "min_data_in_leaf": 2}
    booster = lightgbm.train(options, lightgbm.Dataset(ROWS, label=LABELS), 4)
    booster.save_model(folder / "lightgbm.txt")
    return folder / "lightgbm.txt", ROWS, booster.predict(ROWS)


def _skops(folder: Path) -> tuple[Path, pd.DataFrame, Any]:
    model = LogisticRegression(max_iter=500).fit(ROWS, LABELS)
    skops.io.dump(model, folder / "model.skops")
    return folder / "model.skops", ROWS, model.predict(ROWS)


def _onnx(folder: Path) -> tuple[Path, pd.DataFrame, Any]:
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["m"]),
            helper.make_node("Sigmoid", ["m"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor("w", TensorProto.FLOAT, [2, 1], [0.1, -0.02])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    rows = ROWS.set_axis(["f0", "f1"], axis=1)
    return folder / "model.onnx", rows, 1 / (1 + np.exp(-(0.1 * rows.f0 - 0.02 * rows.f1)))


def _scorecard(folder: Path) -> tuple[Path, pd.DataFrame, Any]:
    (folder / "card.json").write_text(json.dumps(CARD))
    margins = [-1.0 - 0.05 + 1.2 + 0.5, -1.0 - 2.0 - 0.8]
    probabilities = [1 / (1 + np.exp(-each)) for each in margins]
    expected = pd.DataFrame({"prediction": [1, 0], "probability": probabilities})
    return folder / "card.json", PEOPLE, expected


MAKERS = {
    "onnx": _onnx,
    "xgboost-json": lambda folder: _xgboost(folder, "json"),
    "xgboost-ubj": lambda folder: _xgboost(folder, "ubj"),
    "lightgbm": _lightgbm,
    "skops": _skops,
    "scorecard": _scorecard,
}

if __name__ == "__main__":
    main()
