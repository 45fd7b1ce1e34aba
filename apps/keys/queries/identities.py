"""What a key amounts to right now, by the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from ipaddress import ip_network
from types import MappingProxyType

from django.conf import settings
from django.utils import timezone

from apps.core.actor import Credential, CredentialKind, Identity, Role
from apps.core.errors import Unauthenticated
from apps.core.limits.rates import parse_rate
from apps.core.permissions import permissions_of
from apps.core.tenancy import unscoped
from apps.keys.domain import secrets
from apps.keys.domain.terms import spending_bound
from apps.keys.models import ApiKey, KeySecret
from apps.tenants.domain.roles import rank
from apps.tenants.queries import identities

_proofs = secrets.Proofs()


def identity_of_key(token: str) -> Identity:
    """The identity behind a key. Only who holds the real secret learns that it expired or was revoked."""
    secret = _matching_secret(token)
    if secret is None:
        raise Unauthenticated
    key, now = secret.key, timezone.now()
    if key.revoked_at is not None or (secret.ends_at is not None and secret.ends_at <= now):
        raise Unauthenticated("This key was revoked.", code="key_revoked")
    if key.expires_at is not None and key.expires_at <= now:
        raise Unauthenticated("This key has expired.", code="key_expired")
    owner = _owner(key)
    if owner is None:
        raise Unauthenticated
    return _identity(key, owner, _soonest(key.expires_at, secret.ends_at))


def identity_of_key_id(*, organization_id: int, key_id: str) -> Identity | None:
    """The same for work that a key asked for earlier; None when it, or its owner, is no more."""
    with unscoped(reason="named by number: the organisation of the work"):
        keys = ApiKey.objects.filter(organization_id=organization_id, revoked_at=None)
        key = keys.filter(public_id=key_id).first()
    if key is None or (key.expires_at is not None and key.expires_at <= timezone.now()):
        return None
    owner = _owner(key)
    return None if owner is None else _identity(key, owner, key.expires_at)


def _matching_secret(token: str) -> KeySecret | None:
    fingerprint = secrets.fingerprint(token, settings.SIGNALBOX_KEY_PEPPER)
    lookup = secrets.lookup_of(fingerprint)
    with unscoped(reason="a key names its organisation, not the other way round"):
        found = list(KeySecret.objects.filter(lookup=lookup).select_related("key"))
    for row in found:
        if secrets.matches(fingerprint, secrets.Kept(row.lookup, row.scheme, row.digest), _proofs):
            return row
    return None


def _owner(key: ApiKey) -> Identity | None:
    credential = Credential(CredentialKind.KEY, key.public_id)
    if key.user_id is not None:
        return identities.identity_of_member(
            user_id=key.user_id, organization_id=key.organization_id, credential=credential
        )
    assert key.service_account_id is not None  # the constraint `keys_apikey_one_owner`
    return identities.identity_of_service_account(
        service_account_id=key.service_account_id, credential=credential
    )


def _identity(key: ApiKey, owner: Identity, expires_at: datetime | None) -> Identity:
    """The key's role, shrunk to what its owner still may."""
    role = min(Role(key.role), owner.role, key=rank)
    is_approver = key.is_approver and owner.is_approver
    return replace(
        owner,
        role=role,
        is_approver=is_approver,
        is_operator=owner.is_operator and role is Role.ADMIN,
        permissions=permissions_of(Role(key.role), is_approver=is_approver) & owner.permissions,
        expires_at=expires_at,
        addresses=tuple(ip_network(text) for text in key.addresses),
        models=None if key.model_names is None else frozenset(key.model_names),
        limits=MappingProxyType({name: parse_rate(rate) for name, rate in key.limits.items()}),
        budget=spending_bound(key.budget),
        cache_seconds=key.cache_seconds,
    )


def _soonest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
