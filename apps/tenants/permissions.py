"""What may be done with organisations and people, and which roles may."""

from __future__ import annotations

from apps.core.actor import Role
from apps.core.permissions import ADMINS, EVERYONE, Permission, grant


class TenantPermission(Permission):
    """Organisations, members, invitations, service accounts."""

    ORGANIZATION_VIEW = "tenants.organization.view"
    ORGANIZATION_CREATE = "tenants.organization.create"
    ORGANIZATION_CHANGE = "tenants.organization.change"
    MEMBER_VIEW = "tenants.member.view"
    MEMBER_MANAGE = "tenants.member.manage"
    INVITATION_MANAGE = "tenants.invitation.manage"
    SERVICE_ACCOUNT_VIEW = "tenants.service_account.view"
    SERVICE_ACCOUNT_MANAGE = "tenants.service_account.manage"


# Programs see the organisation and no more of it: people are people's matter.
_READERS = EVERYONE - {Role.SERVICE}

grant(TenantPermission.ORGANIZATION_VIEW, to=EVERYONE, doc="See the organisation one belongs to.")
grant(
    TenantPermission.ORGANIZATION_CREATE,
    to=ADMINS,
    doc="Found another organisation; the operator of the house alone.",
)
grant(TenantPermission.ORGANIZATION_CHANGE, to=ADMINS, doc="Rename the organisation.")
grant(TenantPermission.MEMBER_VIEW, to=_READERS, doc="See who belongs to the organisation.")
grant(
    TenantPermission.MEMBER_MANAGE,
    to=ADMINS,
    doc="Change a member's role and approver grant, or remove them.",
)
grant(
    TenantPermission.INVITATION_MANAGE, to=ADMINS, doc="Invite people, see and revoke invitations."
)
grant(TenantPermission.SERVICE_ACCOUNT_VIEW, to=_READERS, doc="See the service accounts.")
grant(
    TenantPermission.SERVICE_ACCOUNT_MANAGE,
    to=ADMINS,
    doc="Create, rename, switch off and on service accounts.",
)
