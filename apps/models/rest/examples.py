"""Examples of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from apps.jobs.domain.results import links_of

SCHEMA: dict[str, Any] = {
    "tenure": {"type": "integer", "min": 0, "max": 100},
    "monthly_charges": {"type": "number", "min": 0, "max": 200},
    "contract": {"type": "string", "enum": ["Month-to-month", "One year", "Two year"]},
}
DIGEST = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
MODEL: dict[str, Any] = {
    "id": "model_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c",
    "name": "churn-predictor",
    "description": "Customer churn prediction model",
    "tags": {"team": "retention"},
    "current_version": "1.2.0",
    "latest_version": "1.3.0",
    "versions": 2,
    "aliases": {"champion": "1.2.0"},
    "owner": "user_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c",
    "managed_by": "",
    "log_share": 1.0,
    "created_at": "2026-01-10T12:00:00Z",
    "updated_at": "2026-01-15T10:30:00Z",
    "revision": 3,
}
DETAIL: dict[str, Any] = {
    **MODEL,
    "feature_schema": SCHEMA,
    "last_prediction": "2026-01-15T10:30:00.123456Z",
    "total_predictions": 15420,
}
VERSION: dict[str, Any] = {
    "id": "mver_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c",
    "model": "churn-predictor",
    "version": "1.2.0",
    "number": 2,
    "stage": "Production",
    "status": "ready",
    "refusal": None,
    "format": "onnx",
    "task": "classification",
    "digest": DIGEST,
    "size": 20480,
    "file_name": "churn.onnx",
    "feature_schema": SCHEMA,
    "input_example": {"tenure": 12, "monthly_charges": 65.0, "contract": "Month-to-month"},
    "background_rows": 100,
    "metrics": {"accuracy": 0.85, "precision": 0.82, "recall": 0.79},
    "lineage": {"run_id": "f3a4b5c", "commit": "9f3c0d1", "data": "customers-2026-01"},
    "description": "",
    "tags": {},
    "aliases": ["champion"],
    "created_by": "user_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c",
    "created_at": "2026-01-15T08:00:00Z",
    "updated_at": "2026-01-15T08:00:00Z",
    "revision": 1,
}
JOB = "job_7d0f3b5c9a1e4c2f8b6d4a2c0e8f6b4d"
CHECKING: dict[str, Any] = {
    **VERSION,
    "stage": "None",
    "status": "checking",
    "task": "",
    "size": 209715200,
    "feature_schema": {},
    "aliases": [],
    "job_id": JOB,
    "links": links_of(JOB),
}
CATALOG: dict[str, Any] = {
    "models": [
        {
            "name": "churn-predictor",
            "versions": [
                {
                    "version": "1.2.0",
                    "stage": "Production",
                    "created_at": "2026-01-15T08:00:00Z",
                    "metrics": {"accuracy": 0.85, "precision": 0.82, "recall": 0.79},
                }
            ],
        }
    ]
}
WAITING: dict[str, Any] = {
    "approval_id": "appr_5f0c6f2f0d4b4b6c8a3f3d1d1f9b7a10",
    "status": "pending_approval",
    "model": "churn-predictor",
    "version": "1.3.0",
    "stage": "Staging",
}
COMPARISON: dict[str, Any] = {
    "versions": ["1.2.0", "1.3.0"],
    "metrics": {"accuracy": [0.85, 0.87]},
    "features": {"tenure": [{"type": "integer", "min": 0}, {"type": "integer"}]},
    "lineage": {"commit": ["9f3c0d1", "0d1e2f3"]},
    "about": {
        "format": ["onnx", "onnx"],
        "stage": ["Production", "Staging"],
        "size": [20480, 20992],
    },
}
