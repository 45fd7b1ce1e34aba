"""What may be done with approvals, and who may."""

from __future__ import annotations

from typing import Any

from apps.core.actor import Actor, Role
from apps.core.permissions import ADMINS, CALLERS, EVERYONE, Permission, grant


class ApprovalsPermission(Permission):
    """Approvals."""

    VIEW = "approvals.request.view"
    DECIDE = "approvals.request.decide"
    CANCEL = "approvals.request.cancel"
    POLICY_MANAGE = "approvals.policy.manage"


def may_cancel(actor: Actor, request: Any) -> bool:
    """One's own, or as an administrator anybody's."""
    return actor.role is Role.ADMIN or actor.principal == request.requester_id


grant(
    ApprovalsPermission.VIEW,
    to=EVERYONE,
    doc="See what waits for approval, its evidence, what was decided, and the policies.",
)
grant(
    ApprovalsPermission.DECIDE,
    to=(),
    doc="Approve or reject what others ask for.",
    needs_approver=True,
)
grant(
    ApprovalsPermission.CANCEL,
    to=CALLERS,
    doc="Take back one's own requests; as an administrator anybody's.",
    rule=may_cancel,
)
grant(
    ApprovalsPermission.POLICY_MANAGE,
    to=ADMINS,
    doc="Say what needs approval, by how many, by whom.",
)
