"""Where an approval stands, and the one table of moves between states."""

from __future__ import annotations

from datetime import datetime

from apps.approvals.enums import ApprovalState

State = ApprovalState
ENDED = frozenset(State) - {State.PENDING}
MOVES: dict[ApprovalState, frozenset[ApprovalState]] = {
    State.PENDING: ENDED,
    # Approved, but what was approved is no longer there, or was changed before it was carried out.
    State.APPROVED: frozenset({State.VOID}),
    State.REJECTED: frozenset(),
    State.EXPIRED: frozenset(),
    State.CANCELLED: frozenset(),
    State.VOID: frozenset(),
}


def may_move(before: ApprovalState, after: ApprovalState) -> bool:
    return after in MOVES[before]


def state_at(kept: ApprovalState, expires_at: datetime, now: datetime) -> ApprovalState:
    """Judged at reading: nobody need have written down that its time is over."""
    return State.EXPIRED if kept is State.PENDING and expires_at <= now else kept
