"""The order of people's roles."""

from __future__ import annotations

from apps.core.actor import Role

_ORDER = (Role.SERVICE, Role.VIEWER, Role.USER, Role.ADMIN)


def rank(role: Role) -> int:
    return _ORDER.index(role)
