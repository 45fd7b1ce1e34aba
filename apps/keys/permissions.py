"""What may be done with API keys, and which roles may."""

from __future__ import annotations

from typing import Any

from apps.core.actor import Actor
from apps.core.permissions import ADMINS, EVERYONE, PEOPLE, Permission, grant


class KeyPermission(Permission):
    """API keys."""

    VIEW = "keys.key.view"
    CREATE = "keys.key.create"
    MANAGE = "keys.key.manage"
    MANAGE_ALL = "keys.key.manage_all"
    RAISE_LIMITS = "keys.key.raise_limits"


def may_manage(actor: Actor, key: Any) -> bool:
    """One's own keys, or with `MANAGE_ALL` anybody's."""
    if KeyPermission.MANAGE_ALL.value in actor.permissions:
        return True
    return key.user_id is not None and key.user_id == actor.user_id


grant(KeyPermission.VIEW, to=EVERYONE, doc="See the organisation's keys, never their secrets.")
grant(
    KeyPermission.CREATE, to=PEOPLE, doc="Make keys that hold no more than one's own permissions."
)
grant(
    KeyPermission.MANAGE,
    to=PEOPLE,
    doc="Change, rotate and revoke one's own keys.",
    rule=may_manage,
)
grant(KeyPermission.MANAGE_ALL, to=ADMINS, doc="Change, rotate and revoke everybody's keys.")
grant(KeyPermission.RAISE_LIMITS, to=ADMINS, doc="Give keys higher limits than one's own.")
