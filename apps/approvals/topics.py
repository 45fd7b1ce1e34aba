"""The facts this app announces; `docs/approvals.md` says how other apps act on them."""

from __future__ import annotations

from typing import Final

REQUEST_CREATED: Final = "approvals.request.created"
REQUEST_ENDORSED: Final = "approvals.request.endorsed"
"""One approval of several; the one that completes the quorum is `approved`."""
REQUEST_APPROVED: Final = "approvals.request.approved"
REQUEST_REJECTED: Final = "approvals.request.rejected"
REQUEST_EXPIRED: Final = "approvals.request.expired"
REQUEST_CANCELLED: Final = "approvals.request.cancelled"
REQUEST_VOIDED: Final = "approvals.request.voided"
REQUEST_RENEWED: Final = "approvals.request.renewed"

POLICY_CREATED: Final = "approvals.policy.created"
POLICY_UPDATED: Final = "approvals.policy.updated"
POLICY_DELETED: Final = "approvals.policy.deleted"
