"""Members, invitations and service accounts of the actor's organisation."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound
from apps.core.permissions import require
from apps.core.tenancy import unscoped
from apps.tenants.domain.invitations import digest_of
from apps.tenants.domain.roles import read_role
from apps.tenants.models import Invitation, Membership, ServiceAccount
from apps.tenants.permissions import TenantPermission

INVITATION_STATUSES = ("pending", "accepted", "revoked", "expired")

T = TypeVar("T")


def members(
    actor: Actor, *, role: str | None = None, is_approver: bool | None = None
) -> QuerySet[Membership]:
    require(actor, TenantPermission.MEMBER_VIEW)
    rows = Membership.objects.filter(organization_id=actor.organization_id)
    if role is not None:
        rows = rows.filter(role=read_role(role))
    if is_approver is not None:
        rows = rows.filter(is_approver=is_approver)
    return rows.select_related("user").order_by("pk")


def member(actor: Actor, public_id: str) -> Membership:
    return _found(members(actor).filter(public_id=public_id).first())


def invitations(actor: Actor, *, status: str | None = None) -> QuerySet[Invitation]:
    """Those that can still be accepted and those that are history, the newest first. `Invalid` for no such status."""
    require(actor, TenantPermission.INVITATION_MANAGE)
    rows = Invitation.objects.filter(organization_id=actor.organization_id)
    if status is not None:
        rows = rows.filter(_has_status(status, timezone.now()))
    return rows.select_related("created_by").order_by("-pk")


def invitation(actor: Actor, public_id: str) -> Invitation:
    return _found(invitations(actor).filter(public_id=public_id).first())


def invitation_by_token(token: str) -> Invitation:
    """What a link's holder may see of it, whether open or not; `NotFound` for a made-up one."""
    with unscoped(reason="whoever holds an invitation's link belongs to no organisation yet"):
        found = (
            Invitation.objects.filter(token_digest=digest_of(token))
            .select_related("organization", "created_by")
            .first()
        )
    return _found(found)


def service_accounts(actor: Actor, *, is_active: bool | None = None) -> QuerySet[ServiceAccount]:
    require(actor, TenantPermission.SERVICE_ACCOUNT_VIEW)
    rows = ServiceAccount.objects.filter(organization_id=actor.organization_id)
    if is_active is not None:
        rows = rows.filter(is_active=is_active)
    return rows.select_related("created_by").order_by("pk")


def service_account(actor: Actor, public_id: str) -> ServiceAccount:
    return _found(service_accounts(actor).filter(public_id=public_id).first())


def _has_status(status: str, now: datetime) -> Q:
    """The condition of a status of `INVITATION_STATUSES`, as `Invitation.status` tells it."""
    unused = Q(accepted_at=None, revoked_at=None)
    match status:
        case "accepted":
            return Q(accepted_at__isnull=False)
        case "revoked":
            return Q(accepted_at=None, revoked_at__isnull=False)
        case "pending":
            return unused & Q(expires_at__gt=now)
        case "expired":
            return unused & Q(expires_at__lte=now)
    raise Invalid.field("status", f"must be one of {', '.join(INVITATION_STATUSES)}", "choice")


def _found(row: T | None) -> T:
    if row is None:
        raise NotFound
    return row
