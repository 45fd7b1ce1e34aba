"""Every change of a key: issue, change, rotate, revoke. The secret leaves through the return value, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.core import bus, changes
from apps.core.actor import Actor, Role
from apps.core.errors import Conflict, Invalid, NotFound, Stale
from apps.core.permissions import permissions_of, require
from apps.keys import topics
from apps.keys.domain import secrets, terms
from apps.keys.models import ApiKey, KeySecret
from apps.keys.permissions import KeyPermission
from apps.tenants.models import Membership, ServiceAccount

MAX_GRACE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Issued:
    """A key and its secret, which nobody can show again."""

    key: ApiKey
    secret: str


def issue_key(
    *,
    actor: Actor,
    name: str,
    role: Role,
    is_approver: bool = False,
    owner_id: str | None = None,
    prefix: str | None = None,
    expires_at: datetime | None = None,
    limits: Mapping[str, Any] | None = None,
    addresses: list[Any] | None = None,
    models: list[Any] | None = None,
    budget: Mapping[str, Any] | None = None,
) -> Issued:
    """Make a key for oneself, or as an admin for a member or service account.

    Raises `PermissionDenied`, `Invalid` (a term, a role or grant above the maker's or the owner's), `NotFound` (owner).
    """
    require(actor, KeyPermission.CREATE)
    _refuse_more_than_maker(actor, role, is_approver=is_approver)
    owner = _owner(actor, owner_id)
    key = ApiKey(
        organization_id=actor.organization_id,
        name=name,
        role=role.value,
        is_approver=is_approver,
        created_by_id=actor.user_id,
        prefix=_checked_prefix(prefix),
        expires_at=_checked_expiry(expires_at),
        limits=terms.check_limits(limits or {}, limit_classes()),
        addresses=terms.check_addresses(addresses or []),
        model_names=terms.check_models(models),
        budget=terms.check_budget(budget),
        **owner,
    )
    secret = secrets.new_secret(key.prefix)
    key.hint = secret[-4:]
    with transaction.atomic():
        key.save()
        _keep(key, secret)
        _publish(topics.KEY_CREATED, key, actor, None, values(key))
    return Issued(key, secret)


def update_key(
    *, actor: Actor, key_id: str, expected_revision: int | None = None, **new: Any
) -> ApiKey:
    """Change name, expiry, limits, addresses, models or budget; what is not named stays. Raises `Stale`, `Conflict`."""
    with transaction.atomic():
        key = _lock(actor, key_id)
        _refuse_revoked(key)
        if expected_revision not in (None, key.revision):
            raise Stale
        before = values(key)
        for field, value in _checked(new).items():
            setattr(key, field, value)
        key.revision += 1
        key.save()
        _publish(topics.KEY_UPDATED, key, actor, before, values(key))
        changes.announce_change(f"identity:{actor.identity.organization}")
    return key


def rotate_key(*, actor: Actor, key_id: str, grace_seconds: int = 0) -> Issued:
    """Give the key a new secret; the old one works for the grace and no longer."""
    grace = timedelta(seconds=grace_seconds)
    if not timedelta(0) <= grace <= MAX_GRACE:
        raise Invalid.field("grace_seconds", f"must be 0 to {int(MAX_GRACE.total_seconds())}", "range")
    with transaction.atomic():
        key = _lock(actor, key_id)
        _refuse_revoked(key)
        secret = secrets.new_secret(key.prefix)
        # An older secret still in grace ends now: there are at most two at a time.
        now = timezone.now()
        KeySecret.objects.filter(key=key, ends_at__gt=now).update(ends_at=now)
        KeySecret.objects.filter(key=key, ends_at=None).update(ends_at=now + grace)
        _keep(key, secret)
        key.hint = secret[-4:]
        key.revision += 1
        key.save(update_fields=["hint", "revision"])
        _publish(topics.KEY_ROTATED, key, actor, None, {"grace_seconds": grace_seconds})
        changes.announce_change(f"identity:{actor.identity.organization}")
    return Issued(key, secret)


def revoke_key(*, actor: Actor, key_id: str) -> ApiKey:
    """End a key for good; again is no error."""
    with transaction.atomic():
        key = _lock(actor, key_id)
        if key.revoked_at is None:
            key.revoked_at = timezone.now()
            key.revision += 1
            key.save(update_fields=["revoked_at", "revision"])
            _publish(topics.KEY_REVOKED, key, actor, {"state": "active"}, {"state": "revoked"})
            changes.announce_change(f"identity:{actor.identity.organization}")
    return key


def values(key: ApiKey) -> dict[str, Any]:
    """What the audit trail keeps of a key."""
    return {
        "name": key.name,
        "role": key.role,
        "is_approver": key.is_approver,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "limits": key.limits,
        "addresses": key.addresses,
        "models": key.model_names,
        "budget": key.budget,
    }


def limit_classes() -> set[str]:
    return {"all", *settings.SIGNALBOX_RATES}


def _refuse_more_than_maker(actor: Actor, role: Role, *, is_approver: bool) -> None:
    if not permissions_of(role) <= actor.permissions:
        raise Invalid.field("role", "is more than you hold yourself", "role")
    if is_approver and not actor.identity.is_approver:
        raise Invalid.field("approver", "is a grant you do not hold yourself", "approver")


def _owner(actor: Actor, owner_id: str | None) -> dict[str, int]:
    """The owner as a column and its value: oneself unless an admin names another."""
    if owner_id is None or owner_id == actor.principal:
        if actor.user_id is not None:
            return {"user_id": actor.user_id}
        assert actor.service_account_id is not None  # an actor is one or the other
        return {"service_account_id": actor.service_account_id}
    require(actor, KeyPermission.MANAGE_ALL)
    return _owner_in_organization(actor.organization_id, owner_id)


def _owner_in_organization(organization_id: int, owner_id: str) -> dict[str, int]:
    if owner_id.startswith("svc_"):
        account = ServiceAccount.objects.filter(organization_id=organization_id, public_id=owner_id).first()
        if account is not None:
            return {"service_account_id": account.pk}
    elif owner_id.startswith("user_"):
        member = Membership.objects.filter(organization_id=organization_id, user__public_id=owner_id).first()
        if member is not None:
            return {"user_id": member.user_id}
    raise NotFound("There is no such owner in this organisation.")


def _checked_prefix(prefix: str | None) -> str:
    allowed: tuple[str, ...] = settings.SIGNALBOX_KEY_PREFIXES
    if prefix is not None and prefix not in allowed:
        raise Invalid.field("prefix", f"must be one of {', '.join(sorted(set(allowed)))}", "choice")
    return prefix or settings.SIGNALBOX_KEY_PREFIX


def _checked_expiry(expires_at: datetime | None) -> datetime | None:
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid.field("expires_at", "must lie in the future", "past")
    return expires_at


def _checked(new: Mapping[str, Any]) -> dict[str, Any]:
    """The changed columns, each checked as at birth."""
    checks: dict[str, tuple[str, Any]] = {
        "name": ("name", lambda value: value),
        "expires_at": ("expires_at", _checked_expiry),
        "limits": ("limits", lambda value: terms.check_limits(value or {}, limit_classes())),
        "addresses": ("addresses", lambda value: terms.check_addresses(value or [])),
        "models": ("model_names", terms.check_models),
        "budget": ("budget", terms.check_budget),
    }
    return {checks[name][0]: checks[name][1](value) for name, value in new.items()}


def _lock(actor: Actor, key_id: str) -> ApiKey:
    require(actor, KeyPermission.VIEW)
    keys = ApiKey.objects.filter(organization_id=actor.organization_id)
    key = keys.select_for_update(of=("self",)).filter(public_id=key_id).first()
    if key is None:
        raise NotFound
    require(actor, KeyPermission.MANAGE, key)
    return key


def _refuse_revoked(key: ApiKey) -> None:
    if key.revoked_at is not None:
        raise Conflict("The key was revoked; make a new one.", code="key_revoked")


def _keep(key: ApiKey, secret: str) -> None:
    kept = secrets.keep(secret, scheme=settings.SIGNALBOX_KEY_HASH, pepper=settings.SIGNALBOX_KEY_PEPPER)
    KeySecret.objects.create(
        organization_id=key.organization_id, key=key, lookup=kept.lookup, scheme=kept.scheme, digest=kept.digest
    )


def _publish(
    topic: str, key: ApiKey, actor: Actor, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> None:
    bus.publish(
        bus.Fact(
            topic,
            organization_id=key.organization_id,
            actor=actor,
            object_id=key.public_id,
            object_name=key.name,
            before=before,
            after=after,
        )
    )


