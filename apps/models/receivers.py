"""What the registry does when others announce something."""

from __future__ import annotations

from apps.approvals import topics as approvals
from apps.core.bus import Fact, receives
from apps.models.services import stages


@receives(approvals.REQUEST_APPROVED)
def promote(fact: Fact) -> None:
    """An approved promotion is carried out with the decision, or the decision is taken back."""
    if fact.data["kind"] == stages.PROMOTION:
        stages.carry_out(actor=fact.actor, payload=fact.data["payload"])
