"""Who asked for a job: kept with it, and compared at its run with what they are by then.

A job may do what its creator could when asking and still can: who was demoted or has left has nothing done in their
name any more, who rose has no more done than they asked for.
"""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import Any

from apps.core.actor import Actor, Credential, CredentialKind, Identity, Role
from apps.core.permissions import permissions_of
from apps.jobs.models import Job
from apps.tenants.queries import identities

KEPT_SECONDS = 2.0
KEPT_ENTRIES = 1000
_known: dict[tuple[Any, ...], tuple[float, Identity | None]] = {}


def snapshot(actor: Actor | None) -> dict[str, Any]:
    """Plain values to keep with the job; nothing for the house's own work."""
    if actor is None:
        return {}
    return {
        "user_id": actor.user_id,
        "service_account_id": actor.service_account_id,
        "role": actor.role.value,
        "is_approver": actor.identity.is_approver,
        "credential": [actor.credential.kind.value, actor.credential.id],
    }


def actor_of(job: Job) -> Actor | None:
    """The creator as they may act now; None when they are gone or the house itself asked."""
    if not job.authority:
        return None
    identity = _recall(job.organization_id, job.authority)
    if identity is None or identity.principal != job.creator:
        return None
    asked = permissions_of(
        Role(job.authority["role"]), is_approver=bool(job.authority["is_approver"])
    )
    return Actor(
        replace(identity, permissions=identity.permissions & asked), request_id=job.request_id
    )


def forget() -> None:
    """Begin as a new process does."""
    _known.clear()


def _recall(organization_id: int, kept: dict[str, Any]) -> Identity | None:
    key = (organization_id, kept["user_id"], kept["service_account_id"], *kept["credential"])
    found = _known.get(key)
    if found is not None and monotonic() - found[0] < KEPT_SECONDS:
        return found[1]
    if len(_known) >= KEPT_ENTRIES:
        _known.clear()
    identity = _look_up(organization_id, kept)
    _known[key] = (monotonic(), identity)
    return identity


def _look_up(organization_id: int, kept: dict[str, Any]) -> Identity | None:
    kind, number = kept["credential"]
    credential = Credential(CredentialKind(kind), number)
    if kept["service_account_id"] is not None:
        identity = identities.identity_of_service_account(
            service_account_id=kept["service_account_id"], credential=credential
        )
    elif kept["user_id"] is not None:
        identity = identities.identity_of_member(
            user_id=kept["user_id"], organization_id=organization_id, credential=credential
        )
    else:
        return None
    return identity if identity and identity.organization_id == organization_id else None
