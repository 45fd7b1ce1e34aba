"""The operator's admin: the same services, so being the operator is no approver grant."""

from __future__ import annotations

import pytest

from apps.approvals.models import ApprovalRequest, Decision
from apps.approvals.services import requests
from apps.tenants.models import Membership
from tests.factories.approvals import make_approval, make_policy
from tests.factories.console import Visitor, page
from tests.factories.tenants import actor_of, make_admin, make_member

INLINE = {
    "decisions-TOTAL_FORMS": "0",
    "decisions-INITIAL_FORMS": "0",
    "decisions-MIN_NUM_FORMS": "0",
    "decisions-MAX_NUM_FORMS": "0",
}


def operator(membership: Membership) -> Visitor:
    membership.user.is_staff = True
    membership.user.save()
    return Visitor(membership)


def path_of(request: ApprovalRequest) -> str:
    return f"/admin/approvals/approvalrequest/{request.pk}/change/"


def decide(visitor: Visitor, request: ApprovalRequest, verdict: str, comment: str = "") -> int:
    form = {**INLINE, "verdict": verdict, "comment": comment, "seen": request.evidence_hash}
    return visitor.post(path_of(request), form).status


def test_an_operator_who_is_an_approver_there_decides(asker, approver):
    visitor = operator(approver)
    first, second = make_approval(actor_of(asker)), make_approval(actor_of(asker))

    html = page(visitor.get(path_of(first)))
    decide(visitor, first, "approve", "right")
    decide(visitor, second, "reject", "no")

    assert (f'value="{first.evidence_hash}"' in html, "Accuracy on last month" in html) == (
        True,
        True,
    )
    assert list(ApprovalRequest.objects.order_by("pk").values_list("state", flat=True)) == [
        "approved",
        "rejected",
    ]
    assert set(Decision.objects.values_list("approver_id", flat=True)) == {approver.user.public_id}
    assert 'name="verdict"' not in page(visitor.get(path_of(first)))


def test_an_operator_without_the_grant_decides_on_nothing(asker, admin, stranger):
    request = make_approval(actor_of(asker))
    foreign = make_admin()

    for visitor in (operator(admin), operator(stranger), operator(foreign)):
        assert visitor.get(path_of(request)).status == 200
        decide(visitor, request, "approve")

    assert (ApprovalRequest.objects.get().state, Decision.objects.count()) == ("pending", 0)


def test_nobody_decides_on_their_own_request_here_either(asker):
    request = make_approval(actor_of(asker))

    decide(operator(asker), request, "approve")

    assert ApprovalRequest.objects.get().state == "pending"


def test_changed_evidence_and_a_missing_reason_decide_nothing(asker, approver):
    visitor = operator(approver)
    request = make_approval(actor_of(asker))
    requests.renew_evidence(actor=None, approval_id=request.public_id, evidence=[])

    decide(visitor, request, "approve")
    decide(visitor, ApprovalRequest.objects.get(), "reject")

    assert ApprovalRequest.objects.get().state == "pending"


def test_no_decision_without_the_csrf_token(asker, approver):
    request = make_approval(actor_of(asker))
    form = {**INLINE, "verdict": "approve", "seen": request.evidence_hash}

    answer = operator(approver).post(path_of(request), form, token="x" * 32)

    assert (answer.status, ApprovalRequest.objects.get().state) == (403, "pending")


@pytest.mark.parametrize("model", ["approvalrequest", "policy"])
def test_lists_show_every_organization_and_only_to_operators(model, asker, admin, stranger):
    make_approval(actor_of(asker), title="Ours")
    make_approval(actor_of(stranger), title="Theirs")
    make_policy(actor_of(admin), name="Ours")
    make_policy(actor_of(stranger), name="Theirs")
    path = f"/admin/approvals/{model}/"

    html = page(operator(make_member(asker.organization)).get(path))

    assert (">Ours<" in html, ">Theirs<" in html) == (True, True)
    assert Visitor(asker).get(path).status != 200
