"""Keys for tests, made by the service as any door would, and the actors behind them."""

from __future__ import annotations

from itertools import count
from typing import Any

from apps.core.actor import Actor, Role
from apps.core.tenancy import organization_scope
from apps.keys.queries import directory
from apps.keys.queries.identities import identity_of_key
from apps.keys.services import keys
from apps.tenants.models import Membership, ServiceAccount
from tests.factories.tenants import actor_of

_numbers = count(1)


def make_key(
    owner: Membership | ServiceAccount, role: Role | None = None, **terms: Any
) -> keys.Issued:
    """A key of this member or service account, of their own role unless another is named."""
    is_person = isinstance(owner, Membership)
    # Only its owner can give a key the approver grant; everything else the operator's command can.
    is_own = bool(terms.get("is_approver"))
    actor = actor_of(owner) if is_own else directory.command_actor(owner.organization)
    with organization_scope(owner.organization_id):
        return keys.issue_key(
            actor=actor,
            owner_id=owner.user.public_id if is_person else owner.public_id,
            role=role or Role(owner.role if is_person else Role.SERVICE),
            **{"name": f"key {next(_numbers)}", **terms},
        )


def actor_of_key(secret: str) -> Actor:
    return Actor(identity_of_key(secret), request_id="req_test", address="192.0.2.1")
