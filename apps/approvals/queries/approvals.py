"""Approvals that an actor may see: every member sees all of the organisation's."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.approvals.domain.states import State
from apps.approvals.models import ApprovalRequest, Decision
from apps.approvals.permissions import ApprovalsPermission
from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound
from apps.core.permissions import has, require

STATES = tuple(state.value for state in State)


def visible_approvals(
    *,
    actor: Actor,
    state: str | None = None,
    kind: str | None = None,
    subject: str | None = None,
    mine: bool | None = None,
    for_me: bool | None = None,
) -> QuerySet[ApprovalRequest]:
    """Newest first. `mine`: the actor asked for it; `for_me`: it waits for this actor's decision. Raises `Invalid`."""
    require(actor, ApprovalsPermission.VIEW)
    rows = ApprovalRequest.objects.filter(organization_id=actor.organization_id)
    now = timezone.now()
    if state:
        rows = rows.filter(in_state(state, now))
    if kind:
        rows = rows.filter(kind=kind)
    if subject:
        rows = rows.filter(subject_id=subject)
    if mine is not None:
        asked = Q(requester_id=actor.principal)
        rows = rows.filter(asked if mine else ~asked)
    if for_me is not None:
        waits = _waits_for(actor, now)
        rows = rows.filter(waits if for_me else ~waits)
    return rows.prefetch_related("decisions").order_by("-pk")


def approval(*, actor: Actor, approval_id: str) -> ApprovalRequest:
    found = visible_approvals(actor=actor).filter(public_id=approval_id).first()
    if found is None:
        raise NotFound
    return found


def waiting(*, organization_id: int, kind: str, subject_id: str) -> ApprovalRequest | None:
    """For the app that asked: what waits on this subject at present; there is one at most."""
    rows = ApprovalRequest.objects.filter(
        organization_id=organization_id, kind=kind, subject_id=subject_id
    )
    return rows.filter(in_state(State.PENDING, timezone.now())).first()


def count_for(actor: Actor) -> int:
    """How many wait for this actor's decision. Nothing is asked of the database for those who decide on nothing."""
    if not has(actor, ApprovalsPermission.DECIDE):
        return 0
    rows = ApprovalRequest.objects.filter(organization_id=actor.organization_id)
    return rows.filter(_waits_for(actor, timezone.now())).count()


def may_decide(actor: Actor, request: ApprovalRequest) -> bool:
    """Whether a page offers the buttons. The services judge again, by what is so at the click."""
    return (
        has(actor, ApprovalsPermission.DECIDE)
        and actor.user_id is not None
        and request.present_state is State.PENDING
        and actor.principal not in request.barred.split()
        and (not request.approvers or actor.principal in request.approvers.split())
    )


def in_state(state: str, now: datetime) -> Q:
    """The condition of a state as it is judged now: what waited too long has expired, written down or not."""
    match state:
        case State.PENDING:
            return Q(state=State.PENDING, expires_at__gt=now)
        case State.EXPIRED:
            return Q(state=State.EXPIRED) | Q(state=State.PENDING, expires_at__lte=now)
        case _ if state in STATES:
            return Q(state=state)
    raise Invalid.field("state", f"must be one of {', '.join(STATES)}", "choice")


def _waits_for(actor: Actor, now: datetime) -> Q:
    if not has(actor, ApprovalsPermission.DECIDE) or actor.user_id is None:
        return Q(pk__in=())
    own = Decision.objects.filter(
        request=OuterRef("pk"), approver_id=actor.principal, lapsed_at=None
    )
    named = Q(approvers="") | Q(approvers__contains=actor.principal)
    waiting = in_state(State.PENDING, now) & ~Q(barred__contains=actor.principal)
    return waiting & named & Q(~Exists(own))
