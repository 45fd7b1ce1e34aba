"""Every change of a key: issue, change, rotate, revoke. The secret leaves through the return value, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.core import bus, changes
from apps.core.actor import Actor, Role
from apps.core.errors import Conflict, Invalid, NotFound, Stale, WrongFields
from apps.core.housekeeping import drop_in_batches
from apps.core.permissions import require
from apps.core.tenancy import unscoped
from apps.keys import topics
from apps.keys.domain import secrets, terms
from apps.keys.models import ApiKey, KeySecret
from apps.keys.permissions import KeyPermission
from apps.keys.queries import keys as queries
from apps.keys.services import bounds
from apps.keys.services.bounds import limit_classes

__all__ = [
    "Issued",
    "forget_ended_secrets",
    "issue_key",
    "limit_classes",
    "revoke_key",
    "rotate_key",
    "update_key",
]

MAX_GRACE_SECONDS = 30 * 86_400
KEPT_AFTER_END = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Issued:
    """A key and its secret, which nobody can show again."""

    key: ApiKey
    secret: str = field(repr=False)  # a repr ends up in logs


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
    addresses: Sequence[Any] | None = None,
    models: Sequence[Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    cache_seconds: int = 0,
) -> Issued:
    """Make a key for oneself, or as an admin for a member or service account.

    Made by a restricted key, it is at least as restricted. Raises `PermissionDenied`, `NotFound` (owner) and
    `Invalid` (a term; a role, grant or term above the maker's or the owner's).
    """
    require(actor, KeyPermission.CREATE)
    bounds.refuse_budgeted(actor)
    given = {
        "name": name,
        "expires_at": expires_at,
        "limits": limits,
        "addresses": addresses,
        "models": models,
        "budget": budget,
        "cache_seconds": cache_seconds,
    }
    wrong, owner, columns = WrongFields(), bounds.Owner(), {}
    with wrong.gathered():
        owner = bounds.choose_owner(actor, owner_id, role, is_approver=is_approver)
    with wrong.gathered():
        _check_prefix(prefix)
    with wrong.gathered():
        columns = _checked(actor, given)
    wrong.refuse()
    key = ApiKey(
        organization_id=actor.organization_id,
        user_id=owner.user_id,
        service_account_id=owner.service_account_id,
        role=role.value,
        is_approver=is_approver,
        created_by_id=actor.user_id,
        prefix=prefix or settings.SIGNALBOX_KEY_PREFIX,
        **columns,
    )
    secret = secrets.new_secret(key.prefix)
    kept = _kept(secret)
    key.hint = secrets.hint_of(secret)
    with transaction.atomic():
        key.save()
        _keep(key, kept)
        _publish(topics.KEY_CREATED, key, actor, None, values(key))
    return Issued(key, secret)


def update_key(
    *, actor: Actor, key_id: str, expected_revision: int | None = None, **new: Any
) -> ApiKey:
    """Change name, expiry, limits, addresses, models, budget or cache; what is not named stays.

    Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`, and `Conflict` for a revoked key.
    """
    with transaction.atomic():
        key = _lock(actor, key_id)
        bounds.refuse_stronger(actor, key)
        _refuse_revoked(key)
        if expected_revision not in (None, key.revision):
            raise Stale
        if "budget" in new:
            bounds.refuse_budgeted(actor)
        before = values(key)
        changed = _checked(actor, new)
        for column, value in changed.items():
            setattr(key, column, value)
        key.revision += 1
        key.save(update_fields=[*changed, "revision"])
        _publish(topics.KEY_UPDATED, key, actor, before, values(key))
        _announce_change(actor)
    return key


def rotate_key(*, actor: Actor, key_id: str, grace_seconds: int = 0) -> Issued:
    """Give the key a new secret; the old one works for the grace and no longer.

    Raises `NotFound`, `PermissionDenied`, `Invalid`, and `Conflict` for a key that has ended.
    """
    if not 0 <= grace_seconds <= MAX_GRACE_SECONDS:
        raise Invalid.field("grace_seconds", f"must be 0 to {MAX_GRACE_SECONDS}", "range")
    secret = secrets.new_secret(queries.key(actor=actor, key_id=key_id).prefix)
    kept = _kept(secret)
    with transaction.atomic():
        key = _lock(actor, key_id)
        bounds.refuse_renewal(actor, key)
        _refuse_revoked(key)
        now = timezone.now()
        if key.state_at(now) == "expired":
            raise Conflict("The key has expired; give it another end first.", code="key_expired")
        # An older secret still in grace ends now: there are at most two at a time.
        KeySecret.objects.filter(key=key, ends_at__gt=now).update(ends_at=now)
        ending = now + timedelta(seconds=grace_seconds)
        KeySecret.objects.filter(key=key, ends_at=None).update(ends_at=ending)
        _keep(key, kept)
        before, key.hint = {"hint": key.hint}, secrets.hint_of(secret)
        key.revision += 1
        key.save(update_fields=["hint", "revision"])
        after = {"hint": key.hint, "grace_seconds": grace_seconds}
        _publish(topics.KEY_ROTATED, key, actor, before, after)
        _announce_change(actor)
    return Issued(key, secret)


def revoke_key(*, actor: Actor, key_id: str) -> ApiKey:
    """End a key for good; again is no error. Raises `NotFound`, `PermissionDenied`."""
    with transaction.atomic():
        key = _lock(actor, key_id)
        if key.revoked_at is None:
            end_key(key, actor=actor)
            _announce_change(actor)
    return key


def revoke_keys_of_member(*, actor: Actor | None, member_id: str) -> None:
    """End the keys of someone who leaves, so that they do not wake when the person is invited again.

    Runs within the removal, which announces the change of identities itself.
    """
    keys = ApiKey.objects.filter(user__memberships__public_id=member_id, revoked_at=None)
    for key in keys.order_by("pk"):
        end_key(key, actor=actor)


def forget_ended_secrets() -> int:
    """Drop what is kept of secrets that ended a month ago by rotation, in every organisation.

    Who still shows one is then told that it is unknown, no longer that it was revoked.
    """
    before = timezone.now() - KEPT_AFTER_END
    with unscoped(reason="housekeeping over all organisations"):
        return drop_in_batches(KeySecret.objects.filter(ends_at__lt=before))


def end_key(key: ApiKey, *, actor: Actor | None) -> None:
    now = timezone.now()
    before = {"state": key.state_at(now)}
    key.revoked_at = now
    key.revision += 1
    key.save(update_fields=["revoked_at", "revision"])
    _publish(topics.KEY_REVOKED, key, actor, before, {"state": "revoked"})


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
        "cache_seconds": key.cache_seconds,
    }


def _checked(actor: Actor, given: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of these terms: each well-formed, and within what the actor holds. `Invalid` names all that is wrong."""
    checks: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "name": ("name", terms.check_name),
        "expires_at": (
            "expires_at",
            lambda value: bounds.bound_expiry(actor, terms.check_expiry(value, timezone.now())),
        ),
        "limits": (
            "limits",
            lambda value: bounds.bound_limits(
                actor, terms.check_limits({} if value is None else value, limit_classes())
            ),
        ),
        "addresses": (
            "addresses",
            lambda value: bounds.bound_addresses(actor, terms.check_addresses(value or [])),
        ),
        "models": (
            "model_names",
            lambda value: bounds.bound_models(actor, terms.check_models(value)),
        ),
        "budget": ("budget", terms.check_budget),
        "cache_seconds": ("cache_seconds", terms.check_cache_seconds),
    }
    columns: dict[str, Any] = {}
    wrong = WrongFields()
    for name, value in given.items():
        column, check = checks[name]
        with wrong.gathered():
            columns[column] = check(value)
    wrong.refuse()
    return columns


def _check_prefix(prefix: str | None) -> None:
    allowed: tuple[str, ...] = settings.SIGNALBOX_KEY_PREFIXES
    if prefix is not None and prefix not in allowed:
        raise Invalid.field("prefix", f"must be one of {', '.join(sorted(set(allowed)))}", "choice")


def _lock(actor: Actor, key_id: str) -> ApiKey:
    require(actor, KeyPermission.VIEW)
    keys = ApiKey.objects.filter(organization_id=actor.organization_id, public_id=key_id)
    key = (
        keys.select_for_update(of=("self",), no_key=True)
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
    # Outside any transaction: bcrypt takes a quarter of a second, and SQLite has one writer at a time.
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


def _announce_change(actor: Actor) -> None:
    changes.announce_change(f"identity:{actor.identity.organization}")


def _publish(
    topic: str,
    key: ApiKey,
    actor: Actor | None,
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
