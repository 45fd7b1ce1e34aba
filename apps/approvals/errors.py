"""What can go wrong with approvals, beyond the words of the kernel."""

from __future__ import annotations

from apps.core.errors import Conflict, PermissionDenied, Stale


class ApprovalEnded(Conflict):
    code = "approval_ended"
    message = "This request has been decided already."


class ApprovalExpired(Conflict):
    code = "approval_expired"
    message = "This request has expired; it has to be asked for again."


class AlreadyApproved(Conflict):
    code = "already_approved"
    message = "You have approved this already; it waits for others."


class AlreadyPending(Conflict):
    code = "approval_pending"
    message = "The same is waiting for approval already."


class NotCarriedOut(Conflict):
    code = "not_carried_out"
    message = "It cannot be carried out as it was asked for."


class EvidenceChanged(Stale):
    code = "evidence_changed"
    message = "The evidence changed since you read it. Look again, then decide."


class OwnRequest(PermissionDenied):
    code = "own_request"
    message = "Nobody decides on what they asked for or changed themselves, by whichever key."


class NotAnApprover(PermissionDenied):
    code = "not_an_approver"
    message = "The policy names other people for this decision."


class NameTaken(Conflict):
    code = "name_taken"
    message = "A policy has this name already."
