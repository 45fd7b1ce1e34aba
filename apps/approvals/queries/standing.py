"""Who an actor is at this very moment, read anew: identities are cached, and a grant may have been taken since."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from apps.approvals.models import ApprovalRequest
from apps.core.actor import Actor, CredentialKind, Identity
from apps.keys.queries import identities as keys
from apps.keys.queries import makers
from apps.tenants.queries import identities as tenants


def present_identity(actor: Actor) -> Identity | None:
    """None for whoever is no person, was removed, or whose key ended."""
    if actor.user_id is None:
        return None
    if actor.credential.kind is CredentialKind.KEY:
        return keys.identity_of_key_id(
            organization_id=actor.organization_id, key_id=actor.credential.id
        )
    return tenants.identity_of_member(
        user_id=actor.user_id, organization_id=actor.organization_id, credential=actor.credential
    )


def people_behind(actor: Actor | None) -> set[str]:
    """Ids of the people who count as the askers of what this actor asks for."""
    return set() if actor is None else makers.people_behind(actor)


def people_of(requester_id: str) -> set[str]:
    """The same for a request of old: somebody may have made the service account another key since."""
    return makers.people_of_account(requester_id) if requester_id.startswith("svc_") else set()


def barred_from(request: ApprovalRequest) -> set[str]:
    """Ids of the people who count as askers of this request at this moment."""
    return {*request.barred.split(), *people_of(request.requester_id)}


def still_deciding(request: ApprovalRequest, ids: Iterable[str]) -> set[str]:
    """Those of these people who could decide on it if they clicked now."""
    holders = tenants.approvers_among(user_ids=ids, organization_id=request.organization_id)
    return holders - barred_from(request)


def operator_at(user: Any, session_key: str, organization: Any) -> Identity:
    """The operator of the house in an organisation: as the member they are there, else as the operator alone."""
    operator = tenants.identity_of_operator(user, session_key, organization)
    member = tenants.identity_of_member(
        user_id=user.pk, organization_id=organization.pk, credential=operator.credential
    )
    return operator if member is None else member
