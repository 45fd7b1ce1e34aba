"""What a credential amounts to right now. Everything here answers before any organisation is entered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.db.models import F, Q
from django.utils.crypto import constant_time_compare

from apps.core.actor import Credential, CredentialKind, Identity, Role
from apps.core.errors import NotFound, Unauthenticated
from apps.core.permissions import permissions_of
from apps.core.tenancy import unscoped
from apps.tenants.domain import tokens
from apps.tenants.errors import InvalidToken
from apps.tenants.models import Membership, Organization, ServiceAccount, User

SESSION_ORGANIZATION = "organization"
"""Where a browser session keeps the public id of the organisation its person chose."""


def identity_of_member(
    *, user_id: int, organization_id: int, credential: Credential
) -> Identity | None:
    """A person in an organisation; None when they are switched off or no member (any more)."""
    membership = _first_membership(Q(user_id=user_id, organization_id=organization_id))
    return None if membership is None else identity_from(membership, credential)


def approvers_among(*, user_ids: Iterable[str], organization_id: int) -> set[str]:
    """Public ids of those of these people who are members here with the approver grant, now."""
    condition = Q(
        user__public_id__in=list(user_ids), organization_id=organization_id, is_approver=True
    )
    return {membership.user.public_id for membership in _memberships(condition)}


def identity_of_service_account(
    *, service_account_id: int, credential: Credential
) -> Identity | None:
    """A program; None when it is switched off."""
    with unscoped(reason="a credential names its owner before any organisation is known"):
        account = (
            ServiceAccount.objects.filter(pk=service_account_id, is_active=True)
            .select_related("organization")
            .first()
        )
    if account is None:
        return None
    organization = account.organization
    return Identity(
        organization_id=organization.pk,
        organization=organization.public_id,
        organization_slug=organization.slug,
        organization_name=organization.name,
        principal=account.public_id,
        name=account.name,
        role=Role.SERVICE,
        permissions=permissions_of(Role.SERVICE),
        credential=credential,
        service_account_id=account.pk,
    )


def identity_of_login(*, session_id: str, version: int, expires_at: datetime) -> Identity | None:
    """A login by JWT; None when it was ended, or its person's tokens were."""
    # One filter() call, so that all three conditions speak of the same login.
    condition = Q(
        user__login_sessions__public_id=session_id,
        user__login_sessions__organization_id=F("organization_id"),
        user__login_sessions__revoked_at=None,
        user__token_version=version,
    )
    membership = _first_membership(condition)
    if membership is None:
        return None
    return identity_from(
        membership, Credential(CredentialKind.JWT, session_id), expires_at=expires_at
    )


def identity_of_access_token(token: str) -> Identity:
    """The identity behind an access token; `Unauthenticated` for any other text."""
    if not settings.SIGNALBOX_JWT_ENABLED:
        raise InvalidToken
    claims = tokens.read_token(
        token, expected=tokens.TokenType.ACCESS, secret=settings.SIGNALBOX_JWT_SECRET
    )
    try:
        identity = identity_of_login(
            session_id=claims.session, version=claims.version, expires_at=claims.expires_at
        )
    except NotFound:  # signed by us, but the session's id is none of ours
        identity = None
    if identity is None:
        raise InvalidToken
    return identity


def identity_of_browser_session(session_key: str) -> Identity:
    """The identity behind a Django session; `Unauthenticated` when it ended in any way."""
    stored = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user_id = _integer(stored.get(SESSION_KEY))
    if user_id is None:
        raise Unauthenticated
    membership = _chosen(_memberships(Q(user_id=user_id)), stored.get(SESSION_ORGANIZATION))
    if membership is None or not constant_time_compare(
        stored.get(HASH_SESSION_KEY, ""), membership.user.get_session_auth_hash()
    ):
        raise Unauthenticated
    return identity_from(
        membership, Credential(CredentialKind.SESSION, browser_session_id(session_key))
    )


def identity_of_operator(user: User, session_key: str, organization: Organization) -> Identity:
    """The operator at work in the admin, in somebody's organisation and perhaps a member of none."""
    if not (user.is_active and user.is_staff):
        raise Unauthenticated
    return Identity(
        organization_id=organization.pk,
        organization=organization.public_id,
        organization_slug=organization.slug,
        organization_name=organization.name,
        principal=user.public_id,
        name=user.name or user.email,
        email=user.email,
        role=Role.ADMIN,
        permissions=permissions_of(Role.ADMIN),
        credential=Credential(CredentialKind.SESSION, browser_session_id(session_key)),
        user_id=user.pk,
        is_operator=True,
    )


def identity_from(
    membership: Membership, credential: Credential, *, expires_at: datetime | None = None
) -> Identity:
    """Plain values of a membership whose user and organisation are loaded."""
    user, organization, role = membership.user, membership.organization, Role(membership.role)
    return Identity(
        organization_id=organization.pk,
        organization=organization.public_id,
        organization_slug=organization.slug,
        organization_name=organization.name,
        principal=user.public_id,
        name=user.name or user.email,
        email=user.email,
        role=role,
        permissions=permissions_of(role, is_approver=membership.is_approver),
        credential=credential,
        user_id=user.pk,
        is_approver=membership.is_approver,
        is_operator=user.is_staff,
        expires_at=expires_at,
    )


def browser_session_id(session_key: str) -> str:
    """The name of a browser session in records. The key itself opens the session, so they hold its digest."""
    return f"web_{hashlib.sha256(session_key.encode()).hexdigest()[:32]}"


def _memberships(condition: Q) -> list[Membership]:
    with unscoped(reason="a credential names its owner before any organisation is known"):
        return list(
            Membership.objects.filter(condition, user__is_active=True)
            .select_related("user", "organization")
            .order_by("pk")
        )


def _first_membership(condition: Q) -> Membership | None:
    return next(iter(_memberships(condition)), None)


def _chosen(memberships: Iterable[Membership], organization: Any) -> Membership | None:
    """The one chosen, the first when none was; never another one instead of the chosen."""
    return next(
        (each for each in memberships if organization in (None, each.organization.public_id)), None
    )


def _integer(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else None
