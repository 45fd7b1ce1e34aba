"""Inviting people by a link that works once, for a week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from apps.core import bus
from apps.core.actor import Actor, Credential, CredentialKind, Role
from apps.core.errors import Conflict, NotFound, PermissionDenied
from apps.core.housekeeping import drop_in_batches
from apps.core.permissions import require
from apps.core.tenancy import organization_scope, unscoped
from apps.core.text import clean_line
from apps.tenants import topics
from apps.tenants.domain.invitations import LIFETIME, digest_of, new_token
from apps.tenants.domain.visit import Visit
from apps.tenants.models import Invitation, Membership, User
from apps.tenants.permissions import TenantPermission
from apps.tenants.queries.identities import identity_from
from apps.tenants.services import attempts, checks, endings, members, passwords

KEPT_AFTER_END = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation and its link, which is never shown again."""

    invitation: Invitation
    url: str


def invite(*, actor: Actor, email: str, role: Role, is_approver: bool = False) -> Invited:
    """Invite an address; an older open invitation to it ends. Raises `Conflict` for members."""
    require(actor, TenantPermission.INVITATION_MANAGE)
    address = checks.check_email(email)
    token = new_token()
    now = timezone.now()
    with transaction.atomic():
        _refuse_member(actor.organization_id, address)
        _revoke_older(actor, address)
        invitation = Invitation.objects.create(
            organization_id=actor.organization_id,
            email=address,
            role=role,
            is_approver=is_approver,
            token_digest=digest_of(token),
            created_by_id=actor.user_id,
            created_at=now,
            expires_at=now + LIFETIME,
        )
        _publish(topics.INVITATION_CREATED, invitation, actor)
    return Invited(invitation, link_of(token))


def revoke_invitation(*, actor: Actor, invitation_id: str) -> Invitation:
    """End an open invitation. Raises `Conflict` when it was accepted; again is no error."""
    require(actor, TenantPermission.INVITATION_MANAGE)
    with transaction.atomic():
        invitation = _found(
            Invitation.objects.select_for_update()
            .filter(organization_id=actor.organization_id, public_id=invitation_id)
            .first()
        )
        if invitation.accepted_at is not None:
            raise Conflict(
                "It was accepted already; remove the member instead.", code="invitation_accepted"
            )
        if invitation.revoked_at is None:
            _revoke(invitation, actor)
    return invitation


def accept_invitation(
    *, token: str, password: str = "", name: str = "", actor: Actor | None = None, visit: Visit
) -> Membership:
    """Join. Whoever has an account proves it, by password or by being signed in; others get one.

    Raises `NotFound` for a link that never was, `Conflict` for one that is used up, revoked or too old,
    `BadCredentials`, `Limited`, `PermissionDenied` (signed in as somebody else) and `Invalid` (weak password).
    """
    with unscoped(reason="whoever holds an invitation's link belongs to no organisation yet"):
        invitation = _open_one(token)
        user = _person(invitation, password, actor, visit)
        with transaction.atomic():
            return _join(token, user, password, name, visit)


def link_of(token: str) -> str:
    # In the query, which access records leave out.
    return f"{settings.SIGNALBOX_PUBLIC_URL.rstrip('/')}/console/invitation?token={quote(token)}"


def forget_closed() -> int:
    """Drop invitations that were accepted, revoked or ran out a month ago, in every organisation."""
    before = timezone.now() - KEPT_AFTER_END
    closed = Q(accepted_at__lt=before) | Q(revoked_at__lt=before) | Q(expires_at__lt=before)
    with unscoped(reason="housekeeping over all organisations"):
        return drop_in_batches(Invitation.objects.filter(closed))


def _revoke_older(actor: Actor, address: str) -> None:
    """End the invitations of this address that nobody used; those that ran out by themselves too."""
    older = Invitation.objects.select_for_update().filter(
        organization_id=actor.organization_id, email=address, accepted_at=None, revoked_at=None
    )
    for invitation in older.order_by("pk"):
        _revoke(invitation, actor)


def _revoke(invitation: Invitation, actor: Actor) -> None:
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at"])
    _publish(topics.INVITATION_REVOKED, invitation, actor)


def _open_one(token: str, *, lock: bool = False) -> Invitation:
    rows = Invitation.objects.filter(token_digest=digest_of(token))
    if lock:
        rows = rows.select_for_update(of=("self",))
    invitation = _found(rows.select_related("organization").first())
    if not invitation.is_open(timezone.now()):
        raise Conflict(
            "This invitation was used, revoked or has expired.", code="invitation_closed"
        )
    return invitation


def _person(
    invitation: Invitation, password: str, actor: Actor | None, visit: Visit
) -> User | None:
    """The account that joins, or None when one is to be made."""
    if actor is not None and actor.credential.kind in (CredentialKind.JWT, CredentialKind.SESSION):
        assert actor.user_id is not None  # whoever is signed in is a person
        user = User.objects.get(pk=actor.user_id)
        if user.email != invitation.email:
            raise PermissionDenied("The invitation is for another address.", code="other_address")
        return user
    if User.objects.filter(email=invitation.email).exists():
        return attempts.verify_password(email=invitation.email, password=password, visit=visit).user
    passwords.check_strength(password, User(email=invitation.email), field="password")
    return None


def _join(token: str, user: User | None, password: str, name: str, visit: Visit) -> Membership:
    invitation = _open_one(token, lock=True)
    if user is None:
        user = _create_user(invitation.email, name, password)
    with organization_scope(invitation.organization_id):
        _refuse_member(invitation.organization_id, user.email)
        membership = Membership.objects.create(
            organization=invitation.organization,
            user=user,
            role=invitation.role,
            is_approver=invitation.is_approver,
        )
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        credential = Credential(CredentialKind.SYSTEM, invitation.public_id)
        actor = Actor(identity_from(membership, credential), visit.request_id, visit.address)
        _publish(topics.INVITATION_ACCEPTED, invitation, actor)
        members.publish(topics.MEMBER_ADDED, membership, actor, None, members.values(membership))
        endings.announce_identities([invitation.organization])
    return membership


def _create_user(email: str, name: str, password: str) -> User:
    user = User(email=email, name=clean_line(name))
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:  # made a moment ago, by another invitation of the same address
        raise Conflict(
            "An account with this address was just made; accept again.", code="account_exists"
        ) from None
    return user


def _refuse_member(organization_id: int, email: str) -> None:
    if Membership.objects.filter(organization_id=organization_id, user__email=email).exists():
        raise Conflict("This person is a member already.", code="already_member")


def _found(invitation: Invitation | None) -> Invitation:
    if invitation is None:
        raise NotFound
    return invitation


def _publish(topic: str, invitation: Invitation, actor: Actor) -> None:
    bus.publish(
        bus.Fact(
            topic,
            organization_id=invitation.organization_id,
            actor=actor,
            object_id=invitation.public_id,
            object_name=invitation.email,
            after={"role": str(invitation.role), "approver": invitation.is_approver},
        )
    )
