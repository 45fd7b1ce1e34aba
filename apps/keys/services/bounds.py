"""How far a maker may go: a key never holds more than whoever makes or changes it, nor more than its owner.

People are bounded by their role and grant; a key that makes or changes keys is bounded by its own terms as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.conf import settings

from apps.core.actor import Actor, CredentialKind, Role
from apps.core.errors import FieldError, Invalid, NotFound, PermissionDenied, Unauthenticated
from apps.core.limits.policy import rate_for
from apps.core.limits.rates import parse_rate
from apps.core.permissions import has, permissions_of, require
from apps.keys.domain.terms import Terms, exceeding, is_faster
from apps.keys.models import ApiKey
from apps.keys.permissions import KeyPermission
from apps.tenants.queries import people

FOR_PROGRAMS = frozenset({Role.SERVICE, Role.VIEWER})
NO_BOUNDS = Terms()
MORE = "more_than_maker"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a key belongs to, as the columns have it, and the roles its keys may carry."""

    roles: frozenset[Role]
    user_id: int | None = None
    service_account_id: int | None = None


def owner_for(actor: Actor, owner_id: str | None) -> Owner:
    """Oneself, unless an admin names another. Raises `PermissionDenied`, `NotFound`."""
    if actor.user_id is not None and owner_id in (None, actor.principal):
        return Owner(_roles_within(actor.permissions), user_id=actor.user_id)
    require(actor, KeyPermission.MANAGE_ALL)
    kind = (owner_id or "").partition("_")[0]
    if kind == "svc":
        account = people.service_account(actor, owner_id or "")
        return Owner(FOR_PROGRAMS, service_account_id=account.pk)
    member = None
    if kind == "user":
        member = people.members(actor).filter(user__public_id=owner_id).first()
    if member is None:
        raise NotFound("There is no such owner in this organisation.")
    return Owner(_roles_within(permissions_of(Role(member.role))), user_id=member.user_id)


def refuse_more_than_maker(actor: Actor, role: Role) -> None:
    if not permissions_of(role) <= actor.permissions:
        raise PermissionDenied(f"The role {role} is more than you hold.", code=MORE)


def refuse_foreign_approval(actor: Actor, *, is_approver: bool, owner_user_id: int | None) -> None:
    """Nobody gets hold of another's approver grant: one person would decide as two."""
    if is_approver and not (actor.identity.is_approver and actor.user_id == owner_user_id):
        raise PermissionDenied(
            "The approver grant goes into a key only by its owner, who holds it.", code=MORE
        )


def refuse_greater_key(actor: Actor, key: ApiKey) -> None:
    """A lesser key of the same owner must not get at a greater one."""
    refuse_more_than_maker(actor, Role(key.role))
    if exceeding(terms_of(key), terms_of_maker(actor)):
        raise PermissionDenied("That key may do more than the one you use.", code=MORE)


def refuse_more_than_owner(owner: Owner, role: Role) -> None:
    if role not in owner.roles:
        raise Invalid.field("role", f"{role} is more than its owner may hold", "exceeds")


def terms_of_maker(actor: Actor) -> Terms:
    """The terms of the key that acts; none where a person does."""
    if actor.credential.kind is not CredentialKind.KEY:
        return NO_BOUNDS
    key = ApiKey.objects.filter(
        organization_id=actor.organization_id, public_id=actor.credential.id
    ).first()
    if key is None:
        raise Unauthenticated  # it was deleted while it acted
    return terms_of(key)


def terms_of(key: ApiKey) -> Terms:
    return Terms(key.expires_at, key.limits, key.addresses, key.model_names, key.budget)


def refuse_wider(terms: Terms, bounds: Terms) -> None:
    errors = exceeding(terms, bounds)
    if errors:
        raise Invalid(fields=errors)


def refuse_faster(actor: Actor, limits: Mapping[str, str]) -> None:
    """Rates above one's own are an admin's to give."""
    if has(actor, KeyPermission.MANAGE_ALL):
        return
    given = replace(
        actor.identity, limits={name: parse_rate(rate) for name, rate in limits.items()}
    )
    errors = [
        FieldError(f"limits.{name if name in limits else 'all'}", f"your own is {own}", "exceeds")
        for name in settings.SIGNALBOX_RATES
        if is_faster(rate_for(given, name), own := rate_for(actor.identity, name))
    ]
    if errors:
        raise Invalid(fields=list(dict.fromkeys(errors)))


def _roles_within(permissions: frozenset[str]) -> frozenset[Role]:
    return frozenset(role for role in Role if permissions_of(role) <= permissions)
