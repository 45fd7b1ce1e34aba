"""KServe's doors in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from apps.core.openapi.describe import Operation, Schema
from apps.core.openapi.shapes import ANYTHING, FLAG, TEXT, WHOLE, listed, shape

TAG = "kserve"
TENSOR: Schema = {
    "type": "object",
    "required": ["name", "shape", "datatype", "data"],
    "properties": {
        "name": TEXT,
        "shape": listed(WHOLE),
        "datatype": TEXT,
        "data": {"type": "array", "items": {}},
    },
    "additionalProperties": True,
}
SERVER = Operation(
    "What this server is",
    shape(
        ("name", "version"),
        {"name": TEXT, "version": TEXT, "extensions": listed(TEXT)},
        {"name": "signalbox", "version": "0.1.0", "extensions": []},
    ),
    tag=TAG,
)
LIVE = Operation("Whether it lives", shape(("live",), {"live": FLAG}, {"live": True}), tag=TAG)
READY = Operation("Whether it is ready", shape(("ready",), {"ready": FLAG}, {"ready": True}), tag=TAG)  # fmt: skip
MODEL = Operation(
    "A model's inputs and outputs",
    shape(
        ("name", "versions", "inputs", "outputs"),
        {
            "name": TEXT,
            "versions": listed(TEXT),
            "platform": TEXT,
            "inputs": listed(ANYTHING),
            "outputs": listed(ANYTHING),
        },
        {
            "name": "churn-predictor",
            "versions": ["1.2.0", "1.3.0"],
            "platform": "scorecard",
            "inputs": [{"name": "tenure", "datatype": "INT64", "shape": [-1]}],
            "outputs": [{"name": "prediction", "datatype": "BYTES", "shape": [-1]}],
        },
    ),
    tag=TAG,
    refusals=(404,),
)
MODEL_READY = Operation(
    "Whether a model is ready",
    shape(("ready",), {"name": TEXT, "ready": FLAG}, {"name": "churn-predictor", "ready": True}),
    tag=TAG,
    refusals=(404,),
)
_QUESTION: dict[str, Any] = {
    "id": "42",
    "inputs": [
        {"name": "tenure", "shape": [2], "datatype": "INT64", "data": [12, 40]},
        {"name": "monthly_charges", "shape": [2], "datatype": "FP64", "data": [65.0, 20.5]},
        {
            "name": "contract",
            "shape": [2],
            "datatype": "BYTES",
            "data": ["Month-to-month", "Two year"],
        },
    ],
}
INFER = Operation(
    "Predict rows of tensors",
    shape(
        ("model_name", "outputs"),
        {"id": TEXT, "model_name": TEXT, "model_version": TEXT, "outputs": listed(TENSOR)},
        {
            "id": "42",
            "model_name": "churn-predictor",
            "model_version": "1.2.0",
            "outputs": [
                {"name": "prediction", "datatype": "INT64", "shape": [2], "data": [0, 0]},
                {"name": "probability", "datatype": "FP64", "shape": [2], "data": [0.23, 0.04]},
            ],
        },
    ),
    tag=TAG,
    body=shape(
        ("inputs",),
        {"id": TEXT, "inputs": listed(TENSOR), "outputs": listed(ANYTHING)},
        _QUESTION,
    ),
    description=(
        "One input for each feature, called as it is, or one for all of them, `[rows, features]`. Tensors are JSON; "
        "the binary form is refused. One row that does not fit refuses all of them."
    ),
    refusals=(404, 422, 502, 503, 504),
)
