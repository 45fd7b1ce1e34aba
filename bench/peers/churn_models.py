"""Run by MLflow's own Python: `churn_models.py FOLDER` makes of its `customers.json` and `card.json`

`card/` (the demo's scorecard as it is), `logistic/` (scikit-learn's logistic regression over the same ten features),
both as MLflow keeps models, and `boosted.onnx` (a hundred trees over the features as numbers) for our own server.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from skl2onnx import to_onnx
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

TREES, DEPTH = 100, 3


def main() -> None:
    folder = Path(sys.argv[1])
    known = json.loads((folder / "customers.json").read_text())
    frame = pd.DataFrame([each["features"] for each in known])
    left = np.array([int(each["has_left"]) for each in known])
    signature = mlflow.models.infer_signature(frame, left.astype(float))

    mlflow.pyfunc.save_model(
        str(folder / "card"),
        python_model=str(Path(__file__).with_name("churn_card.py")),
        artifacts={"card": str(folder / "card.json")},
        signature=signature,
        pip_requirements=["mlflow"],
    )
    words = [
        name for name in frame if frame[name].dtype == object or str(frame[name].dtype) == "str"
    ]
    columns = make_column_transformer((OneHotEncoder(), words), remainder="passthrough")
    logistic = make_pipeline(columns, LogisticRegression(max_iter=2000)).fit(frame, left)
    mlflow.sklearn.save_model(
        logistic,
        str(folder / "logistic"),
        signature=signature,
        pip_requirements=["mlflow", "scikit-learn"],
    )
    numbers = frame.apply(
        lambda column: column.astype("category").cat.codes if column.name in words else column
    ).to_numpy(dtype=np.float32)
    boosted = GradientBoostingClassifier(n_estimators=TREES, max_depth=DEPTH, random_state=4)
    boosted.fit(numbers, left)
    graph = to_onnx(
        boosted, numbers[:1], options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3}
    )
    (folder / "boosted.onnx").write_bytes(graph.SerializeToString())


if __name__ == "__main__":
    main()
