"""Organisations that an actor may see."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.core.actor import Actor, CredentialKind, Role
from apps.core.errors import NotFound
from apps.core.permissions import require
from apps.core.tenancy import unscoped
from apps.tenants.models import Membership, Organization
from apps.tenants.permissions import TenantPermission


def is_operator(actor: Actor) -> bool:
    """Whether the operator acts with full powers: a key they made for less does not carry theirs."""
    return actor.identity.is_operator and actor.role is Role.ADMIN


def visible_to(actor: Actor) -> QuerySet[Organization]:
    """The operator sees all; a person signed in sees theirs; a key sees the one it belongs to."""
    require(actor, TenantPermission.ORGANIZATION_VIEW)
    organizations = Organization.objects.order_by("pk")
    if is_operator(actor):
        return organizations
    return organizations.filter(pk__in=_organizations_of(actor))


def current(actor: Actor) -> Organization:
    require(actor, TenantPermission.ORGANIZATION_VIEW)
    return Organization.objects.get(pk=actor.organization_id)


def public_id_of(number: int) -> str:
    return str(Organization.objects.values_list("public_id", flat=True).get(pk=number))


def existing(numbers: set[int]) -> set[int]:
    """Those of the numbers that are an organization's still; for records that outlive theirs."""
    return set(Organization.objects.filter(pk__in=numbers).values_list("pk", flat=True))


def get(actor: Actor, public_id: str) -> Organization:
    organization = visible_to(actor).filter(public_id=public_id).first()
    if organization is None:
        raise NotFound
    return organization


def by_slug(slug: str) -> Organization:
    """For commands of the operator, who acts for no organisation."""
    organization = Organization.objects.filter(slug=slug).first()
    if organization is None:
        raise NotFound(f"There is no organization named {slug}.")
    return organization


def memberships_of(user_id: int) -> list[Membership]:
    """A person's places in every organisation, the oldest first; for login and the switcher."""
    with unscoped(reason="a person's own memberships span organisations"):
        return list(
            Membership.objects.filter(user_id=user_id, user__is_active=True)
            .select_related("user", "organization")
            .order_by("pk")
        )


def _organizations_of(actor: Actor) -> list[int]:
    if actor.user_id is None or actor.credential.kind not in (
        CredentialKind.JWT,
        CredentialKind.SESSION,
    ):
        return [actor.organization_id]
    return [membership.organization_id for membership in memberships_of(actor.user_id)]
