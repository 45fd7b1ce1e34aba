"""Changing what members are, and removing them. Joining is an accepted invitation."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.core import bus
from apps.core.actor import Actor, Role
from apps.core.errors import NotFound, PermissionDenied, Stale
from apps.core.permissions import require
from apps.tenants import topics
from apps.tenants.domain.roles import rank
from apps.tenants.errors import LastAdmin
from apps.tenants.models import Membership, Organization
from apps.tenants.permissions import TenantPermission
from apps.tenants.services import checks, endings


def change_member(
    *,
    actor: Actor,
    member_id: str,
    role: Role | None = None,
    is_approver: bool | None = None,
    expected_revision: int | None = None,
) -> Membership:
    """Give another role or the approver grant. Raises `NotFound`, `Stale`, `LastAdmin`, `PermissionDenied`."""
    require(actor, TenantPermission.MEMBER_MANAGE)
    checks.require_change(role, is_approver)
    with transaction.atomic():
        membership = _lock(actor, member_id)
        if expected_revision not in (None, membership.revision):
            raise Stale
        before = values(membership)
        _refuse_self_raise(actor, membership, role, is_approver)
        if role is not None and role is not Role.ADMIN:
            _keep_an_admin(membership)
        membership.role = role or membership.role
        membership.is_approver = membership.is_approver if is_approver is None else is_approver
        membership.revision += 1
        membership.save(update_fields=["role", "is_approver", "revision"])
        publish(topics.MEMBER_ROLE_CHANGED, membership, actor, before, values(membership))
        endings.announce_identities([membership.organization])
    return membership


def remove_member(*, actor: Actor, member_id: str) -> None:
    """Take someone out of the organisation; all their logins end, here and elsewhere. Raises `LastAdmin`."""
    require(actor, TenantPermission.MEMBER_MANAGE)
    with transaction.atomic():
        membership = _lock(actor, member_id)
        _keep_an_admin(membership)
        concerned = endings.organizations_of(membership.user_id)
        publish(topics.MEMBER_REMOVED, membership, actor, values(membership), None)
        membership.delete()
        endings.end_tokens(membership.user_id)
        endings.announce_identities(concerned)


def values(membership: Membership) -> dict[str, Any]:
    return {"role": str(membership.role), "approver": membership.is_approver}


def publish(
    topic: str,
    membership: Membership,
    actor: Actor | None,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    bus.publish(
        bus.Fact(
            topic,
            organization_id=membership.organization_id,
            actor=actor,
            object_id=membership.public_id,
            object_name=membership.user.email,
            before=before,
            after=after,
        )
    )


def _lock(actor: Actor, member_id: str) -> Membership:
    # The organisation's row first: two administrators who demote each other at once would otherwise both succeed.
    Organization.objects.select_for_update(no_key=True).get(pk=actor.organization_id)
    membership = (
        Membership.objects.select_for_update(of=("self",))
        .filter(organization_id=actor.organization_id, public_id=member_id)
        .select_related("user", "organization")
        .first()
    )
    if membership is None:
        raise NotFound
    return membership


def _refuse_self_raise(
    actor: Actor, membership: Membership, role: Role | None, is_approver: bool | None
) -> None:
    if membership.user_id != actor.user_id:
        return
    is_higher = role is not None and rank(role) > rank(Role(membership.role))
    if is_higher or (is_approver and not membership.is_approver):
        raise PermissionDenied(
            "Nobody raises themselves; ask another administrator.", code="self_raise"
        )


def _keep_an_admin(membership: Membership) -> None:
    if membership.role != Role.ADMIN:
        return
    others = Membership.objects.filter(
        organization_id=membership.organization_id, role=Role.ADMIN, user__is_active=True
    ).exclude(pk=membership.pk)
    if not others.exists():
        raise LastAdmin
