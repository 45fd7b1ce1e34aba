"""An organisation with its administrator behind a token, as a door test sees it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from apps.core.actor import Actor
from apps.tenants.models import Membership, Organization
from tests.factories.doors import KnownTokens
from tests.factories.tenants import actor_of, make_admin, make_organization


@dataclass(frozen=True)
class Place:
    """`key` is a token of the administrator's; `without(permission)` one that lacks it."""

    organization: Organization
    admin: Membership
    actor: Actor
    key: str
    tokens: KnownTokens

    def without(self, permission: str) -> str:
        key = f"{self.key}-without-{permission}"
        held = self.actor.permissions - {permission}
        self.tokens.identities[key] = replace(self.actor.identity, permissions=held)
        return key


def make_place(tokens: KnownTokens, *, is_operator: bool = False) -> Place:
    """The token is a person's: `is_operator` makes them the operator of the house as well."""
    organization = make_organization()
    admin = make_admin(organization, is_approver=True)
    admin.user.is_staff = is_operator
    admin.user.save()
    actor = actor_of(admin)
    key = f"token-of-{organization.slug}"
    tokens.identities[key] = actor.identity
    return Place(organization, admin, actor, key, tokens)
