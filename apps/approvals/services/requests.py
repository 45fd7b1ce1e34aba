"""What other apps call: ask for an approval, renew its evidence, declare it void; and taking a request back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.approvals import topics
from apps.approvals.domain import evidence as evidences
from apps.approvals.domain import terms as limits
from apps.approvals.domain.states import State, may_move
from apps.approvals.domain.terms import Terms
from apps.approvals.errors import AlreadyPending, ApprovalEnded
from apps.approvals.models import ApprovalRequest, Policy
from apps.approvals.permissions import ApprovalsPermission
from apps.approvals.queries import policies, standing
from apps.approvals.services import expiry
from apps.approvals.services.announcing import announce
from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound
from apps.core.permissions import require
from apps.core.text import clean_line, is_misleading

LONGEST_TEXT = 1000


def request_approval(
    *,
    actor: Actor,
    kind: str,
    subject_id: str,
    subject_name: str,
    title: str,
    changes: Sequence[Mapping[str, Any]] = (),
    evidence: Sequence[Mapping[str, Any]] = (),
    payload: Mapping[str, Any] | None = None,
    consequence: str = "",
    subject_url: str = "",
    terms: Terms | None = None,
) -> ApprovalRequest | None:
    """Ask, if a policy asks for it or `terms` do; None when nobody need agree, and the deed may be done at once.

    The asking app has authorised its deed. Raises `AlreadyPending`, `Invalid`, and `NotFound` for unknown approvers.
    """
    require(actor, ApprovalsPermission.VIEW)
    limits.check_kind(kind)
    policy = policies.policy_for(
        organization_id=actor.organization_id, kind=kind, name=subject_name
    )
    if policy is None and terms is None:
        return None
    demanded = _demanded(actor, policy, terms)
    now = timezone.now()
    shown = _shown(kind, subject_id, changes, evidence, {} if payload is None else payload)
    request = ApprovalRequest(
        organization_id=actor.organization_id,
        kind=kind,
        subject_id=subject_id,
        subject_name=subject_name,
        subject_url=subject_url,
        title=clean_line(title, field="title"),
        consequence=consequence,
        requester_id=actor.principal,
        requester_name=actor.identity.name[:255],
        barred=_joined(standing.people_behind(actor)),
        policy=_snapshot(policy, demanded),
        quorum=demanded.quorum,
        approvers=_joined(demanded.approvers),
        created_at=now,
        expires_at=_end(now, demanded.expires_seconds),
        **shown,
    )
    expiry.make_room(request)
    with transaction.atomic():
        try:
            with transaction.atomic():
                request.save()
        except IntegrityError:
            raise AlreadyPending from None
        announce(topics.REQUEST_CREATED, request, actor, quorum=request.quorum)
    return request


def renew_evidence(
    *,
    actor: Actor | None,
    approval_id: str,
    evidence: Sequence[Mapping[str, Any]] | None = None,
    changes: Sequence[Mapping[str, Any]] | None = None,
    payload: Mapping[str, Any] | None = None,
) -> ApprovalRequest:
    """Show something else than before: approvals given so far lapse, and whoever changed it may not decide either.

    What is not named stays; nothing happens when the hash is the same. `actor` is None for the house itself.
    Raises `NotFound`, `ApprovalEnded`, `Invalid`.
    """
    with transaction.atomic():
        request = lock(approval_id)
        if request.present_state is not State.PENDING:
            raise ApprovalEnded
        shown = _shown(
            request.kind,
            request.subject_id,
            request.changes if changes is None else changes,
            request.evidence if evidence is None else evidence,
            request.payload if payload is None else payload,
        )
        if shown["evidence_hash"] == request.evidence_hash:
            return request
        before = {"evidence_hash": request.evidence_hash}
        for column, value in shown.items():
            setattr(request, column, value)
        people = {*request.barred.split(), *standing.people_behind(actor)}
        request.barred = _joined(people)
        request.revision += 1
        request.save(update_fields=[*shown, "barred", "revision"])
        lapsed = request.decisions.filter(lapsed_at=None).update(lapsed_at=timezone.now())
        announce(topics.REQUEST_RENEWED, request, actor, before=before, lapsed=lapsed)
    return request


def void_request(*, actor: Actor | None, approval_id: str, reason: str) -> ApprovalRequest:
    """What it was about is gone or was changed: neither a click nor an approval given before carries it out any more.

    Raises `NotFound`, `ApprovalEnded`.
    """
    with transaction.atomic():
        request = lock(approval_id)
        if not may_move(request.present_state, State.VOID):
            raise ApprovalEnded
        end(request, State.VOID, reason=reason)
        announce(topics.REQUEST_VOIDED, request, actor)
    return request


def cancel(*, actor: Actor, approval_id: str, reason: str = "") -> ApprovalRequest:
    """Take it back: whoever asked, or an administrator. Raises `NotFound`, `PermissionDenied`, `ApprovalEnded`."""
    require(actor, ApprovalsPermission.VIEW)
    reason = check_text(reason, "reason")
    with transaction.atomic():
        request = lock(approval_id)
        require(actor, ApprovalsPermission.CANCEL, request)
        overdue = expiry.expire_if_due(request)
        if not overdue:
            refuse_ended(request)
            end(request, State.CANCELLED, reason=reason)
            announce(topics.REQUEST_CANCELLED, request, actor)
    expiry.refuse(is_overdue=overdue)
    return request


def lock(approval_id: str) -> ApprovalRequest:
    """The row of the current organisation, held until the transaction ends. Raises `NotFound`."""
    rows = ApprovalRequest.objects.select_for_update(of=("self",), no_key=True)
    request = rows.filter(public_id=approval_id).first()
    if request is None:
        raise NotFound
    return request


def end(request: ApprovalRequest, state: State, *, reason: str = "") -> None:
    if not may_move(State(request.state), state):
        raise ApprovalEnded
    request.state = state
    request.reason = reason
    request.decided_at = timezone.now()
    request.revision += 1
    request.save(update_fields=["state", "reason", "decided_at", "revision"])


def refuse_ended(request: ApprovalRequest) -> None:
    if request.state != State.PENDING:
        raise ApprovalEnded(f"This request is {request.state} already.")


def check_text(text: str, field: str, *, is_needed: bool = False) -> str:
    """A comment or reason: some lines, or none where none is needed."""
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if is_needed and not text:
        raise Invalid.field(field, "say why", "required")
    if any(map(is_misleading, text.split("\n"))):
        raise Invalid.field(field, "must not hold control characters", "control")
    if len(text) > LONGEST_TEXT:
        raise Invalid.field(field, f"must have at most {LONGEST_TEXT} characters", "max_length")
    return text


def _demanded(actor: Actor, policy: Policy | None, terms: Terms | None) -> Terms:
    if terms is not None:
        limits.check_quorum(terms.quorum)
        limits.check_expiry(terms.expires_seconds)
        limits.check_reach(terms.quorum, limits.check_approvers(terms.approvers))
        check_members(actor, terms.approvers)
    if policy is None:
        assert terms is not None
        return terms
    own = Terms(policy.quorum, tuple(policy.approvers), policy.expires_seconds)
    return own if terms is None else limits.stricter(own, terms)


def check_members(actor: Actor, ids: Iterable[str]) -> None:
    """Each is a member here; another organisation's person is not there. Raises `NotFound`."""
    wanted = set(ids)
    if wanted and set(policies.approver_names(actor, wanted)) != wanted:
        raise NotFound("There is no such approver in this organisation.")


def _snapshot(policy: Policy | None, demanded: Terms) -> dict[str, Any]:
    return {
        "id": policy.public_id if policy else None,
        "name": policy.name if policy else "",
        "quorum": demanded.quorum,
        "approvers": list(demanded.approvers),
        "expires_seconds": demanded.expires_seconds,
    }


def _shown(
    kind: str,
    subject_id: str,
    changes: Sequence[Mapping[str, Any]],
    evidence: Sequence[Mapping[str, Any]],
    payload: Mapping[str, Any],
) -> dict[str, Any]:
    """The columns that a decision is bound to, with their hash."""
    kept: dict[str, Any] = {
        "changes": evidences.check_changes(changes),
        "evidence": evidences.check_evidence(evidence),
        "payload": evidences.check_payload(payload),
    }
    return {**kept, "evidence_hash": evidences.hash_of(kind=kind, subject=subject_id, **kept)}


def _end(now: datetime, seconds: int | None) -> datetime:
    return now + (
        settings.SIGNALBOX_APPROVAL_LIFE if seconds is None else timedelta(seconds=seconds)
    )


def _joined(ids: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(ids))
