from __future__ import annotations

from typing import Any

import pytest

from apps.approvals.models import ApprovalRequest, Policy
from apps.approvals.services import requests
from tests.client import GateClient
from tests.factories.approvals import CHANGES, EVIDENCE, make_approval
from tests.factories.tenants import actor_of, log_in

pytestmark = pytest.mark.django_db
ONE = """query ($id: ID!) { approval(id: $id) {
  id kind title state quorum given requester { id } subject { id name url } changes { label before after }
  evidence { hash items } decisions { approver { id } verdict comment lapsedAt } approvers
} }"""
APPROVE = """mutation ($id: ID!, $hash: String) {
  approveApproval(id: $id, comment: "right", evidenceHash: $hash) { approval { state given } } }"""
REJECT = """mutation ($id: ID!) { rejectApproval(id: $id, reason: "no") { approval { state reason } } }"""
CANCEL = """mutation ($id: ID!) { cancelApproval(id: $id) { approval { state } } }"""


def ask(person: Any, query: str, **variables: Any) -> dict[str, Any]:
    answer = GateClient(address="192.0.2.1").post(
        "/graphql", key=log_in(person).access, body={"query": query, "variables": variables}
    )
    body: dict[str, Any] = answer.json()
    return body


def code(body: dict[str, Any]) -> str:
    return str(body["errors"][0]["extensions"]["code"])


def test_one_with_its_evidence_and_decisions(asker, viewer):
    request = make_approval(actor_of(asker))

    assert ask(viewer, ONE, id=request.public_id)["data"]["approval"] == {
        "id": request.public_id,
        "kind": "demo.promotion",
        "title": request.title,
        "state": "pending",
        "quorum": 1,
        "given": 0,
        "requester": {"id": asker.user.public_id},
        "subject": {"id": request.subject_id, "name": "churn-predictor", "url": None},
        "changes": CHANGES,
        "evidence": {"hash": request.evidence_hash, "items": EVIDENCE},
        "decisions": [],
        "approvers": [],
    }


def test_decisions_by_mutation(asker, approver):
    first, second, third = [make_approval(actor_of(asker)) for _ in range(3)]

    approved = ask(approver, APPROVE, id=first.public_id, hash=first.evidence_hash)
    rejected = ask(approver, REJECT, id=second.public_id)
    cancelled = ask(asker, CANCEL, id=third.public_id)

    assert approved["data"]["approveApproval"]["approval"] == {"state": "approved", "given": 1}
    assert rejected["data"]["rejectApproval"]["approval"] == {"state": "rejected", "reason": "no"}
    assert cancelled["data"]["cancelApproval"]["approval"] == {"state": "cancelled"}


def test_refusals_have_their_codes(asker, approver, viewer, stranger):
    request = make_approval(actor_of(asker))
    requests.renew_evidence(actor=None, approval_id=request.public_id, evidence=[])
    old = request.evidence_hash

    codes = [
        code(ask(asker, APPROVE, id=request.public_id)),
        code(ask(viewer, APPROVE, id=request.public_id)),
        code(ask(stranger, APPROVE, id=request.public_id)),
        code(ask(approver, APPROVE, id=request.public_id, hash=old)),
    ]
    requests.cancel(actor=actor_of(asker), approval_id=request.public_id)

    assert codes == ["DENIED", "DENIED", "NOT_FOUND", "STALE"]
    assert code(ask(approver, APPROVE, id=request.public_id)) == "CONFLICT"


def test_list_holds_the_organizations_own(asker, approver, stranger):
    make_approval(actor_of(stranger))
    request = make_approval(actor_of(asker))
    query = "{ approvals(forMe: true) { nodes { id given decisions { verdict } } } }"

    assert ask(approver, query)["data"]["approvals"]["nodes"] == [
        {"id": request.public_id, "given": 0, "decisions": []}
    ]
    assert ask(asker, query)["data"]["approvals"]["nodes"] == []


def test_policies_by_mutation(admin, asker):
    create = """mutation { createApprovalPolicy(input: {name: "Champions", kind: "model.promotion", quorum: 2}) {
      policy { id name quorum selector enabled expiresSeconds approvers revision } } }"""
    update = """mutation ($id: ID!) { updateApprovalPolicy(id: $id, expectedRevision: 1, input: {enabled: false}) {
      policy { enabled revision } } }"""
    delete = "mutation ($id: ID!) { deleteApprovalPolicy(id: $id) { id } }"

    policy = ask(admin, create)["data"]["createApprovalPolicy"]["policy"]
    changed = ask(admin, update, id=policy["id"])["data"]["updateApprovalPolicy"]["policy"]
    stale = code(ask(admin, update, id=policy["id"]))
    denied = code(ask(asker, create))
    listed = ask(asker, "{ approvalPolicies { nodes { id name } } }")["data"]["approvalPolicies"]
    ask(admin, delete, id=policy["id"])

    assert policy == {
        "id": policy["id"],
        "name": "Champions",
        "quorum": 2,
        "selector": "*",
        "enabled": True,
        "expiresSeconds": None,
        "approvers": [],
        "revision": 1,
    }
    assert changed == {"enabled": False, "revision": 2}
    assert (stale, denied) == ("STALE", "DENIED")
    assert listed["nodes"] == [{"id": policy["id"], "name": "Champions"}]
    assert Policy.objects.count() == 0


def test_a_form_cannot_reach_a_mutation(asker, approver):
    request = make_approval(actor_of(asker))

    answer = GateClient(address="192.0.2.1").post(
        "/graphql",
        key=log_in(approver).access,
        raw=b"query=mutation",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status in (400, 403, 415)
    assert ApprovalRequest.objects.get(pk=request.pk).state == "pending"
