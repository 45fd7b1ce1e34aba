"""The facts of approvals: what they tell the audit trail, live topics and the apps that asked."""

from __future__ import annotations

from typing import Any

from apps.approvals.models import ApprovalRequest
from apps.core import bus
from apps.core.actor import Actor


def values(request: ApprovalRequest) -> dict[str, Any]:
    """What is told of a request; `payload` is the asking app's own, given back to it."""
    return {
        "kind": request.kind,
        "subject": {"id": request.subject_id, "name": request.subject_name},
        "title": request.title,
        "state": str(request.state),
        "requester": {"id": request.requester_id, "name": request.requester_name},
        "evidence_hash": request.evidence_hash,
        "reason": request.reason,
        "payload": request.payload,
    }


def announce(
    topic: str,
    request: ApprovalRequest,
    actor: Actor | None,
    *,
    before: dict[str, Any] | None = None,
    **after: Any,
) -> None:
    """Within the transaction of the deed: a receiver that fails takes the decision back with it."""
    bus.publish(
        bus.Fact(
            topic,
            organization_id=request.organization_id,
            actor=actor,
            object_id=request.public_id,
            object_name=request.title,
            before=before,
            after={
                "state": str(request.state),
                "evidence_hash": request.evidence_hash,
                "reason": request.reason,
                **after,
            },
            data={**values(request), **after},
        )
    )
