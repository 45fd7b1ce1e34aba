"""Run by an interpreter that has mlflow: logs models at a tracking server and registers them there.

Argument: the server's URL. Prints one JSON object: the version of each model that is champion.
"""

from __future__ import annotations

import json
import os
import sys

os.environ |= {
    "MLFLOW_TRACKING_URI": sys.argv[1],
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_PRINT_MODEL_URLS_ON_CREATION": "false",
}

import lightgbm
import mlflow
import numpy as np
import onnx
import pandas as pd
import xgboost
from mlflow.models import infer_signature
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression

ROWS = pd.DataFrame({"tenure": np.arange(40.0) % 24, "charges": np.linspace(20, 110, 40)})
LABELS = ((ROWS.charges > 60) ^ (ROWS.tenure > 20)).astype(int)
OPTIONS = {"objective": "binary", "num_threads": 1, "verbose": -1, "min_data_in_leaf": 2}


def main() -> None:
    mlflow.set_experiment("signalbox")
    with mlflow.start_run():
        sklearn = LogisticRegression(max_iter=500).fit(ROWS, LABELS)
        signature = infer_signature(ROWS, sklearn.predict(ROWS))
        for name, form in (("skops", "skops"), ("pickled", "cloudpickle")):
            mlflow.sklearn.log_model(
                sklearn,
                name=name,
                signature=signature,
                registered_model_name=name,
                serialization_format=form,
            )
        booster = xgboost.train(
            {"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(ROWS, label=LABELS), 4
        )
        mlflow.xgboost.log_model(
            booster, name="x", signature=signature, registered_model_name="xgboost"
        )
        trees = lightgbm.train(OPTIONS, lightgbm.Dataset(ROWS, label=LABELS), 4)
        mlflow.lightgbm.log_model(
            trees, name="l", signature=signature, registered_model_name="lightgbm"
        )
        mlflow.onnx.log_model(
            _graph(),
            name="o",
            signature=signature,
            registered_model_name="Churn",
            save_as_external_data=False,
        )
    client = mlflow.MlflowClient()
    names = ("skops", "pickled", "xgboost", "lightgbm", "Churn")
    for name in names:
        client.set_registered_model_alias(name, "champion", "1")
    client.transition_model_version_stage("Churn", "1", "Production")
    sys.stdout.write(f"{json.dumps(dict.fromkeys(names, '1'))}\n")


def _graph() -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Sigmoid", ["m"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor("w", TensorProto.FLOAT, [2, 1], [0.1, -0.02])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


if __name__ == "__main__":
    main()
