"""Examples for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

HASH = "9f2c4f8d1f0f5f0c1f64d1c2b6a1f6f0f1a0d1c3e5b7a9d8c6b4a2f0e1d3c5b7"
PERSON = {"id": "user_0b7e8a1c5d2f4e6a9c3b1d8f7e6a5c4d", "name": "Ada"}
POLICY: dict[str, Any] = {
    "id": "pol_5f0c6f2f0d4b4b6c8a3f3d1d1f9b7a10",
    "name": "Champions",
    "kind": "model.promotion",
    "selector": "churn-*",
    "quorum": 2,
    "approvers": [],
    "expires_seconds": None,
    "enabled": True,
    "revision": 1,
    "created_at": "2026-01-15T10:30:00Z",
}
APPROVAL: dict[str, Any] = {
    "id": "appr_2f7d6f2f0d4b4b6c8a3f3d1d1f9b7a10",
    "kind": "model.promotion",
    "subject": {"id": "mver_77aa", "name": "churn-predictor", "url": None},
    "title": "Promote churn-predictor version 4 to Production",
    "consequence": "Version 4 answers every prediction of churn-predictor; version 3 is archived.",
    "requester": {"id": "user_9a7e8a1c5d2f4e6a9c3b1d8f7e6a5c4d", "name": "Grace"},
    "state": "pending",
    "reason": "",
    "quorum": 2,
    "given": 1,
    "approvers": [],
    "policy": {"id": POLICY["id"], "name": "Champions"},
    "changes": [{"label": "Production", "before": "version 3", "after": "version 4"}],
    "evidence": {
        "hash": HASH,
        "items": [
            {
                "claim": "Accuracy on last month",
                "value": 0.912,
                "low": 0.904,
                "high": 0.919,
                "threshold": 0.9,
                "sense": ">=",
                "samples": 5000,
                "verdict": "passed",
            }
        ],
    },
    "decisions": [
        {
            "approver": PERSON,
            "verdict": "approve",
            "comment": "Recall is what matters here.",
            "evidence_hash": HASH,
            "credential": "session",
            "lapsed_at": None,
            "at": "2026-01-15T10:45:00Z",
        }
    ],
    "expires_at": "2026-01-22T10:30:00Z",
    "decided_at": None,
    "created_at": "2026-01-15T10:30:00Z",
    "revision": 2,
}
DECIDED = {**APPROVAL, "state": "approved", "given": 2, "decided_at": "2026-01-15T11:00:00Z"}

REFUSED = {**DECIDED, "state": "rejected", "given": 0, "reason": "Recall fell by 4 points."}
TAKEN_BACK = {**DECIDED, "state": "cancelled", "given": 0}

ONE = OpenApiExample("A request that waits", APPROVAL, response_only=True)
APPROVED = OpenApiExample("Approved", DECIDED, response_only=True)
REJECTED = OpenApiExample("Rejected", REFUSED, response_only=True)
CANCELLED = OpenApiExample("Taken back", TAKEN_BACK, response_only=True)
COMMENT = OpenApiExample("With a comment", {"comment": "Looks right."}, request_only=True)
REASON = OpenApiExample("Why not", {"reason": "Recall fell by 4 points."}, request_only=True)
ONE_POLICY = OpenApiExample("A policy", POLICY, response_only=True)
NEW_POLICY = OpenApiExample(
    "Two people for champions",
    {"name": "Champions", "kind": "model.promotion", "selector": "churn-*", "quorum": 2},
    request_only=True,
)
