"""One permission rule for every door: enums declared per app, one registry, one `require`.

An app's `permissions.py` subclasses `Permission`, then calls `grant` for each member: which roles hold it and,
where the object matters, a small predicate `(actor, object) -> bool`. Services and queries call `require`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from apps.core.actor import Actor, Role
from apps.core.errors import PermissionDenied

Rule = Callable[[Actor, Any], bool]


class Permission(StrEnum):
    """Base of every app's permission enum; members are `app.noun.verb`."""


@dataclass(frozen=True, slots=True)
class Grant:
    permission: Permission
    roles: frozenset[Role]
    doc: str
    rule: Rule | None
    needs_approver: bool


ADMINS = frozenset({Role.ADMIN})
PEOPLE = frozenset({Role.ADMIN, Role.USER})
CALLERS = frozenset({Role.ADMIN, Role.USER, Role.SERVICE})
EVERYONE = frozenset(Role)

_grants: dict[Permission, Grant] = {}


def grant(
    permission: Permission,
    *,
    to: Iterable[Role],
    doc: str,
    rule: Rule | None = None,
    needs_approver: bool = False,
) -> None:
    """Declare who holds a permission. Called at import of an app's `permissions.py`, once for each member."""
    _grants[permission] = Grant(permission, frozenset(to), doc, rule, needs_approver)


def all_grants() -> list[Grant]:
    return sorted(_grants.values(), key=lambda grant: grant.permission.value)


def permissions_of(role: Role, *, is_approver: bool = False) -> frozenset[str]:
    """What a role amounts to, as plain strings fit for a cached identity."""
    return frozenset(
        grant.permission.value
        for grant in _grants.values()
        if (is_approver if grant.needs_approver else role in grant.roles)
    )


def has(actor: Actor, permission: Permission, obj: Any = None) -> bool:
    if permission.value not in actor.permissions:
        return False
    rule = _grants[permission].rule
    return rule is None or obj is None or rule(actor, obj)


def require(actor: Actor, permission: Permission, obj: Any = None) -> None:
    """Raise `PermissionDenied` unless the actor holds the permission, on this object where a rule looks at it."""
    if not has(actor, permission, obj):
        raise PermissionDenied(
            f"This needs the permission {permission.value}.", permission=permission.value
        )
