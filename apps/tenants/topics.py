"""The facts this app announces."""

from __future__ import annotations

from typing import Final

ORGANIZATION_CREATED: Final = "tenants.organization.created"
ORGANIZATION_UPDATED: Final = "tenants.organization.updated"

MEMBER_ADDED: Final = "tenants.member.added"
MEMBER_ROLE_CHANGED: Final = "tenants.member.role_changed"
MEMBER_REMOVED: Final = "tenants.member.removed"

INVITATION_CREATED: Final = "tenants.invitation.created"
INVITATION_ACCEPTED: Final = "tenants.invitation.accepted"
INVITATION_REVOKED: Final = "tenants.invitation.revoked"

SERVICE_ACCOUNT_CREATED: Final = "tenants.service_account.created"
SERVICE_ACCOUNT_UPDATED: Final = "tenants.service_account.updated"

USER_UPDATED: Final = "tenants.user.updated"
PASSWORD_CHANGED: Final = "tenants.user.password_changed"  # noqa: S105 - the name of a fact

SESSION_OPENED: Final = "tenants.session.opened"
SESSION_CLOSED: Final = "tenants.session.closed"
SESSION_REPLAYED: Final = "tenants.session.replayed"
"""An old refresh token came back, so somebody holds a copy: the session was ended."""
