from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.approvals.models import ApprovalRequest
from apps.approvals.services import decisions
from tests.factories.tenants import actor_of


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("demo_approval", *arguments, stdout=out)
    return out.getvalue().strip()


def test_demo_approval_asks_for_one_that_can_be_decided(organization, approver):
    first = run("--organization", "acme")
    second = run("--organization", "acme", "--quorum", "2", "--expires-seconds", "60")

    waiting = ApprovalRequest.objects.get(public_id=second)
    assert (waiting.quorum, waiting.policy["expires_seconds"]) == (2, 60)
    decided = decisions.approve(actor=actor_of(approver), approval_id=first)
    assert (decided.state, len(decided.evidence), len(decided.changes)) == ("approved", 3, 3)


def test_demo_approval_in_no_organization_says_so(db):
    with pytest.raises(CommandError):
        run("--organization", "nobody")
