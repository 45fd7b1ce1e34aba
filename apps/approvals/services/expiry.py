"""What waited too long: written down periodically, and by whoever comes upon it."""

from __future__ import annotations

import structlog
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from apps.approvals import topics
from apps.approvals.domain.states import State
from apps.approvals.errors import AlreadyPending, ApprovalExpired
from apps.approvals.models import ApprovalRequest
from apps.approvals.services.announcing import announce
from apps.core.tenancy import organization_scope, unscoped

log = structlog.get_logger(__name__)
BATCH = 200


def expire_due() -> int:
    """Expire what is due in every organisation, each in a transaction of its own: one that fails holds up no other."""
    with unscoped(reason="periodic, over all organisations"):
        rows = ApprovalRequest.objects.filter(state=State.PENDING, expires_at__lte=timezone.now())
        due = list(rows.order_by("expires_at").values_list("organization_id", "pk")[:BATCH])
    return sum(_expire(organization_id, pk) for organization_id, pk in due)


def make_room(wanted: ApprovalRequest) -> None:
    """Before something is asked for anew: what is overdue expires, what waits still stands. Raises `AlreadyPending`.

    It waits for nobody: the asker may hold rows that whoever decides on the old request needs to carry it out.
    """
    rows = ApprovalRequest.objects.filter(
        organization_id=wanted.organization_id,
        kind=wanted.kind,
        subject_id=wanted.subject_id,
        state=State.PENDING,
    )
    try:
        with transaction.atomic():
            old = rows.select_for_update(of=("self",), no_key=True, nowait=True).first()
            is_free = old is None or expire_if_due(old)
    except OperationalError:
        if not connection.features.has_select_for_update_nowait:
            raise
        is_free = False
    if not is_free:
        raise AlreadyPending


def expire_if_due(request: ApprovalRequest) -> bool:
    """Whether its time was over; then it is written down. The caller holds the row, and commits before it refuses."""
    now = timezone.now()
    is_due = request.state == State.PENDING and request.state_at(now) is State.EXPIRED
    if is_due:
        request.state = State.EXPIRED
        request.decided_at = now
        request.revision += 1
        request.save(update_fields=["state", "decided_at", "revision"])
        announce(topics.REQUEST_EXPIRED, request, None)
    return is_due


def refuse(*, is_overdue: bool) -> None:
    if is_overdue:
        raise ApprovalExpired


def _expire(organization_id: int, pk: int) -> int:
    try:
        with organization_scope(organization_id), transaction.atomic():
            rows = ApprovalRequest.objects.select_for_update(of=("self",), no_key=True)
            request = rows.filter(pk=pk).first()
            return int(request is not None and expire_if_due(request))
    except Exception as error:  # noqa: BLE001 - a receiver of some app's; the others are due too
        log.warning("approval_not_expired", approval=pk, error=repr(error))
        return 0
