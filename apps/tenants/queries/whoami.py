"""An identity in plain words, the same at every door."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from apps.core.actor import Identity


def describe(identity: Identity) -> dict[str, Any]:
    """The identity as it stands; nothing is looked up."""
    person = {"id": identity.principal, "email": identity.email, "name": identity.name}
    program = {"id": identity.principal, "name": identity.name}
    return {
        "user": person if identity.user_id is not None else None,
        "service_account": program if identity.service_account_id is not None else None,
        "organization": {
            "id": identity.organization,
            "slug": identity.organization_slug,
            "name": identity.organization_name,
        },
        "role": identity.role.value,
        "approver": identity.is_approver,
        "permissions": _in_order(identity.permissions),
        "credential": {
            "kind": identity.credential.kind.value,
            "id": identity.credential.id,
            "expires_at": identity.expires_at,
        },
    }


@lru_cache(maxsize=1024)
def _in_order(permissions: frozenset[str]) -> list[str]:
    return sorted(permissions)
