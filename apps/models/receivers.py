"""What the registry does when others announce something."""

from __future__ import annotations

from apps.approvals import topics as approvals
from apps.core.bus import Fact, receives
from apps.models.services import aliases, asking, stages


@receives(approvals.REQUEST_APPROVED)
def promote(fact: Fact) -> None:
    """What was approved, a promotion or an alias, is carried out with the decision, or the decision is taken back."""
    if fact.data["kind"] != asking.PROMOTION:
        return
    payload = fact.data["payload"]
    deed = aliases.carry_out if "alias" in payload else stages.carry_out
    deed(actor=fact.actor, payload=payload)
