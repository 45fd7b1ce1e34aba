"""Nobody hands out more than they hold: which roles, grants and terms an actor may give a key.

A key that is itself restricted may neither make, widen nor renew one that is less so: otherwise every restriction
would end at its holder's first POST.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_network

from django.conf import settings

from apps.core.actor import Actor, CredentialKind, Identity, Role
from apps.core.errors import FieldError, Invalid, NotFound, PermissionDenied
from apps.core.limits import policy
from apps.core.limits.rates import parse_rate
from apps.core.permissions import has, permissions_of, require
from apps.keys.domain import bounds
from apps.keys.models import ApiKey
from apps.keys.permissions import KeyPermission
from apps.tenants.queries import people

PROGRAM_ROLES = (Role.SERVICE, Role.VIEWER)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a key will belong to: one of the two ids."""

    user_id: int | None = None
    service_account_id: int | None = None


def limit_classes() -> set[str]:
    return {"all", *settings.SIGNALBOX_RATES}


def choose_owner(actor: Actor, owner_id: str | None, role: Role, *, is_approver: bool) -> Owner:
    """Oneself, or as an admin a member or service account that may hold such a key. Raises `NotFound`, `Invalid`."""
    _refuse_more_than_actor(actor, role, is_approver=is_approver)
    if owner_id in (None, actor.principal):
        return Owner(actor.user_id, actor.service_account_id)
    require(actor, KeyPermission.MANAGE_ALL)
    if is_approver:
        # Whoever makes a key sees its secret, and could then approve in another's name.
        raise Invalid.field("approver", "can be given to a key of your own alone", "approver")
    assert owner_id is not None
    if owner_id.startswith("svc_"):
        account = people.service_account(actor, owner_id)
        if role not in PROGRAM_ROLES:
            raise Invalid.field("role", "is more than a service account may hold", "role")
        return Owner(service_account_id=account.pk)
    member = people.members(actor).filter(user__public_id=owner_id).first()
    if member is None:
        raise NotFound("There is no such owner in this organisation.")
    if not permissions_of(role) <= permissions_of(Role(member.role)):
        raise Invalid.field("role", "is more than the owner holds", "role")
    return Owner(user_id=member.user_id)


def refuse_stronger(actor: Actor, key: ApiKey) -> None:
    """Raise unless the actor may do all that this key may. In person, one's own keys are never too strong.

    A secret in its grace ends before its key does, so whoever holds an old one cannot renew the key with it.
    """
    holder = _holding_key(actor)
    if holder is None and _is_own(actor, key):
        return
    if not permissions_of(Role(key.role)) <= actor.permissions:
        raise PermissionDenied("This key may do more than you may.", code="stronger_key")
    if holder is not None and not _is_within(key, holder):
        raise PermissionDenied("This key is less restricted than yours.", code="stronger_key")


def refuse_renewal(actor: Actor, key: ApiKey) -> None:
    """Raise unless the actor may learn a secret of this key."""
    refuse_stronger(actor, key)
    if key.is_approver and not (_is_own(actor, key) and actor.identity.is_approver):
        raise PermissionDenied(
            "A key with the approver grant is renewed by its owner alone.", code="stronger_key"
        )
    if key.public_id != actor.credential.id:
        refuse_budgeted(actor)


def refuse_budgeted(actor: Actor) -> None:
    """A second key would be a second budget."""
    if _holding_key(actor) is None:
        return
    with_budget = ApiKey.objects.filter(public_id=actor.credential.id, budget__isnull=False)
    if with_budget.exists():
        raise PermissionDenied("A key with a budget may not do this.", code="budgeted_key")


def bound_expiry(actor: Actor, expires_at: datetime | None) -> datetime | None:
    holder = _holding_key(actor)
    if holder is None or holder.expires_at is None:
        return expires_at
    if expires_at is not None and expires_at > holder.expires_at:
        raise Invalid.field("expires_at", "lies after the end of the key you use", "bound")
    return expires_at or holder.expires_at


def bound_addresses(actor: Actor, addresses: list[str]) -> list[str]:
    holder = _holding_key(actor)
    if holder is None or not holder.addresses:
        return addresses
    if not bounds.are_networks_within(map(ip_network, addresses), holder.addresses):
        raise Invalid.field("addresses", "reach beyond those of the key you use", "bound")
    return addresses or [str(network) for network in holder.addresses]


def bound_models(actor: Actor, models: list[str] | None) -> list[str] | None:
    holder = _holding_key(actor)
    if holder is None or holder.models is None:
        return models
    if models is not None and not holder.models.issuperset(models):
        raise Invalid.field("models", "reach beyond those of the key you use", "bound")
    return sorted(holder.models) if models is None else models


def bound_limits(actor: Actor, limits: Mapping[str, str]) -> dict[str, str]:
    """The limits, none above what the actor has; who may raise limits gives what they like."""
    if has(actor, KeyPermission.RAISE_LIMITS):
        return dict(limits)
    errors = [
        FieldError(f"limits.{name}", "is more than you have yourself", "bound")
        for name, rate in limits.items()
        if not _is_rate_held(actor.identity, name, rate)
    ]
    if errors:
        raise Invalid(fields=errors)
    holder = _holding_key(actor)
    own = {name: str(rate) for name, rate in holder.limits.items()} if holder else {}
    return {**own, **limits}


def _refuse_more_than_actor(actor: Actor, role: Role, *, is_approver: bool) -> None:
    if not permissions_of(role) <= actor.permissions:
        raise Invalid.field("role", "is more than you hold yourself", "role")
    if is_approver and not actor.identity.is_approver:
        raise Invalid.field("approver", "is a grant you do not hold yourself", "approver")


def _holding_key(actor: Actor) -> Identity | None:
    """What the actor's own key amounts to; None when they are here in person."""
    return actor.identity if actor.credential.kind is CredentialKind.KEY else None


def _is_own(actor: Actor, key: ApiKey) -> bool:
    return key.user_id is not None and key.user_id == actor.user_id


def _is_within(key: ApiKey, holder: Identity) -> bool:
    if holder.expires_at is not None and (
        key.expires_at is None or key.expires_at > holder.expires_at
    ):
        return False
    if holder.models is not None and (
        key.model_names is None or not holder.models.issuperset(key.model_names)
    ):
        return False
    if holder.addresses and not (
        key.addresses
        and bounds.are_networks_within(map(ip_network, key.addresses), holder.addresses)
    ):
        return False
    return _are_limits_within(key, holder)


def _are_limits_within(key: ApiKey, holder: Identity) -> bool:
    if KeyPermission.RAISE_LIMITS.value in holder.permissions:
        return True
    limits = {name: parse_rate(rate) for name, rate in key.limits.items()}
    limited = replace(holder, limits=limits)
    return all(
        bounds.is_rate_within(policy.rate_for(limited, each), policy.rate_for(holder, each))
        for each in settings.SIGNALBOX_RATES
    )


def _is_rate_held(identity: Identity, name: str, rate: str) -> bool:
    asked = parse_rate(rate)
    classes = settings.SIGNALBOX_RATES if name == "all" else (name,)
    return all(bounds.is_rate_within(asked, policy.rate_for(identity, each)) for each in classes)
