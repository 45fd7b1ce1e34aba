"""People's roles: which there are, and their order."""

from __future__ import annotations

from apps.core.actor import Role
from apps.core.errors import Invalid

_ORDER = (Role.SERVICE, Role.VIEWER, Role.USER, Role.ADMIN)
PEOPLE_ROLES = tuple(role.value for role in Role if role is not Role.SERVICE)


def rank(role: Role) -> int:
    return _ORDER.index(role)


def read_role(text: str) -> Role:
    """A role that a person can have; `Invalid` for any other word."""
    if text not in PEOPLE_ROLES:
        raise Invalid.field("role", f"must be one of {', '.join(PEOPLE_ROLES)}", "choice")
    return Role(text)
