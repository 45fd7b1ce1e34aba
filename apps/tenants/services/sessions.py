"""Logins by JWT: open, renew, end, switch. A login lives as long as its newest refresh token is shown in time.

Refreshing twice with one token ends the login, without a grace: the second caller may be a thief, and of two
honest tabs both are asked to log in again.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.core import bus
from apps.core.actor import Actor, Credential, CredentialKind
from apps.core.errors import Conflict, Invalid, NotFound, PermissionDenied
from apps.core.permissions import require
from apps.core.tenancy import organization_scope, unscoped
from apps.tenants import topics
from apps.tenants.domain.tokens import Claims, TokenType, read_token, write_token
from apps.tenants.domain.visit import Visit
from apps.tenants.errors import InvalidToken
from apps.tenants.models import LoginSession, Membership, Organization, User
from apps.tenants.permissions import TenantPermission
from apps.tenants.queries import identities, organizations
from apps.tenants.services import attempts, endings

KEPT_AFTER_END = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Fresh tokens and whose they are. The answer waits `pause` seconds (see `attempts`)."""

    access: str
    refresh: str
    expires_in: int
    user: User
    organization: Organization
    role: str
    pause: float = 0.0


def log_in(*, email: str, password: str, organization: str | None = None, visit: Visit) -> LoggedIn:
    """Open a login in the named organisation (slug or id), else in the person's first."""
    _require_enabled()
    verified = attempts.verify_password(email=email, password=password, visit=visit)
    membership = choose_membership(verified.user, organization)
    return _open(membership, visit, verified.pause)


def choose_membership(user: User, organization: str | None) -> Membership:
    """The place a person who has just proved who they are means. Raises `Invalid` or `PermissionDenied`."""
    memberships = organizations.memberships_of(user.pk)
    if not memberships:
        raise PermissionDenied("You belong to no organisation (any more).", code="no_organization")
    for membership in memberships:
        names = (None, membership.organization.slug, membership.organization.public_id)
        if organization in names:
            return membership
    raise Invalid.field("organization", "is none of yours", "not_a_member")


def refresh(*, refresh_token: str, visit: Visit) -> LoggedIn:
    """Trade the newest refresh token for a new pair. An older one ends the login and raises `InvalidToken`."""
    _require_enabled()
    claims = _read_refresh(refresh_token)
    with unscoped(reason="a refresh token names its login before any organisation is entered"):
        renewed = _renew(claims, visit)
    if renewed is None:
        raise InvalidToken
    return renewed


def log_out(*, actor: Actor, refresh_token: str | None = None) -> None:
    """End the login the actor came by."""
    session_id = _login_of(actor)
    if refresh_token is not None and _read_refresh(refresh_token).session != session_id:
        raise Invalid.field("refresh", "belongs to another login", "other_login")
    with transaction.atomic():
        session = LoginSession.objects.select_for_update().get(public_id=session_id)
        _end(session, topics.SESSION_CLOSED, actor)


def end_login(*, actor: Actor, session_id: str) -> LoginSession:
    """End somebody's login in the actor's organisation. Raises `NotFound`; again is no error."""
    require(actor, TenantPermission.MEMBER_MANAGE)
    with transaction.atomic():
        session = (
            LoginSession.objects.select_for_update()
            .filter(organization_id=actor.organization_id, public_id=session_id)
            .first()
        )
        if session is None:
            raise NotFound
        _end(session, topics.SESSION_CLOSED, actor)
    return session


def switch_organization(*, actor: Actor, organization: str, visit: Visit) -> LoggedIn:
    """End this login and open one in another organisation of the same person."""
    session_id = _login_of(actor)
    assert actor.user_id is not None  # a login is a person's
    user = User.objects.get(pk=actor.user_id)
    membership = choose_membership(user, organization)
    with transaction.atomic():
        session = LoginSession.objects.select_for_update().get(public_id=session_id)
        _end(session, topics.SESSION_CLOSED, actor)
        return _open(membership, visit)


def forget_ended() -> int:
    """Drop logins that ended or ran out a month ago, in every organisation."""
    before = timezone.now() - KEPT_AFTER_END
    with unscoped(reason="housekeeping over all organisations"):
        ended, _ = LoginSession.objects.filter(revoked_at__lt=before).delete()
        expired, _ = LoginSession.objects.filter(expires_at__lt=before).delete()
    return ended + expired


def _require_enabled() -> None:
    if not settings.SIGNALBOX_JWT_ENABLED:
        raise PermissionDenied("Tokens are switched off here; use an API key.", code="jwt_disabled")


def _read_refresh(text: str) -> Claims:
    return read_token(text, expected=TokenType.REFRESH, secret=settings.SIGNALBOX_JWT_SECRET)


def _login_of(actor: Actor) -> str:
    if actor.credential.kind is not CredentialKind.JWT:
        raise Conflict(
            "Only a login by token can do this, not a key or a browser session.", code="not_a_login"
        )
    return actor.credential.id


def _open(membership: Membership, visit: Visit, pause: float = 0.0) -> LoggedIn:
    now = timezone.now()
    token_id = secrets.token_hex(16)
    with organization_scope(membership.organization_id), transaction.atomic():
        session = LoginSession.objects.create(
            organization=membership.organization,
            user=membership.user,
            refresh_digest=_digest(token_id),
            created_at=now,
            refreshed_at=now,
            expires_at=now + settings.SIGNALBOX_JWT_REFRESH_LIFETIME,
            address=visit.address[:45],
            user_agent=visit.user_agent[:200],
        )
        _publish(topics.SESSION_OPENED, session, _actor_of(membership, session, visit))
    return _tokens(membership, session, token_id, now, pause)


def _renew(claims: Claims, visit: Visit) -> LoggedIn | None:
    """None when the login is over, or was ended just now: raising inside the transaction would undo that."""
    with transaction.atomic():
        session = _lock(claims.session)
        if session is None or session.revoked_at is not None:
            return None
        if session.refresh_digest != _digest(claims.token_id):
            with organization_scope(session.organization_id):
                _end(session, topics.SESSION_REPLAYED, None, shown_from=visit.address)
            return None
        membership = _membership_of(session, claims.version)
        if membership is None:
            return None
        return _rotate(session, membership)


def _lock(session_id: str) -> LoginSession | None:
    try:
        return LoginSession.objects.select_for_update().filter(public_id=session_id).first()
    except NotFound:  # signed by us, but the id is none of ours
        return None


def _membership_of(session: LoginSession, version: int) -> Membership | None:
    return (
        Membership.objects.filter(
            user_id=session.user_id,
            organization_id=session.organization_id,
            user__is_active=True,
            user__token_version=version,
        )
        .select_related("user", "organization")
        .first()
    )


def _rotate(session: LoginSession, membership: Membership) -> LoggedIn:
    now = timezone.now()
    token_id = secrets.token_hex(16)
    session.refresh_digest = _digest(token_id)
    session.refreshed_at = now
    session.expires_at = now + settings.SIGNALBOX_JWT_REFRESH_LIFETIME
    session.save(update_fields=["refresh_digest", "refreshed_at", "expires_at"])
    return _tokens(membership, session, token_id, now, 0.0)


def _end(session: LoginSession, topic: str, actor: Actor | None, **data: str) -> None:
    if session.revoked_at is not None:
        return
    session.revoked_at = timezone.now()
    session.save(update_fields=["revoked_at"])
    _publish(topic, session, actor, **data)
    endings.announce_identities([session.organization])


def _tokens(
    membership: Membership, session: LoginSession, token_id: str, now: datetime, pause: float
) -> LoggedIn:
    def write(kind: TokenType, jti: str, lifetime: timedelta) -> str:
        claims = Claims(
            type=kind,
            user=membership.user.public_id,
            organization=membership.organization.public_id,
            role=membership.role,
            version=membership.user.token_version,
            session=session.public_id,
            token_id=jti,
            issued_at=now,
            expires_at=now + lifetime,
        )
        return write_token(claims, secret=settings.SIGNALBOX_JWT_SECRET)

    lifetime: timedelta = settings.SIGNALBOX_JWT_LIFETIME
    return LoggedIn(
        access=write(TokenType.ACCESS, secrets.token_hex(16), lifetime),
        refresh=write(TokenType.REFRESH, token_id, settings.SIGNALBOX_JWT_REFRESH_LIFETIME),
        expires_in=int(lifetime.total_seconds()),
        user=membership.user,
        organization=membership.organization,
        role=membership.role,
        pause=pause,
    )


def _digest(token_id: str) -> str:
    return hashlib.sha256(token_id.encode()).hexdigest()


def _actor_of(membership: Membership, session: LoginSession, visit: Visit) -> Actor:
    credential = Credential(CredentialKind.JWT, session.public_id)
    return Actor(identities.identity_from(membership, credential), visit.request_id, visit.address)


def _publish(topic: str, session: LoginSession, actor: Actor | None, **data: str) -> None:
    bus.publish(
        bus.Fact(
            topic,
            organization_id=session.organization_id,
            actor=actor,
            object_id=session.public_id,
            object_name=session.user.email,
            after={"address": session.address, "user_agent": session.user_agent},
            data=data,
        )
    )
