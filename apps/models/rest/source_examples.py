"""Examples of sources in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from apps.jobs.domain.results import links_of

JOB = "job_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c"
FOLLOW = {"model": "Churn", "alias": "champion", "as": "churn-predictor"}
SOURCE: dict[str, Any] = {
    "id": "msrc_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c",
    "name": "lab",
    "url": "https://mlflow.example.com",
    "auth": "bearer",
    "username": "",
    "has_credential": True,
    "credential_hint": "cdef",
    "follows": [FOLLOW],
    "every_seconds": 3600,
    "enabled": True,
    "owner": "user_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c",
    "next_at": "2026-01-15T11:30:00Z",
    "synced_at": "2026-01-15T10:30:00Z",
    "sync_error": "",
    "outcomes": [
        {
            "place": "churn-predictor@champion",
            **FOLLOW,
            "state": "moved",
            "remote_version": "7",
            "version": "mlflow-7",
            "approval_id": None,
            "message": "",
        }
    ],
    "created_at": "2026-01-10T12:00:00Z",
    "revision": 1,
}
TICKET: dict[str, Any] = {
    "job_id": JOB,
    "status": "queued",
    "created_at": "2026-01-15T10:30:00Z",
    "links": links_of(JOB),
}
