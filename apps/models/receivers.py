"""What the registry does when others announce something."""

from __future__ import annotations

from apps.approvals import topics as approvals
from apps.core.bus import Fact, receives
from apps.core.tenancy import organization_scope
from apps.jobs import topics as jobs
from apps.models.services import aliases, asking, checking, stages


@receives(approvals.REQUEST_APPROVED)
def promote(fact: Fact) -> None:
    """What was approved, a promotion or an alias, is carried out with the decision, or the decision is taken back."""
    if fact.data["kind"] != asking.PROMOTION:
        return
    payload = fact.data["payload"]
    deed = aliases.carry_out if "alias" in payload else stages.carry_out
    deed(actor=fact.actor, payload=payload)


@receives(jobs.JOB_FAILED)
@receives(jobs.JOB_CANCELLED)
def refuse_unopened(fact: Fact) -> None:
    """A version whose opening is given up must not wait for ever."""
    if fact.data["kind"] == checking.CHECK.name:
        with organization_scope(fact.organization_id):
            checking.give_up(job_id=fact.object_id)
