"""Policies: what needs approval in the actor's organisation."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from apps.approvals.domain import terms
from apps.approvals.models import Policy
from apps.approvals.permissions import ApprovalsPermission
from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.permissions import require
from apps.tenants.queries import people


def visible_policies(*, actor: Actor, kind: str | None = None) -> QuerySet[Policy]:
    require(actor, ApprovalsPermission.VIEW)
    rows = Policy.objects.filter(organization_id=actor.organization_id).order_by("-pk")
    return rows.filter(kind=kind) if kind else rows


def policy(*, actor: Actor, policy_id: str) -> Policy:
    found = visible_policies(actor=actor).filter(public_id=policy_id).first()
    if found is None:
        raise NotFound
    return found


def policy_for(*, organization_id: int, kind: str, name: str) -> Policy | None:
    """The policy that asks for an approval of this kind on a subject of this name."""
    rows = Policy.objects.filter(organization_id=organization_id, kind=kind, is_enabled=True)
    found: Policy | None = terms.choose(rows, name)
    return found


def approver_names(actor: Actor, ids: Iterable[str] = ()) -> dict[str, str]:
    """Who holds the approver grant, or of these, by id; names for pages and checks."""
    rows = people.members(actor)
    wanted = list(ids)
    rows = rows.filter(user__public_id__in=wanted) if wanted else rows.filter(is_approver=True)
    return {row.user.public_id: row.user.name or row.user.email for row in rows}
