"""Approvals for tests, asked for by the service as another app would."""

from __future__ import annotations

from itertools import count
from typing import Any

from apps.approvals.domain.terms import Terms
from apps.approvals.models import ApprovalRequest, Policy
from apps.approvals.services import policies, requests
from apps.core.actor import Actor
from apps.core.tenancy import organization_scope

KIND = "demo.promotion"
"""No app listens to the decisions on this kind."""
EVIDENCE = [
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
]
CHANGES = [{"label": "Production", "before": "version 3", "after": "version 4"}]
_numbers = count(1)


def make_approval(actor: Actor, *, quorum: int = 1, **values: Any) -> ApprovalRequest:
    number = next(_numbers)
    given: dict[str, Any] = {
        "kind": KIND,
        "subject_id": f"mver_{number}",
        "subject_name": "churn-predictor",
        "title": f"Promote churn-predictor version {number}",
        "changes": CHANGES,
        "evidence": EVIDENCE,
        "payload": {"version": number},
        "consequence": "Version 4 answers every prediction.",
        "terms": Terms(quorum=quorum),
        **values,
    }
    with organization_scope(actor.organization_id):
        request = requests.request_approval(actor=actor, **given)
    assert request is not None
    return request


def make_policy(actor: Actor, **values: Any) -> Policy:
    given = {"name": f"policy {next(_numbers)}", "kind": KIND, **values}
    with organization_scope(actor.organization_id):
        return policies.create_policy(actor=actor, **given)
