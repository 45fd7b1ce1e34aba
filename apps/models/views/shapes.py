"""The hot doors of predictions in the OpenAPI document, with examples that run."""

from __future__ import annotations

from typing import Any

from apps.core.openapi.describe import Operation, Schema
from apps.core.openapi.shapes import ANYTHING, FLAG, NUMBER, TEXT, WHOLE, listed, shape

TAG = "predictions"
LABEL: Schema = {"oneOf": [TEXT, NUMBER, FLAG], "description": "A class, or a number."}
FEATURES: dict[str, Any] = {
    "tenure": 12,
    "monthly_charges": 65.0,
    "total_charges": 780.0,
    "contract": "Month-to-month",
    "payment_method": "Electronic check",
    "internet_service": "DSL",
    "phone_service": True,
    "multiple_lines": False,
    "online_security": False,
    "tech_support": False,
}
ID = "pred_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c"
AT = "2026-01-15T10:30:00Z"
JOB = "job_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c"
VERSION: Schema = {
    "name": "version",
    "in": "query",
    "schema": TEXT,
    "description": "A version's name or number, `@alias`, `latest`, `production` (the default) or `staging`.",
}
EXPLAIN: Schema = {"name": "explain", "in": "query", "schema": FLAG}
MODEL: Schema = {"name": "model", "in": "path", "required": True, "schema": TEXT}
KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 255},
}
REFUSALS = (404, 422, 502, 503, 504)
EXPLANATION = shape(
    ("base_value", "output", "shap_values", "top_features"),
    {
        "base_value": NUMBER,
        "output": {"type": "string", "enum": ["probability", "margin", "prediction"]},
        "shap_values": listed(NUMBER),
        "top_features": listed(ANYTHING),
    },
    {},
)
PREDICTION_FIELDS: Schema = {
    "prediction": LABEL,
    "probability": NUMBER,
    "probabilities": {"type": "object", "additionalProperties": NUMBER},
    "confidence": {"type": "string", "enum": ["high", "medium", "low"]},
    "model_version": TEXT,
    "prediction_id": TEXT,
    "timestamp": {"type": "string", "format": "date-time"},
    "explanation": {name: part for name, part in EXPLANATION.items() if name != "example"},
}
PREDICTION_EXAMPLE: dict[str, Any] = {
    "prediction": 0,
    "probability": 0.23,
    "confidence": "high",
    "model_version": "1.2.0",
    "prediction_id": ID,
    "timestamp": AT,
    "explanation": {
        "base_value": -1.02,
        "output": "margin",
        "shap_values": [-0.32, 0.18, 0.01, 0.45, 0.08, -0.2, -0.1, -0.05, -0.11, -0.13],
        "top_features": [
            {"feature": "contract", "importance": 0.45, "value": "Month-to-month"},
            {"feature": "tenure", "importance": 0.32, "value": 12},
            {"feature": "internet_service", "importance": 0.2, "value": "DSL"},
        ],
    },
}
PREDICTION = shape(("prediction", "model_version"), PREDICTION_FIELDS, PREDICTION_EXAMPLE)
BODY = shape(
    ("features",),
    {"features": ANYTHING, "customer_id": TEXT},
    {"features": FEATURES, "customer_id": "CUST12345"},
)
PREDICT = Operation(
    "Predict one row",
    PREDICTION,
    tag=TAG,
    body=BODY,
    description=(
        "By the version in production unless another is named. A feature that does not fit the schema is 422, and "
        "`invalid_fields` names it. `base_value` and `shap_values` add up to the `output`. "
        "`x-signalbox-cache` says whether the same row was answered from memory."
    ),
    parameters=(VERSION, EXPLAIN, KEY),
    refusals=REFUSALS,
)
BATCH = Operation(
    "Predict up to a thousand rows",
    shape(
        ("predictions", "batch_id", "processed_count", "model_version"),
        {
            "predictions": listed(ANYTHING),
            "batch_id": TEXT,
            "processed_count": WHOLE,
            "failed_count": WHOLE,
            "model_version": TEXT,
            "processing_time_ms": NUMBER,
        },
        {
            "predictions": [
                {"customer_id": "CUST001", "prediction": 0, "probability": 0.23, "prediction_id": ID},
                {
                    "customer_id": "CUST002",
                    "index": 1,
                    "error": {
                        "code": "validation_error",
                        "message": "tenure must be an integer",
                        "details": [{"field": "tenure", "message": "must be an integer", "type": "type"}],
                    },
                },
            ],
            "batch_id": "batch_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c",
            "processed_count": 1,
            "failed_count": 1,
            "model_version": "1.2.0",
            "processing_time_ms": 4.5,
        },
    ),
    tag=TAG,
    body=shape(
        ("predictions",),
        {"predictions": listed(ANYTHING)},
        {
            "predictions": [
                {"customer_id": "CUST001", "features": FEATURES},
                {"customer_id": "CUST002", "features": FEATURES},
            ]
        },
    ),
    description="One version answers all rows. A row that does not fit has its own error and costs the others nothing.",
    parameters=(VERSION, KEY),
    refusals=REFUSALS,
)  # fmt: skip
TICKET: Schema = shape(
    ("task_id", "status"),
    {"task_id": TEXT, "status": TEXT, "job_id": TEXT, "links": ANYTHING},
    {
        "task_id": JOB,
        "status": "queued",
        "job_id": JOB,
        "created_at": AT,
        "links": {
            "status": f"/api/v1/job/{JOB}/status",
            "stream": f"/api/v1/job/{JOB}/stream",
            "events": f"/api/v1/jobs/{JOB}/events",
            "cancel": f"/api/v1/jobs/{JOB}/cancel",
            "result": f"/predict/async/{JOB}/result",
        },
    },
)
SUBMIT = Operation(
    "Predict later",
    TICKET,
    tag=TAG,
    status=202,
    body=BODY,
    description="The row is checked now and scored by a worker; its answer waits at `links.result`.",
    parameters=(VERSION, EXPLAIN, KEY),
    refusals=(404, 422, 503),
)
RESULT = Operation(
    "The answer of a prediction that was asked for later",
    PREDICTION,
    tag=TAG,
    description="202 with the task's status while there is none yet; 409 with the reason where there will be none.",
    more={202: TICKET},
    refusals=(404, 409),
)
EXPLAIN_LOGGED = Operation(
    "Why a prediction of the log came out as it did",
    shape(
        ("base_value", "output", "shap_values", "top_features"),
        {**EXPLANATION["properties"], "model_version": TEXT, "prediction_id": TEXT},
        {**PREDICTION_EXAMPLE["explanation"], "model_version": "1.2.0", "prediction_id": ID},
    ),
    tag=TAG,
    description="Told by the version that made it, of the row as it was scored. Counted as no prediction.",
    refusals=(404, 502, 503, 504),
)
