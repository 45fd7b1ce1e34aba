"""Every change of a key: issue, change, rotate, revoke. The secret leaves through the return value, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.core import bus, changes
from apps.core.actor import Actor, Role
from apps.core.errors import Conflict, Invalid, NotFound, PermissionDenied, Stale
from apps.core.permissions import has, require
from apps.keys import topics
from apps.keys.domain import secrets, terms
from apps.keys.models import ApiKey, KeySecret
from apps.keys.permissions import KeyPermission
from apps.keys.queries import keys as queries
from apps.keys.services import bounds

MAX_GRACE_SECONDS = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Issued:
    """A key and its secret, which nobody can show again."""

    key: ApiKey
    secret: str


class Changes(TypedDict, total=False):
    """What may be changed of a key; what is not named stays."""

    name: str
    expires_at: datetime | None
    limits: Mapping[str, Any]
    addresses: list[Any]
    models: list[Any] | None
    budget: Mapping[str, Any] | None


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

    A key that makes a key hands on its own terms where none are given. Raises `PermissionDenied` (more than the
    maker holds), `Invalid` (a term that cannot be read or goes too far, a role above the owner's), `NotFound` (owner).
    """
    require(actor, KeyPermission.CREATE)
    owner = bounds.owner_for(actor, owner_id)
    bounds.refuse_more_than_maker(actor, role)
    bounds.refuse_foreign_approval(actor, is_approver=is_approver, owner_user_id=owner.user_id)
    bounds.refuse_more_than_owner(owner, role)
    maker = bounds.terms_of_maker(actor)
    if maker.budget is not None:
        raise PermissionDenied(
            "A key with a budget makes no keys: each would have a purse of its own.",
            code=bounds.MORE,
        )
    key = ApiKey(
        organization_id=actor.organization_id,
        user_id=owner.user_id,
        service_account_id=owner.service_account_id,
        created_by_id=actor.user_id,
        name=terms.check_name(name),
        role=role.value,
        is_approver=is_approver,
        prefix=_checked_prefix(prefix),
        expires_at=terms.check_expiry(expires_at, timezone.now()) or maker.expires_at,
        limits=_checked_limits(limits) if limits is not None else _limits_handed_on(actor, maker),
        addresses=terms.check_addresses(addresses or maker.addresses),
        model_names=maker.models if models is None else terms.check_models(models),
        budget=terms.check_budget(budget),
    )
    bounds.refuse_wider(bounds.terms_of(key), maker)
    bounds.refuse_faster(actor, key.limits)
    secret = secrets.new_secret(key.prefix)
    kept = _kept(secret)
    key.hint = secret[-4:]
    with transaction.atomic():
        key.save()
        _keep(key, kept)
        _publish(topics.KEY_CREATED, key, actor, None, _values(key))
    return Issued(key, secret)


def update_key(
    *,
    actor: Actor,
    key_id: str,
    expected_revision: int | None = None,
    **new: Unpack[Changes],
) -> ApiKey:
    """Change a key's name or terms. Raises `NotFound`, `PermissionDenied`, `Conflict` (revoked), `Stale`, `Invalid`."""
    checked = _checked(new)
    if "limits" in checked:
        bounds.refuse_faster(actor, checked["limits"])
    with transaction.atomic():
        key = _lock(actor, key_id)
        if expected_revision not in (None, key.revision):
            raise Stale
        _refuse_revoked(key)
        bounds.refuse_greater_key(actor, key)
        before = _values(key)
        for column, value in checked.items():
            setattr(key, column, value)
        bounds.refuse_wider(bounds.terms_of(key), bounds.terms_of_maker(actor))
        key.revision += 1
        key.save(update_fields=[*checked, "revision"])
        _publish(topics.KEY_UPDATED, key, actor, before, _values(key))
        _announce(actor)
    return key


def rotate_key(*, actor: Actor, key_id: str, grace_seconds: int = 0) -> Issued:
    """Give the key a new secret; the old one works for the grace and no longer.

    Whoever rotates holds the key from then on, so it may be no more than themselves. Raises as `update_key`.
    """
    if not 0 <= grace_seconds <= MAX_GRACE_SECONDS:
        raise Invalid.field("grace_seconds", f"must be from 0 to {MAX_GRACE_SECONDS}", "range")
    secret = secrets.new_secret(queries.key(actor=actor, key_id=key_id).prefix)
    kept = _kept(secret)
    with transaction.atomic():
        key = _lock(actor, key_id)
        _refuse_revoked(key)
        bounds.refuse_greater_key(actor, key)
        bounds.refuse_foreign_approval(
            actor, is_approver=key.is_approver, owner_user_id=key.user_id
        )
        # An older secret still in its grace ends now: there are never more than two.
        now = timezone.now()
        KeySecret.objects.filter(key=key, ends_at__gt=now).update(ends_at=now)
        KeySecret.objects.filter(key=key, ends_at=None).update(
            ends_at=now + timedelta(seconds=grace_seconds)
        )
        _keep(key, kept)
        key.hint = secret[-4:]
        key.revision += 1
        key.save(update_fields=["hint", "revision"])
        _publish(topics.KEY_ROTATED, key, actor, None, {"grace_seconds": grace_seconds})
        _announce(actor)
    return Issued(key, secret)


def revoke_key(*, actor: Actor, key_id: str) -> ApiKey:
    """End a key for good; again is no error. One's own may be ended whatever it holds."""
    with transaction.atomic():
        key = _lock(actor, key_id)
        if key.revoked_at is None:
            state = key.state
            key.revoked_at = timezone.now()
            key.revision += 1
            key.save(update_fields=["revoked_at", "revision"])
            _publish(topics.KEY_REVOKED, key, actor, {"state": state}, {"state": "revoked"})
            _announce(actor)
    return key


def limit_classes() -> set[str]:
    return {"all", *settings.SIGNALBOX_RATES}


def _values(key: ApiKey) -> dict[str, Any]:
    """What the audit trail keeps of a key."""
    owner: Any = key.user or key.service_account
    return {
        "name": key.name,
        "owner": owner.public_id,
        "role": key.role,
        "approver": key.is_approver,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "limits": key.limits,
        "addresses": key.addresses,
        "models": key.model_names,
        "budget": key.budget,
    }


def _checked(new: Changes) -> dict[str, Any]:
    """The changed columns, each checked as at birth."""
    now = timezone.now()
    checks: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "name": ("name", terms.check_name),
        "expires_at": ("expires_at", lambda value: terms.check_expiry(value, now)),
        "limits": ("limits", _checked_limits),
        "addresses": ("addresses", terms.check_addresses),
        "models": ("model_names", terms.check_models),
        "budget": ("budget", terms.check_budget),
    }
    return {checks[name][0]: checks[name][1](value) for name, value in new.items()}


def _checked_limits(limits: Any) -> dict[str, str]:
    return terms.check_limits(limits, limit_classes())


def _limits_handed_on(actor: Actor, maker: terms.Terms) -> dict[str, str]:
    # An admin sets rates freely, so there is nothing to hand on.
    return {} if has(actor, KeyPermission.MANAGE_ALL) else maker.limits


def _checked_prefix(prefix: str | None) -> str:
    allowed: tuple[str, ...] = settings.SIGNALBOX_KEY_PREFIXES
    if prefix is not None and prefix not in allowed:
        known = ", ".join(sorted(set(allowed)))
        raise Invalid.field("prefix", f"must be one of {known}", "choice")
    return prefix or settings.SIGNALBOX_KEY_PREFIX


def _lock(actor: Actor, key_id: str) -> ApiKey:
    require(actor, KeyPermission.VIEW)
    key = (
        ApiKey.objects.select_for_update(of=("self",))
        .filter(organization_id=actor.organization_id, public_id=key_id)
        .select_related("user", "service_account")
        .first()
    )
    if key is None:
        raise NotFound
    require(actor, KeyPermission.MANAGE, key)
    return key


def _refuse_revoked(key: ApiKey) -> None:
    if key.revoked_at is not None:
        raise Conflict("The key was revoked; make a new one.", code="key_revoked")


def _kept(secret: str) -> secrets.Kept:
    return secrets.keep(
        secret, scheme=settings.SIGNALBOX_KEY_HASH, pepper=settings.SIGNALBOX_KEY_PEPPER
    )


def _keep(key: ApiKey, kept: secrets.Kept) -> None:
    KeySecret.objects.create(
        organization_id=key.organization_id,
        key=key,
        lookup=kept.lookup,
        scheme=kept.scheme,
        digest=kept.digest,
    )


def _announce(actor: Actor) -> None:
    changes.announce_change(f"identity:{actor.identity.organization}")


def _publish(
    topic: str,
    key: ApiKey,
    actor: Actor,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
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
