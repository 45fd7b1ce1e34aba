"""Approve and reject: by a person who holds the grant now, did not ask for it, and saw the evidence as it is.

Everything is judged under the lock of the request's row, so a quorum of two is reached by two, however many click at once.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.approvals import topics
from apps.approvals.domain.states import State
from apps.approvals.enums import Verdict
from apps.approvals.errors import (
    AlreadyApproved,
    ApprovalEnded,
    ApprovalExpired,
    EvidenceChanged,
    NotAnApprover,
    NotCarriedOut,
    OwnRequest,
)
from apps.approvals.models import ApprovalRequest, Decision
from apps.approvals.permissions import ApprovalsPermission
from apps.approvals.queries import standing
from apps.approvals.services import expiry, requests
from apps.approvals.services.announcing import announce
from apps.core.actor import Actor
from apps.core.errors import AppError, PermissionDenied
from apps.core.permissions import require


def approve(
    *, actor: Actor, approval_id: str, comment: str = "", evidence_hash: str | None = None
) -> ApprovalRequest:
    """Agree; the one who completes the quorum decides. `evidence_hash` is what the approver saw.

    Raises `NotFound`, `PermissionDenied`, `OwnRequest`, `NotAnApprover`, `EvidenceChanged`, `AlreadyApproved`,
    `ApprovalEnded`, `ApprovalExpired`, `Invalid`, and `NotCarriedOut` when the app that asked cannot do it any more.
    """
    require(actor, ApprovalsPermission.DECIDE)
    comment = requests.check_text(comment, "comment")
    with transaction.atomic():
        request = requests.lock(approval_id)
        is_overdue = _judge(request, actor, evidence_hash)
        if not is_overdue:
            if _own(request, actor).exists():
                raise AlreadyApproved
            _record(request, actor, Verdict.APPROVE, comment)
            _settle(request, actor, comment)
    expiry.refuse(is_overdue=is_overdue)
    return request


def reject(
    *, actor: Actor, approval_id: str, reason: str, evidence_hash: str | None = None
) -> ApprovalRequest:
    """Refuse it, for all. Who approved before may think better of it. Raises as `approve` does; a reason is needed."""
    require(actor, ApprovalsPermission.DECIDE)
    reason = requests.check_text(reason, "reason", is_needed=True)
    with transaction.atomic():
        request = requests.lock(approval_id)
        is_overdue = _judge(request, actor, evidence_hash)
        if not is_overdue:
            _own(request, actor).update(lapsed_at=timezone.now())
            _record(request, actor, Verdict.REJECT, reason)
            requests.end(request, State.REJECTED, reason=reason)
            announce(topics.REQUEST_REJECTED, request, actor)
    expiry.refuse(is_overdue=is_overdue)
    return request


def _judge(request: ApprovalRequest, actor: Actor, evidence_hash: str | None) -> bool:
    """Refuse whoever may not, then what cannot be; whether its time was over (that is kept, so it cannot be raised here)."""
    _refuse_person(request, actor)
    if expiry.expire_if_due(request):
        return True
    if request.state == State.EXPIRED:
        raise ApprovalExpired
    if request.state != State.PENDING:
        raise ApprovalEnded(f"This request is {request.state} already.")
    if evidence_hash not in (None, request.evidence_hash):
        raise EvidenceChanged
    return False


def _refuse_person(request: ApprovalRequest, actor: Actor) -> None:
    # Read anew: an identity that a process remembers may be a second old, and a decision is not taken back.
    identity = standing.present_identity(actor)
    if identity is None or ApprovalsPermission.DECIDE.value not in identity.permissions:
        raise PermissionDenied(
            f"This needs the permission {ApprovalsPermission.DECIDE.value}.",
            permission=ApprovalsPermission.DECIDE.value,
        )
    if {identity.principal, *standing.people_behind(actor)} & standing.barred_from(request):
        raise OwnRequest
    if request.approvers and identity.principal not in request.approvers.split():
        raise NotAnApprover


def _own(request: ApprovalRequest, actor: Actor) -> QuerySet[Decision]:
    return Decision.objects.filter(request=request, approver_id=actor.principal, lapsed_at=None)


def _record(request: ApprovalRequest, actor: Actor, verdict: Verdict, comment: str) -> None:
    Decision.objects.create(
        organization_id=request.organization_id,
        request=request,
        approver_id=actor.principal,
        approver_name=actor.identity.name[:255],
        verdict=verdict,
        comment=comment,
        evidence_hash=request.evidence_hash,
        credential_kind=actor.credential.kind.value,
        credential_id=actor.credential.id,
    )


def _lapse_lost(request: ApprovalRequest) -> None:
    """An approval stands while its giver could give it again: who lost the grant since no longer makes up a quorum."""
    rows = Decision.objects.filter(request=request, lapsed_at=None)
    able = standing.still_deciding(request, rows.values_list("approver_id", flat=True))
    rows.exclude(approver_id__in=able).update(lapsed_at=timezone.now())


def _settle(request: ApprovalRequest, actor: Actor, comment: str) -> None:
    _lapse_lost(request)
    given = Decision.objects.filter(request=request, lapsed_at=None).count()
    topic = topics.REQUEST_ENDORSED
    if given >= request.quorum:
        requests.end(request, State.APPROVED)
        topic = topics.REQUEST_APPROVED
    else:
        request.revision += 1
        request.save(update_fields=["revision"])
    try:
        announce(topic, request, actor, given=given, quorum=request.quorum, comment=comment)
    except AppError as error:
        # The app that asked says no: its "not found" is not ours, and whoever clicked should read why.
        raise NotCarriedOut(f"It cannot be carried out: {error.message}") from error
